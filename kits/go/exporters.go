package throughline

import (
	"context"
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
)

// Retries fit inside one export's time limit: a batch that cannot be sent is dropped and counted, never queued again.
const (
	retryFirst = 250 * time.Millisecond
	retryMax   = time.Second
)

// exporterFactory builds the official OTLP exporters; none of them touches the network before the first export.
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
			otlptracegrpc.WithTimeout(f.timeout),
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig(f.retry())))
	}
	compression := otlptracehttp.GzipCompression
	if f.env.compression == "none" {
		compression = otlptracehttp.NoCompression
	}
	return otlptrace.New(ctx, otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL(t.url),
		otlptracehttp.WithCompression(compression),
		otlptracehttp.WithTimeout(f.timeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig(f.retry()))))
}

func (f exporterFactory) logs(ctx context.Context) (sdklog.Exporter, error) {
	t := f.env.targets["logs"]
	if t.protocol == protocolGRPC {
		return otlploggrpc.New(ctx,
			otlploggrpc.WithEndpointURL(t.url),
			otlploggrpc.WithCompressor(f.grpcCompressor()),
			otlploggrpc.WithTimeout(f.timeout),
			otlploggrpc.WithRetry(otlploggrpc.RetryConfig(f.retry())))
	}
	compression := otlploghttp.GzipCompression
	if f.env.compression == "none" {
		compression = otlploghttp.NoCompression
	}
	return otlploghttp.New(ctx,
		otlploghttp.WithEndpointURL(t.url),
		otlploghttp.WithCompression(compression),
		otlploghttp.WithTimeout(f.timeout),
		otlploghttp.WithRetry(otlploghttp.RetryConfig(f.retry())))
}

func (f exporterFactory) metrics(ctx context.Context) (sdkmetric.Exporter, error) {
	t := f.env.targets["metrics"]
	if t.protocol == protocolGRPC {
		return otlpmetricgrpc.New(ctx,
			otlpmetricgrpc.WithEndpointURL(t.url),
			otlpmetricgrpc.WithCompressor(f.grpcCompressor()),
			otlpmetricgrpc.WithTimeout(f.timeout),
			otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig(f.retry())))
	}
	compression := otlpmetrichttp.GzipCompression
	if f.env.compression == "none" {
		compression = otlpmetrichttp.NoCompression
	}
	return otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(t.url),
		otlpmetrichttp.WithCompression(compression),
		otlpmetrichttp.WithTimeout(f.timeout),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(f.retry())))
}

// grpcCompressor names the compressor as grpc-go registers it; "" sends plain messages.
func (f exporterFactory) grpcCompressor() string {
	if f.env.compression == "none" {
		return ""
	}
	return f.env.compression
}

// retry has the shape all six RetryConfig types share.
func (f exporterFactory) retry() struct {
	Enabled         bool
	InitialInterval time.Duration
	MaxInterval     time.Duration
	MaxElapsedTime  time.Duration
} {
	return struct {
		Enabled         bool
		InitialInterval time.Duration
		MaxInterval     time.Duration
		MaxElapsedTime  time.Duration
	}{true, retryFirst, retryMax, f.timeout}
}
