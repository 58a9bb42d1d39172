// The cases both kits must pass, from spec/vectors.

package throughline_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
)

// readVectors fails the test unless the file has at least so many cases: an empty list would prove nothing.
func readVectors[T any](t *testing.T, name string, casesMin int) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "spec", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Cases []T }
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors.Cases) < casesMin {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	return vectors.Cases
}

func TestTraceContextVectors(t *testing.T) {
	type spanContext struct {
		TraceID    string `json:"trace_id"`
		SpanID     string `json:"span_id"`
		TraceFlags string `json:"trace_flags"`
		TraceState string `json:"trace_state"`
	}
	type vector struct {
		Name      string
		Headers   [][2]string
		Extracted *spanContext
		Injected  [][2]string
		NotWith   map[string]string `json:"not_with"`
	}
	for _, c := range readVectors[vector](t, "trace-context.json", 75) {
		t.Run(c.Name, func(t *testing.T) {
			headers := http.Header{}
			for _, h := range c.Headers {
				headers.Add(h[0], h[1])
			}
			ctx := throughline.Propagator().Extract(context.Background(), propagation.HeaderCarrier(headers))
			sc := trace.SpanContextFromContext(ctx)
			if c.Extracted == nil {
				if sc.IsValid() {
					t.Fatalf("got %+v", sc)
				}
				return
			}
			if _, limited := c.NotWith["go"]; limited {
				if sc.TraceState().Len() != 0 {
					t.Error("it works now: take out its not_with")
				}
				return
			}
			got := spanContext{sc.TraceID().String(), sc.SpanID().String(), sc.TraceFlags().String(), sc.TraceState().String()}
			if got != *c.Extracted || !sc.IsRemote() {
				t.Errorf("got %+v", got)
			}
			sent, want := http.Header{}, http.Header{}
			throughline.Propagator().Inject(ctx, propagation.HeaderCarrier(sent))
			for _, h := range c.Injected {
				want.Add(h[0], h[1])
			}
			if !maps.EqualFunc(sent, want, func(a, b []string) bool { return len(a) == 1 && len(b) == 1 && a[0] == b[0] }) {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

func TestBaggageVectors(t *testing.T) {
	type vector struct {
		Name    string
		Headers []string
		Members [][2]string
	}
	read := func(headers http.Header) (context.Context, map[string]string) {
		ctx := throughline.Propagator().Extract(context.Background(), propagation.HeaderCarrier(headers))
		members := map[string]string{}
		for _, m := range baggage.FromContext(ctx).Members() {
			members[m.Key()] = m.Value()
		}
		return ctx, members
	}
	for _, c := range readVectors[vector](t, "baggage.json", 10) {
		t.Run(c.Name, func(t *testing.T) {
			want := map[string]string{}
			for _, m := range c.Members {
				want[m[0]] = m[1]
			}
			ctx, got := read(http.Header{"Baggage": c.Headers})
			if !maps.Equal(got, want) {
				t.Fatalf("got %v", got)
			}
			sent := http.Header{}
			throughline.Propagator().Inject(ctx, propagation.HeaderCarrier(sent))
			if _, again := read(sent); !maps.Equal(again, want) {
				t.Errorf("sent %v, which reads %v", sent, again)
			}
			if len(want) == 0 && len(sent) != 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

func TestEnvironmentVectors(t *testing.T) {
	type vector struct {
		Name      string
		Variables map[string]string
		Problems  []string
	}
	named := regexp.MustCompile(`(?:OTEL|THROUGHLINE)_[A-Z_]+`)
	for _, c := range readVectors[vector](t, "environment.json", 20) {
		t.Run(c.Name, func(t *testing.T) {
			for name, value := range c.Variables {
				t.Setenv(name, value)
			}
			kit, err := throughline.Init(t.Context(), throughline.WithService("orders", ""), quiet())
			found := map[string]bool{}
			if err != nil {
				for _, name := range named.FindAllString(err.Error(), -1) {
					found[name] = true
				}
			}
			want := map[string]bool{}
			for _, name := range c.Problems {
				want[name] = true
			}
			if !maps.Equal(found, want) || (err != nil) != (len(want) > 0) || kit.Enabled() != (err == nil) {
				t.Errorf("enabled %t: %v", kit.Enabled(), err)
			}
			_, end := kit.Span(t.Context(), "work")
			end(nil)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			_ = kit.Shutdown(ctx) // nothing listens
		})
	}
}
