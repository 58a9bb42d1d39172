// What the kit costs, beside the raw OpenTelemetry SDK and the community's instrumentation, in one run on one machine. A module of its own,
// so that those do not become dependencies of the kit. `make bench-kits` reads the output.
package bench

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	throughline "throughline.dev/kits/go"
	"throughline.dev/kits/go/tlhttp"
)

// discard is an exporter that costs nothing: what is measured is the request, not the sending.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

const batchDelay = 10 * time.Millisecond

// The probabilities a kit samples by.
const never, always = 0, 1

func kit(b *testing.B, probability float64) *throughline.Kit {
	b.Helper()
	b.Setenv("OTEL_LOGS_EXPORTER", "none")
	k, err := throughline.Init(b.Context(), throughline.WithSpanExporter(discard{}), throughline.WithSampling(throughline.Sampling{Probability: probability}),
		throughline.WithMetricReader(sdkmetric.NewManualReader()), throughline.WithBatchDelay(batchDelay),
		throughline.WithDiagnostics(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = k.Shutdown(context.Background()) })
	return k
}

// disabled is what OTEL_SDK_DISABLED gives.
func disabled(b *testing.B) *throughline.Kit {
	b.Helper()
	b.Setenv("OTEL_SDK_DISABLED", "true")
	k, err := throughline.Init(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return k
}

// sdk is the raw SDK, set up as the kit sets it up.
func sdk(b *testing.B, sampler sdktrace.Sampler) (*sdktrace.TracerProvider, *sdkmetric.MeterProvider) {
	b.Helper()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithBatcher(discard{}, sdktrace.WithBatchTimeout(batchDelay)))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	b.Cleanup(func() { _ = tracers.Shutdown(context.Background()); _ = meters.Shutdown(context.Background()) })
	return tracers, meters
}

func community(b *testing.B, next http.Handler, sampler sdktrace.Sampler) http.Handler {
	tracers, meters := sdk(b, sampler)
	return otelhttp.NewHandler(next, "server", otelhttp.WithTracerProvider(tracers), otelhttp.WithMeterProvider(meters),
		otelhttp.WithPropagators(throughline.Propagator()))
}

// BenchmarkServer is one request through a router: without anything, with the kit in each state, with otelhttp.
func BenchmarkServer(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	for _, c := range []struct {
		name    string
		handler func(*testing.B) http.Handler
	}{
		{"bare", func(*testing.B) http.Handler { return mux }},
		{"kit-disabled", func(b *testing.B) http.Handler { return tlhttp.Handler(disabled(b), mux) }},
		{"kit-unsampled", func(b *testing.B) http.Handler { return tlhttp.Handler(kit(b, never), mux) }},
		{"kit-sampled", func(b *testing.B) http.Handler { return tlhttp.Handler(kit(b, always), mux) }},
		{"otelhttp-unsampled", func(b *testing.B) http.Handler { return community(b, mux, sdktrace.NeverSample()) }},
		{"otelhttp-sampled", func(b *testing.B) http.Handler { return community(b, mux, sdktrace.AlwaysSample()) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			handler := c.handler(b)
			request := httptest.NewRequest(http.MethodGet, "http://shop/orders/7", nil)
			writer := httptest.NewRecorder()
			measure(b, func() { handler.ServeHTTP(writer, request) })
		})
	}
}

// answer is a server at the other end of nothing. It gives the same response each time, because what the collector of garbage does with
// new ones is more than a hook may cost.
type answer struct{ response http.Response }

func newAnswer() *answer {
	return &answer{http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}}
}

func (a *answer) RoundTrip(r *http.Request) (*http.Response, error) {
	a.response.Body, a.response.Request = http.NoBody, r
	return &a.response, nil
}

// BenchmarkClient is one request whose answer is read and closed.
func BenchmarkClient(b *testing.B) {
	for _, c := range []struct {
		name      string
		transport func(*testing.B) http.RoundTripper
	}{
		{"bare", func(*testing.B) http.RoundTripper { return newAnswer() }},
		{"kit-disabled", func(b *testing.B) http.RoundTripper { return tlhttp.Transport(disabled(b), newAnswer()) }},
		{"kit-unsampled", func(b *testing.B) http.RoundTripper {
			return tlhttp.Transport(kit(b, never), newAnswer())
		}},
		{"kit-sampled", func(b *testing.B) http.RoundTripper {
			return tlhttp.Transport(kit(b, always), newAnswer())
		}},
		{"otelhttp-sampled", func(b *testing.B) http.RoundTripper {
			tracers, meters := sdk(b, sdktrace.AlwaysSample())
			return otelhttp.NewTransport(newAnswer(), otelhttp.WithTracerProvider(tracers), otelhttp.WithMeterProvider(meters),
				otelhttp.WithPropagators(throughline.Propagator()))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			transport := c.transport(b)
			request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://pricing:8080/quote", nil)
			if err != nil {
				b.Fatal(err)
			}
			measure(b, func() {
				response, err := transport.RoundTrip(request)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			})
		})
	}
}
