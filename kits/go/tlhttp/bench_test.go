package tlhttp_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlhttp"
)

type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

// BenchmarkHandler is what the kit adds to a request: subtract "without".
func BenchmarkHandler(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	newKit := func(sampler sdktrace.Sampler) *throughline.Kit {
		kit, err := throughline.Init(b.Context(), throughline.WithSpanExporter(discard{}), throughline.WithSampler(sampler),
			throughline.WithMetricReader(sdkmetric.NewManualReader()), throughline.WithBatchDelay(10*time.Millisecond),
			throughline.WithDiagnostics(slog.New(slog.NewTextHandler(io.Discard, nil))))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = kit.Shutdown(context.Background()) })
		return kit
	}
	b.Setenv("OTEL_LOGS_EXPORTER", "none")
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"without", mux},
		{"disabled", tlhttp.Handler(nil, mux)},
		{"unsampled", tlhttp.Handler(newKit(sdktrace.NeverSample()), mux)},
		{"sampled", tlhttp.Handler(newKit(sdktrace.AlwaysSample()), mux)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			request := httptest.NewRequest(http.MethodGet, "http://shop/orders/7", nil)
			writer := httptest.NewRecorder()
			for b.Loop() {
				c.handler.ServeHTTP(writer, request)
			}
		})
	}
}
