package throughline_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/internal/kittest"
	"throughline.dev/kits/go/tlhttp"
)

// Spans get their attributes after the start, unless sampling asks for them: a rule about attributes must work, and what is sent must not
// depend on there being one.
func TestRulesKnowTheAttributes(t *testing.T) {
	free := play(t, throughline.Sampling{Probability: 1})
	ruled := play(t, throughline.Sampling{Probability: 1, Rules: []throughline.SamplingRule{
		{Attributes: []attribute.KeyValue{attribute.String("url.path", "/healthz")}},
		{Attributes: []attribute.KeyValue{attribute.Bool("trial", true)}},
	}})
	if len(free) != 6 {
		t.Errorf("without rules: %d spans\n%q", len(free), free)
	}
	want := slices.DeleteFunc(free, func(span string) bool { return span[:5] == "trial" || span[:12] == "GET /healthz" })
	if !slices.Equal(ruled, want) {
		t.Errorf("with rules\n%q\nwant\n%q", ruled, want)
	}
}

// play makes spans of each kind of instrumentation, some of which rules may refuse, and gives their names with their attributes.
func play(t *testing.T, policy throughline.Sampling) (told []string) {
	h := kittest.New(t, throughline.WithSampling(policy))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	handler := tlhttp.Handler(h.Kit, mux)
	for _, path := range []string{"/healthz", "/orders/7"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	transport := tlhttp.Transport(h.Kit, roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusNotFound, ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, Request: r}, nil
	}))
	if _, err := transport.RoundTrip(httptest.NewRequest(http.MethodGet, "http://pricing:9093/quote", nil)); err != nil {
		t.Error(err)
	}
	for _, trial := range []bool{true, false} {
		_, end := h.Kit.Span(t.Context(), map[bool]string{true: "trial", false: "earnest"}[trial], attribute.Bool("trial", trial))
		end(nil)
	}
	_ = h.Kit.Go(t.Context(), "task", func(context.Context) error { return nil }).Wait()
	for _, span := range h.Spans() {
		told = append(told, fmt.Sprint(span.Name, " ", kittest.Attributes(span.Attributes)))
	}
	return told
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
