package edges

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlhttp"
)

func init() {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	served := func(method, path string, handler http.HandlerFunc, opts ...tlhttp.Option) func(*testing.T, *kittest.Harness) {
		return func(t *testing.T, h *kittest.Harness) { request(t, server(t, h, handler, opts...), method, path) }
	}
	producers["http-server-200"] = served("GET", "/orders/17?card=4111", status(200))
	producers["http-server-404"] = served("GET", "/orders/17", status(404))
	producers["http-server-500"] = served("GET", "/orders/17", status(500))
	producers["http-server-panic"] = served("GET", "/orders/17", func(http.ResponseWriter, *http.Request) { panic("deliberate") })
	producers["http-server-unknown-method"] = served("BREW", "/orders/17", status(200))
	producers["http-server-no-route"] = served("GET", "/nowhere", status(200))
	producers["http-server-public"] = served("GET", "/orders/17", status(200), tlhttp.WithPublicEndpoint())
	producers["http-server-left-before-response"] = served("GET", "/orders/17", func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})
	producers["http-server-left-in-body"] = served("GET", "/orders/17", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	producers["http-client-200"] = func(t *testing.T, h *kittest.Harness) {
		ctx := tlhttp.WithResendCount(tlhttp.WithURLTemplate(t.Context(), "/orders/{id}"), 2)
		call(ctx, h, httptestURL(t, status(200))+"/orders/17?card=4111#me")
	}
	producers["http-client-404"] = func(t *testing.T, h *kittest.Harness) { call(t.Context(), h, httptestURL(t, status(404))) }
	producers["http-client-refused"] = func(t *testing.T, h *kittest.Harness) { call(t.Context(), h, refusing(t)) }
	producers["http-client-unknown-host"] = func(t *testing.T, h *kittest.Harness) {
		call(t.Context(), h, "http://no-such-host.invalid:8080/")
	}
	producers["http-client-timeout"] = func(t *testing.T, h *kittest.Harness) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		call(ctx, h, httptestURL(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	}
	producers["http-client-broken-body"] = func(t *testing.T, h *kittest.Harness) {
		call(t.Context(), h, httptestURL(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := http.NewResponseController(w).Hijack()
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			conn.Close()
		}))
	}
}

func httptestURL(t *testing.T, handler http.HandlerFunc) string {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	s.Config.ErrorLog = nil
	return s.URL
}

func server(t *testing.T, h *kittest.Harness, handler http.HandlerFunc, opts ...tlhttp.Option) string {
	mux := http.NewServeMux()
	mux.Handle("/orders/{id}", handler)
	return httptestURL(t, tlhttp.Handler(h.Kit, mux, opts...).ServeHTTP)
}

// request is made by a client without telemetry that goes away when nothing more comes.
func request(t *testing.T, url, method, path string) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "edges")
	r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if response, err := http.DefaultClient.Do(r); err == nil {
		_, _ = io.CopyN(io.Discard, response.Body, 1<<20)
		response.Body.Close()
	}
}

func call(ctx context.Context, h *kittest.Harness, url string) {
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if response, err := (&http.Client{Transport: tlhttp.Transport(h.Kit, nil)}).Do(r); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

func refusing(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}
