package throughline

import (
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Option changes how [Init] builds a kit. What the operator sets in the environment (OTEL_*) wins over options: options
// are the defaults the programmer chose.
type Option func(*settings)

// settings is what options write and Init reads.
type settings struct {
	service, version, environment string
	resource                      []attribute.KeyValue
	endpoint                      string
	batchDelay                    time.Duration
	metricInterval                time.Duration
	exportTimeout                 time.Duration
	sampler                       sdktrace.Sampler
	spanExporter                  sdktrace.SpanExporter
	logExporter                   sdklog.Exporter
	metricReader                  sdkmetric.Reader
	ids                           sdktrace.IDGenerator
	diagnostics                   *slog.Logger
	propagators                   []string
	globals                       bool
	queueBytes                    int64
	exponential                   bool
	redactKeys                    []string
	redactRules                   []RedactionRule
	sampling                      *Sampling
	control                       controlSettings
}

const (
	queueItemsMax      = 2048 // per signal; what comes on top is dropped and counted
	batchItemsMax      = 512
	queueBytesMax      = 8 << 20 // per signal too
	attributeRunesMax  = 8192
	shutdownBudget     = 5 * time.Second
	taskDrainBudget    = 2 * time.Second // the part of shutdownBudget that detached tasks may use
	defaultExportLimit = 3 * time.Second
)

func defaultSettings() settings {
	return settings{
		batchDelay:     500 * time.Millisecond,
		metricInterval: 10 * time.Second,
		exportTimeout:  defaultExportLimit,
		queueBytes:     queueBytesMax,
		diagnostics:    slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	}
}

// WithService names the service and its version (service.name, service.version). OTEL_SERVICE_NAME wins.
func WithService(name, version string) Option {
	return func(s *settings) { s.service, s.version = name, version }
}

// WithEnvironment sets deployment.environment.name.
func WithEnvironment(name string) Option { return func(s *settings) { s.environment = name } }

// WithResource adds resource attributes. OTEL_RESOURCE_ATTRIBUTES wins.
func WithResource(attrs ...attribute.KeyValue) Option {
	return func(s *settings) { s.resource = append(s.resource, attrs...) }
}

// WithEndpoint sets the base URL of the OTLP receiver, such as http://127.0.0.1:4318. OTEL_EXPORTER_OTLP_ENDPOINT wins.
func WithEndpoint(url string) Option { return func(s *settings) { s.endpoint = url } }

// WithPropagators sets in which headers context travels: tracecontext, baggage (the default, both), b3, b3multi, or none. All are
// written; of tracecontext, b3 and b3multi the first that came is read. OTEL_PROPAGATORS wins.
func WithPropagators(names ...string) Option { return func(s *settings) { s.propagators = names } }

// WithBatchDelay sets how long spans and log records wait for company before they are sent. Default 500 ms.
func WithBatchDelay(d time.Duration) Option { return func(s *settings) { s.batchDelay = d } }

// WithMetricInterval sets how often metrics are sent. Default 10 s; OTEL_METRIC_EXPORT_INTERVAL wins.
func WithMetricInterval(d time.Duration) Option { return func(s *settings) { s.metricInterval = d } }

// WithExponentialHistograms measures in exponential buckets, at most 160 a series, instead of the explicit ones of the registry: exact to a
// few per cent at any magnitude. It holds for the service's own histograms too. OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION
// wins; a reader of [WithMetricReader] has its own say.
func WithExponentialHistograms() Option { return func(s *settings) { s.exponential = true } }

// WithExportTimeout bounds one export, its retries included. Default 3 s.
func WithExportTimeout(d time.Duration) Option { return func(s *settings) { s.exportTimeout = d } }

// WithQueueBytes bounds the memory spans may wait in, and log records. Default 8 MiB each, besides at most 2048 items each.
func WithQueueBytes(most int64) Option { return func(s *settings) { s.queueBytes = most } }

// WithRedaction withholds more than the kit always does: everything under keys, in which * stands for any characters, and what
// rules match. See spec/vectors/redaction.json for what is always withheld.
func WithRedaction(keys []string, rules ...RedactionRule) Option {
	return func(s *settings) {
		s.redactKeys, s.redactRules = append(s.redactKeys, keys...), append(s.redactRules, rules...)
	}
}

// WithSampler decides which traces are recorded by a sampler of the caller's instead of [WithSampling]. OTEL_TRACES_SAMPLER wins over
// it, and so does remote control while it says how to sample.
func WithSampler(sampler sdktrace.Sampler) Option { return func(s *settings) { s.sampler = sampler } }

// WithSpanExporter sends spans to an exporter of the caller's instead of OTLP. It must honour its context's deadline.
func WithSpanExporter(e sdktrace.SpanExporter) Option {
	return func(s *settings) { s.spanExporter = e }
}

// WithLogExporter sends log records to an exporter of the caller's instead of OTLP. It must honour its context's deadline.
func WithLogExporter(e sdklog.Exporter) Option { return func(s *settings) { s.logExporter = e } }

// WithMetricReader reads metrics with a reader of the caller's instead of sending them by OTLP.
func WithMetricReader(r sdkmetric.Reader) Option { return func(s *settings) { s.metricReader = r } }

// WithIDGenerator replaces the random trace and span ids, for tests that compare output.
func WithIDGenerator(g sdktrace.IDGenerator) Option { return func(s *settings) { s.ids = g } }

// WithDiagnostics sets where the kit tells of its own troubles: lost telemetry at most once a minute, contained panics
// each time. Default: JSON lines on standard error.
func WithDiagnostics(l *slog.Logger) Option { return func(s *settings) { s.diagnostics = l } }

// WithGlobals also makes the kit's providers, propagator and error handler the process-wide OpenTelemetry ones, for
// libraries that only know those.
func WithGlobals() Option { return func(s *settings) { s.globals = true } }
