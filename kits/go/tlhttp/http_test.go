package tlhttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlhttp"
)

const remoteParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// serve starts a real server whose panics are not printed.
func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, client *http.Client, ctx context.Context, url string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("User-Agent", "test/1")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// expect compares all attributes of a span; ports and other run-time values are passed in.
func expect(t *testing.T, span tracetest.SpanStub, kind trace.SpanKind, status codes.Code, want map[string]any) {
	t.Helper()
	if span.SpanKind != kind || span.Status.Code != status || span.Status.Description != "" {
		t.Errorf("%s: kind %s, status %+v", span.Name, span.SpanKind, span.Status)
	}
	if got := kittest.Attributes(span.Attributes); !maps.Equal(got, want) {
		t.Errorf("%s:\ngot  %v\nwant %v", span.Name, got, want)
	}
}

func portOf(server *httptest.Server) int64 {
	return int64(server.Listener.Addr().(*net.TCPAddr).Port)
}

func TestARequestIsOneTraceOnBothSides(t *testing.T) {
	h := kittest.New(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, end := h.Kit.Span(r.Context(), "inside")
		end(nil)
		fmt.Fprint(w, baggage.FromContext(r.Context()).Member("tenant").Value())
	})
	server := serve(t, tlhttp.Handler(h.Kit, mux))
	client := &http.Client{Transport: tlhttp.Transport(h.Kit, nil)}
	member, _ := baggage.NewMember("tenant", "acme")
	bag, _ := baggage.New(member)
	ctx := tlhttp.WithURLTemplate(baggage.ContextWithBaggage(t.Context(), bag), "/orders/{id}")
	_, body := get(t, client, tlhttp.WithResendCount(ctx, 2), server.URL+"/orders/7?token=secret")
	if body != "acme" {
		t.Errorf("baggage did not arrive: %q", body)
	}
	spans := h.WaitSpans(3)
	clientSpan, serverSpan, inside := spans[0], spans[1], spans[2]
	if serverSpan.Parent.SpanID() != clientSpan.SpanContext.SpanID() || inside.Parent.SpanID() != serverSpan.SpanContext.SpanID() {
		t.Error("the trace is broken")
	}
	if clientSpan.Name != "GET /orders/{id}" || serverSpan.Name != "GET /orders/{id}" {
		t.Errorf("names are %q and %q", clientSpan.Name, serverSpan.Name)
	}
	expect(t, clientSpan, trace.SpanKindClient, codes.Unset, map[string]any{
		"http.request.method": "GET", "url.full": server.URL + "/orders/7", "url.template": "/orders/{id}",
		"server.address": "127.0.0.1", "server.port": portOf(server), "http.request.resend_count": int64(2),
		"http.response.status_code": int64(200), "network.protocol.version": "1.1",
	})
	expect(t, serverSpan, trace.SpanKindServer, codes.Unset, map[string]any{
		"http.request.method": "GET", "url.scheme": "http", "url.path": "/orders/7", "http.route": "/orders/{id}",
		"server.address": "127.0.0.1", "server.port": portOf(server), "client.address": "127.0.0.1",
		"network.protocol.version": "1.1", "user_agent.original": "test/1", "http.response.status_code": int64(200),
	})
	for name, want := range map[string]map[string]any{
		"http.server.request.duration": {"http.request.method": "GET", "url.scheme": "http", "http.route": "/orders/{id}",
			"network.protocol.version": "1.1", "http.response.status_code": int64(200)},
		"http.client.request.duration": {"http.request.method": "GET", "server.address": "127.0.0.1", "server.port": portOf(server),
			"url.template": "/orders/{id}", "network.protocol.version": "1.1", "http.response.status_code": int64(200)},
	} {
		point := h.Histogram(name)[0]
		if got := kittest.Attributes(point.Attributes.ToSlice()); !maps.Equal(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", name, got, want)
		}
		if point.Bounds[0] != 0.005 || point.Bounds[len(point.Bounds)-1] != 10 || len(point.Exemplars) != 1 {
			t.Errorf("%s: bounds %v, %d exemplars", name, point.Bounds, len(point.Exemplars))
		}
	}
}

func TestServerStatus(t *testing.T) {
	h := kittest.New(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	mux.HandleFunc("/404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/hint", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("ouch") })
	mux.HandleFunc("/late-panic", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("ouch") })
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	server := serve(t, tlhttp.Handler(h.Kit, mux))
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // on used connections it would repeat requests
	for path, want := range map[string]struct {
		status    codes.Code
		errorType any
		code      any
	}{
		"/500":        {codes.Error, "500", int64(500)},
		"/404":        {codes.Unset, nil, int64(404)},
		"/silent":     {codes.Unset, nil, int64(200)},
		"/hint":       {codes.Unset, nil, int64(201)},
		"/panic":      {codes.Error, "panic", nil},
		"/late-panic": {codes.Error, "panic", int64(200)},
		"/abort":      {codes.Error, "broken_response", nil},
		"/nowhere":    {codes.Unset, nil, int64(404)},
	} {
		if response, err := fresh.Get(server.URL + path); err == nil {
			response.Body.Close()
		}
		name := "GET " + path
		if path == "/nowhere" {
			name = "GET"
		}
		span := h.Span(name)
		attrs := kittest.Attributes(span.Attributes)
		if span.Status.Code != want.status || attrs["error.type"] != want.errorType || attrs["http.response.status_code"] != want.code {
			t.Errorf("%s: status %v, attributes %v", path, span.Status, attrs)
		}
		if len(span.Events) != 0 {
			t.Errorf("%s: events %v", path, span.Events)
		}
	}
	if h.Sum("http.server.active_requests") != 0 {
		t.Error("requests that are over count as active")
	}
	if logs := h.Logs(); len(logs) != 2 || logs[0].EventName() != "exception" {
		t.Errorf("the panics left %d log records", len(logs))
	}
}

func TestUnknownMethodsDoNotMultiply(t *testing.T) {
	h := kittest.New(t)
	server := serve(t, tlhttp.Handler(h.Kit, http.NotFoundHandler()))
	request, _ := http.NewRequest("BREW", server.URL, nil)
	response, err := (&http.Client{Transport: tlhttp.Transport(h.Kit, nil)}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	for _, span := range h.WaitSpans(2) {
		attrs := kittest.Attributes(span.Attributes)
		if span.Name != "HTTP" || attrs["http.request.method"] != "_OTHER" || attrs["http.request.method_original"] != "BREW" {
			t.Errorf("%s %v", span.Name, attrs)
		}
	}
}

func TestAClientThatLeavesEndsTheSpan(t *testing.T) {
	h := kittest.New(t)
	arrived := make(chan struct{})
	server := serve(t, tlhttp.Handler(h.Kit, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	_, err := (&http.Client{Transport: tlhttp.Transport(h.Kit, nil)}).Do(request)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for _, span := range h.WaitSpans(2) {
		if span.Status.Code != codes.Error || kittest.Attributes(span.Attributes)["error.type"] != "canceled" {
			t.Errorf("%s: %v %v", span.SpanKind, span.Status, span.Attributes)
		}
	}
	if h.Sum("http.server.active_requests") != 0 {
		t.Error("a request whose client left counts as active")
	}
}

func TestAPublicEndpointStartsItsOwnTrace(t *testing.T) {
	h := kittest.New(t)
	server := serve(t, tlhttp.Handler(h.Kit, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, baggage.FromContext(r.Context()).Len())
	}), tlhttp.WithPublicEndpoint()))
	request, _ := http.NewRequest(http.MethodGet, server.URL, nil)
	request.Header.Set("traceparent", remoteParent)
	request.Header.Set("baggage", "admin=true")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	span := h.WaitSpans(1)[0]
	if span.Parent.IsValid() || len(span.Links) != 1 || span.Links[0].SpanContext.SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("parent %v, links %v", span.Parent, span.Links)
	}
	if string(body) != "0" {
		t.Error("baggage from the public came in")
	}
}

func TestRoutesOfPatterns(t *testing.T) {
	h := kittest.New(t)
	mux := http.NewServeMux()
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, pattern := range []string{"GET /{$}", "/files/{path...}", "POST example.com/a/{b}"} {
		mux.Handle(pattern, handler)
	}
	traced := tlhttp.Handler(h.Kit, mux)
	for _, c := range []struct{ method, url, want string }{
		{"GET", "http://x/", "GET /"}, {"HEAD", "http://x/files/a/b", "HEAD /files/{path...}"},
		{"POST", "http://example.com/a/7", "POST /a/{b}"},
	} {
		traced.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(c.method, c.url, nil))
		h.Span(c.want)
	}
}

func TestClientFailures(t *testing.T) {
	h := kittest.New(t)
	client := &http.Client{Transport: tlhttp.Transport(h.Kit, nil)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + listener.Addr().String()
	listener.Close()
	if _, err := client.Get(refused); err == nil {
		t.Fatal("somebody answered")
	}
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			conn, _, _ := http.NewResponseController(w).Hijack()
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			conn.Close()
			return
		}
		w.WriteHeader(404)
	}))
	for _, path := range []string{"/404", "/cut"} {
		response, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	spans := h.WaitSpans(3)
	for i, want := range []string{"connection_refused", "404", "broken_response"} {
		attrs := kittest.Attributes(spans[i].Attributes)
		if spans[i].Status.Code != codes.Error || attrs["error.type"] != want {
			t.Errorf("%d: %v, want %s", i, attrs, want)
		}
	}
}

func TestAnUnreadBodyEndsWithItsContext(t *testing.T) {
	h := kittest.New(t)
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(make([]byte, 1<<20))
	}))
	ctx, cancel := context.WithCancel(t.Context())
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	response, err := (&http.Client{Transport: tlhttp.Transport(h.Kit, nil)}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Spans()) != 0 {
		t.Error("the span ended before the body")
	}
	cancel()
	if attrs := kittest.Attributes(h.WaitSpans(1)[0].Attributes); attrs["error.type"] != "canceled" {
		t.Errorf("got %v", attrs)
	}
	response.Body.Close()
}

func TestWritersKeepTheirAbilities(t *testing.T) {
	h := kittest.New(t)
	var can []string
	server := serve(t, tlhttp.Handler(h.Kit, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(io.ReaderFrom); ok {
			can = append(can, "read from")
		}
		w.(http.Flusher).Flush()
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		can = append(can, "hijack")
		fmt.Fprint(conn, "0\r\n\r\n")
		conn.Close()
	})))
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Fatal(err)
	}
	h.WaitSpans(1)
	if strings.Join(can, ",") != "read from,hijack" {
		t.Errorf("writer can only %v", can)
	}
	// A writer that can do less does not pretend.
	tlhttp.Handler(h.Kit, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Hijacker); ok {
			t.Error("a recorder cannot be hijacked")
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestADisabledKitStillPassesTheTraceOn(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	h := kittest.New(t)
	var got http.Header
	backend := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	for _, kit := range []*throughline.Kit{h.Kit, nil} {
		front := serve(t, tlhttp.Handler(kit, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			request, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, backend.URL, nil)
			response, err := (&http.Client{Transport: tlhttp.Transport(kit, nil)}).Do(request)
			if err == nil {
				response.Body.Close()
			}
		})))
		request, _ := http.NewRequest(http.MethodGet, front.URL, nil)
		request.Header.Set("traceparent", remoteParent)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got.Get("traceparent") != remoteParent {
			t.Errorf("passed on %q", got.Get("traceparent"))
		}
	}
	if len(h.Spans()) != 0 {
		t.Error("a disabled kit recorded spans")
	}
}
