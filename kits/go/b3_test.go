package throughline_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	throughline "throughline.dev/kits/go"
)

func propagatorOf(t *testing.T, formats string) propagation.TextMapPropagator {
	t.Helper()
	t.Setenv("OTEL_SDK_DISABLED", "true")
	t.Setenv("OTEL_PROPAGATORS", formats)
	kit, err := throughline.Init(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return kit.Propagator()
}

func TestB3Vectors(t *testing.T) {
	var spec struct {
		Cases []struct {
			Name, Formats string
			Headers       [][2]string
			Extracted     *struct {
				TraceID string `json:"trace_id"`
				SpanID  string `json:"span_id"`
				Sampled bool
			}
		}
		Injections []struct {
			Name, Formats string
			Sampled       bool
			Injected      [][2]string
		}
	}
	data, err := os.ReadFile("../../spec/vectors/b3.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &spec); err != nil || len(spec.Cases) < 45 || len(spec.Injections) < 6 {
		t.Fatal(err, len(spec.Cases))
	}
	for _, c := range spec.Cases {
		t.Run(c.Name, func(t *testing.T) {
			headers := http.Header{}
			for _, h := range c.Headers {
				headers.Add(h[0], h[1])
			}
			sc := trace.SpanContextFromContext(propagatorOf(t, c.Formats).Extract(context.Background(), propagation.HeaderCarrier(headers)))
			if c.Extracted == nil {
				if sc.IsValid() {
					t.Fatalf("got %+v", sc)
				}
				return
			}
			if sc.TraceID().String() != c.Extracted.TraceID || sc.SpanID().String() != c.Extracted.SpanID ||
				sc.IsSampled() != c.Extracted.Sampled || !sc.IsRemote() {
				t.Errorf("got %+v", sc)
			}
		})
	}
	for _, c := range spec.Injections {
		t.Run("sent: "+c.Name, func(t *testing.T) {
			traceID, _ := trace.TraceIDFromHex("0af7651916cd43dd8448eb211c80319c")
			spanID, _ := trace.SpanIDFromHex("b7ad6b7169203331")
			sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.TraceFlags(0).WithSampled(c.Sampled)})
			sent, want := propagation.MapCarrier{}, propagation.MapCarrier{}
			propagatorOf(t, c.Formats).Inject(trace.ContextWithSpanContext(context.Background(), sc), sent)
			for _, h := range c.Injected {
				want[h[0]] = h[1]
			}
			if !maps.Equal(sent, want) {
				t.Errorf("sent %v", sent)
			}
		})
	}
}
