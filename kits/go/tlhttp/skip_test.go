package tlhttp_test

import (
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlhttp"
)

// Whoever skips health checks wants no span of them, and the trace to go on all the same, on both sides.
func TestASkippedRequestIsNotToldAndPassesItsTraceOn(t *testing.T) {
	h := kittest.New(t)
	skip := tlhttp.WithSkip(func(r *http.Request) bool { return r.URL.Path == "/healthz" })
	var served []trace.SpanContext
	server := serve(t, tlhttp.Handler(h.Kit, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		served = append(served, trace.SpanContextFromContext(r.Context()))
	}), skip))
	client := &http.Client{Transport: tlhttp.Transport(h.Kit, nil, skip)}

	ctx, end := h.Kit.Span(t.Context(), "outer")
	for _, path := range []string{"/healthz", "/orders"} {
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	end(nil)

	h.AssertTree("outer\n  GET\n    GET\n") // those of /orders
	outer := trace.SpanContextFromContext(ctx)
	if served[0].TraceID() != outer.TraceID() || served[0].SpanID() != outer.SpanID() {
		t.Errorf("the skipped request continued %s of trace %s", served[0].SpanID(), served[0].TraceID())
	}
	for _, metric := range []string{"http.server.request.duration", "http.client.request.duration"} {
		if n := h.Histogram(metric)[0].Count; n != 1 {
			t.Errorf("%s: %d requests were measured", metric, n)
		}
	}
}
