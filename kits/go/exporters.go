package throughline

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// exporterFactory builds the official OTLP exporters; none of them touches the network before the first export. Their own
// retries are off: the guard retries, because it knows the budget and the circuit breaker.
type exporterFactory struct {
	env     environment
	timeout time.Duration
}

func (f exporterFactory) spans(ctx context.Context) (sdktrace.SpanExporter, error) {
	t := f.env.targets["traces"]
	if t.protocol == protocolGRPC {
		return otlptracegrpc.New(ctx,
			otlptracegrpc.WithEndpointURL(t.url),
			otlptracegrpc.WithCompressor(f.grpcCompressor()),
			otlptracegrpc.WithTimeout(f.timeout), otlptracegrpc.WithDialOption(t.grpcOptions()...),
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}))
	}
	compression := otlptracehttp.GzipCompression
	if f.env.compression == "none" {
		compression = otlptracehttp.NoCompression
	}
	return otlptrace.New(ctx, otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL(t.url),
		otlptracehttp.WithCompression(compression),
		otlptracehttp.WithTimeout(f.timeout), otlptracehttp.WithHTTPClient(t.httpClient()),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{})))
}

func (f exporterFactory) logs(ctx context.Context) (sdklog.Exporter, error) {
	t := f.env.targets["logs"]
	if t.protocol == protocolGRPC {
		return otlploggrpc.New(ctx,
			otlploggrpc.WithEndpointURL(t.url),
			otlploggrpc.WithCompressor(f.grpcCompressor()),
			otlploggrpc.WithTimeout(f.timeout), otlploggrpc.WithDialOption(t.grpcOptions()...),
			otlploggrpc.WithRetry(otlploggrpc.RetryConfig{}))
	}
	compression := otlploghttp.GzipCompression
	if f.env.compression == "none" {
		compression = otlploghttp.NoCompression
	}
	return otlploghttp.New(ctx,
		otlploghttp.WithEndpointURL(t.url),
		otlploghttp.WithCompression(compression),
		otlploghttp.WithTimeout(f.timeout), otlploghttp.WithHTTPClient(t.httpClient()),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{}))
}

func (f exporterFactory) metrics(ctx context.Context) (sdkmetric.Exporter, error) {
	t := f.env.targets["metrics"]
	if t.protocol == protocolGRPC {
		return otlpmetricgrpc.New(ctx,
			otlpmetricgrpc.WithEndpointURL(t.url),
			otlpmetricgrpc.WithCompressor(f.grpcCompressor()), otlpmetricgrpc.WithAggregationSelector(f.aggregation),
			otlpmetricgrpc.WithTimeout(f.timeout), otlpmetricgrpc.WithDialOption(t.grpcOptions()...),
			otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{}))
	}
	compression := otlpmetrichttp.GzipCompression
	if f.env.compression == "none" {
		compression = otlpmetrichttp.NoCompression
	}
	return otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(t.url),
		otlpmetrichttp.WithCompression(compression), otlpmetrichttp.WithAggregationSelector(f.aggregation),
		otlpmetrichttp.WithTimeout(f.timeout), otlpmetrichttp.WithHTTPClient(t.httpClient()),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))
}

// aggregation makes histograms exponential where that was asked for; the sizes are the specification's defaults.
func (f exporterFactory) aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if f.env.exponential && kind == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	}
	return sdkmetric.DefaultAggregationSelector(kind)
}

// grpcCompressor names the compressor as grpc-go registers it; "" sends plain messages.
func (f exporterFactory) grpcCompressor() string {
	if f.env.compression == "none" {
		return ""
	}
	return f.env.compression
}

// httpClient is a client of one signal: plain, so that nothing the kit sends is traced, and it follows no redirects, because the
// headers may hold credentials.
func (t target) httpClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = t.tls
	return &http.Client{
		Transport:     overhearHTTP{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// grpcOptions secure the connection as httpClient does, and overhear the answers.
func (t target) grpcOptions() []grpc.DialOption {
	options := []grpc.DialOption{grpc.WithChainUnaryInterceptor(overhearGRPC)}
	if t.tls != nil && strings.HasPrefix(t.url, "https:") {
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(t.tls)))
	}
	return options
}
