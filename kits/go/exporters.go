package throughline

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
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
			otlptracegrpc.WithTimeout(f.timeout), otlptracegrpc.WithDialOption(grpc.WithChainUnaryInterceptor(overhearGRPC)),
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}))
	}
	client, err := f.httpClient("TRACES")
	if err != nil {
		return nil, err
	}
	compression := otlptracehttp.GzipCompression
	if f.env.compression == "none" {
		compression = otlptracehttp.NoCompression
	}
	return otlptrace.New(ctx, otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL(t.url),
		otlptracehttp.WithCompression(compression),
		otlptracehttp.WithTimeout(f.timeout), otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{})))
}

func (f exporterFactory) logs(ctx context.Context) (sdklog.Exporter, error) {
	t := f.env.targets["logs"]
	if t.protocol == protocolGRPC {
		return otlploggrpc.New(ctx,
			otlploggrpc.WithEndpointURL(t.url),
			otlploggrpc.WithCompressor(f.grpcCompressor()),
			otlploggrpc.WithTimeout(f.timeout), otlploggrpc.WithDialOption(grpc.WithChainUnaryInterceptor(overhearGRPC)),
			otlploggrpc.WithRetry(otlploggrpc.RetryConfig{}))
	}
	client, err := f.httpClient("LOGS")
	if err != nil {
		return nil, err
	}
	compression := otlploghttp.GzipCompression
	if f.env.compression == "none" {
		compression = otlploghttp.NoCompression
	}
	return otlploghttp.New(ctx,
		otlploghttp.WithEndpointURL(t.url),
		otlploghttp.WithCompression(compression),
		otlploghttp.WithTimeout(f.timeout), otlploghttp.WithHTTPClient(client),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{}))
}

func (f exporterFactory) metrics(ctx context.Context) (sdkmetric.Exporter, error) {
	t := f.env.targets["metrics"]
	if t.protocol == protocolGRPC {
		return otlpmetricgrpc.New(ctx,
			otlpmetricgrpc.WithEndpointURL(t.url),
			otlpmetricgrpc.WithCompressor(f.grpcCompressor()),
			otlpmetricgrpc.WithTimeout(f.timeout), otlpmetricgrpc.WithDialOption(grpc.WithChainUnaryInterceptor(overhearGRPC)),
			otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{}))
	}
	client, err := f.httpClient("METRICS")
	if err != nil {
		return nil, err
	}
	compression := otlpmetrichttp.GzipCompression
	if f.env.compression == "none" {
		compression = otlpmetrichttp.NoCompression
	}
	return otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(t.url),
		otlpmetrichttp.WithCompression(compression),
		otlpmetrichttp.WithTimeout(f.timeout), otlpmetrichttp.WithHTTPClient(client),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))
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
func (f exporterFactory) httpClient(signal string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	config, err := tlsConfig(signal)
	if err != nil {
		return nil, err
	}
	transport.TLSClientConfig = config
	return &http.Client{
		Transport:     overhearHTTP{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// tlsConfig reads the certificates the OTLP exporters read when they have no client of their own; nil when there are none.
func tlsConfig(signal string) (*tls.Config, error) {
	file := func(name string) (string, string) {
		return firstOf("OTEL_EXPORTER_OTLP_"+signal+"_"+name, "OTEL_EXPORTER_OTLP_"+name)
	}
	var config *tls.Config
	if name, path := file("CERTIFICATE"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		config = &tls.Config{RootCAs: x509.NewCertPool()}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in %q", name, path)
		}
	}
	if name, path := file("CLIENT_CERTIFICATE"); path != "" {
		_, key := file("CLIENT_KEY")
		pair, err := tls.LoadX509KeyPair(path, key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if config == nil {
			config = &tls.Config{}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
