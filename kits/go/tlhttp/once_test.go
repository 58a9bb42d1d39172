package tlhttp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlhttp"
)

// another stands for an instrumentation that is not the kit's: it makes the span and knows nothing of the kit.
var another = sdktrace.NewTracerProvider().Tracer("another library")

type anotherTransport struct{ next http.RoundTripper }

func (t anotherTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := another.Start(r.Context(), "HTTP GET", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", "GET")))
	defer span.End()
	return t.next.RoundTrip(r.WithContext(ctx))
}

func TestARequestThatHasASpanGetsNoSecondOne(t *testing.T) {
	h := kittest.New(t)
	inside := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, end := h.Kit.Span(r.Context(), "inside")
		end(nil)
	})
	handler := tlhttp.Handler(h.Kit, inside)
	var made trace.SpanContext
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := another.Start(r.Context(), "another", trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		made = span.SpanContext()
		handler.ServeHTTP(w, r.WithContext(ctx))
	}))
	request, _ := http.NewRequest(http.MethodGet, server.URL, nil)
	request.Header.Set("traceparent", remoteParent) // which the other library has its own way with
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if parent := h.Span("inside").Parent; !parent.Equal(made) {
		t.Errorf("what is inside has the parent %v, not the span that was made", parent.SpanID())
	}
	h.AssertTree("inside\n")
	if n := h.Histogram("http.server.request.duration")[0].Count; n != 1 {
		t.Errorf("%d requests were measured", n)
	}
}

func TestAHandlerInsideAnotherOfTheKitPassesOn(t *testing.T) {
	h := kittest.New(t)
	inner := tlhttp.Handler(h.Kit, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(unwrapping{w}, r) })
	server := serve(t, tlhttp.Handler(h.Kit, between, tlhttp.WithPublicEndpoint()))
	request, _ := http.NewRequest(http.MethodGet, server.URL, nil)
	request.Header.Set("traceparent", remoteParent)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	h.AssertTree("GET\n")
	if span := h.Span("GET"); span.Parent.IsValid() {
		t.Error("the inner handler followed a caller the outer one does not trust")
	}
	if n := h.Histogram("http.server.request.duration")[0].Count; n != 1 {
		t.Errorf("%d requests were measured", n)
	}
}

type unwrapping struct{ http.ResponseWriter }

func (w unwrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestACallThatHasASpanGetsNoSecondOne(t *testing.T) {
	h := kittest.New(t)
	parents := make(chan string, 2)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { parents <- r.Header.Get("traceparent") }))
	defer server.Close()
	kits := tlhttp.Transport(h.Kit, nil)
	for _, transport := range []http.RoundTripper{anotherTransport{kits}, tlhttp.Transport(h.Kit, kits)} {
		request, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL, nil)
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if parent := <-parents; parent == "" {
			t.Error("the context was not passed on")
		}
	}
	h.AssertTree("GET\n") // of the second: the outer one
	if n := h.Histogram("http.client.request.duration")[0].Count; n != 2 {
		t.Errorf("%d calls were measured", n)
	}
}
