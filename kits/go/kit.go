package throughline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/log"
	nooplog "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"throughline.dev/kits/go/internal/names"
)

// Kit holds what instrumentation needs: providers, propagator, and the duty to flush them. Its methods may be called from
// any goroutine, and on a nil *Kit, where they do nothing.
type Kit struct {
	service     string
	enabled     bool
	tracers     trace.TracerProvider
	meters      metric.MeterProvider
	loggers     log.LoggerProvider
	diagnostics *slog.Logger
	propagator  propagation.TextMapPropagator

	redact               redaction
	limits               steeredLimits
	spans, logs, metrics *guard
	deadline             atomic.Int64 // see guard.deadline
	stages               []stage
	tasks                taskSet
	board                switchboard
	sampler              *steeredSampler // nil when there are no traces
	steering             steering
	own                  trace.Tracer // of the kit's scope

	ending   context.Context // ends when Shutdown begins: flushes must not hold it up
	end      context.CancelFunc
	stopOnce sync.Once
	stopErr  error
}

// stage is one provider to flush and stop.
type stage struct {
	flush, stop func(context.Context) error
}

// Init builds a kit. It does not wait for the network. When the configuration is broken, every problem is in the error
// and the kit records nothing but works, so a service may log the error and go on:
//
//	kit, err := throughline.Init(ctx, throughline.WithService("orders", "1.4.2"))
//	if err != nil {
//		slog.Error("telemetry is off", "error", err)
//	}
//	defer kit.Shutdown(ctx)
func Init(ctx context.Context, opts ...Option) (*Kit, error) {
	s := defaultSettings()
	for _, opt := range opts {
		opt(&s)
	}
	env, envErr := readEnvironment(s)
	res, resErr := newResource(ctx, s)
	if res == nil {
		res = resource.Empty()
	}
	k := &Kit{
		service:     attributeOf(res, "service.name"),
		tracers:     nooptrace.NewTracerProvider(),
		meters:      noopmetric.NewMeterProvider(),
		loggers:     nooplog.NewLoggerProvider(),
		diagnostics: s.diagnostics,
	}
	k.propagator = env.propagator
	k.steering.ownLevel = env.logLevel
	k.tasks.init()
	k.ending, k.end = context.WithCancel(context.Background())
	k.tasks.on = k.Switch("task")
	redactErr := k.redact.add(s.redactKeys, s.redactRules)
	report := newLossReport(s.diagnostics)
	k.spans, k.logs, k.metrics = k.newGuard("traces", s, report), k.newGuard("logs", s, report), k.newGuard("metrics", s, report)
	if err := errors.Join(envErr, resErr, redactErr); err != nil {
		return k, fmt.Errorf("throughline: cannot read the configuration: %w", err)
	}
	if env.disabled {
		return k, nil
	}
	if err := k.start(ctx, s, env, res); err != nil {
		return k, fmt.Errorf("throughline: cannot start: %w", err)
	}
	if s.globals {
		otel.SetTracerProvider(k.tracers)
		otel.SetMeterProvider(k.meters)
		otel.SetLoggerProvider(k.loggers)
		otel.SetTextMapPropagator(k.Propagator())
		otel.SetErrorHandler(&sdkErrors{report: report})
	}
	return k, nil
}

// start builds all exporters first, so that a failure leaves the kit as it was: recording nothing.
func (k *Kit) start(ctx context.Context, s settings, env environment, res *resource.Resource) error {
	factory := exporterFactory{env: env, timeout: s.exportTimeout}
	var problems [3]error
	if s.spanExporter == nil && !env.targets["traces"].off {
		s.spanExporter, problems[0] = factory.spans(ctx)
	}
	if s.logExporter == nil && !env.targets["logs"].off {
		s.logExporter, problems[1] = factory.logs(ctx)
	}
	if s.metricReader == nil && !env.targets["metrics"].off {
		var exporter sdkmetric.Exporter
		if exporter, problems[2] = factory.metrics(ctx); problems[2] == nil {
			s.metricReader = sdkmetric.NewPeriodicReader(switchedMetrics{guardedMetricExporter{k.metrics, exporter}, &k.board.metrics},
				sdkmetric.WithInterval(env.interval), sdkmetric.WithTimeout(s.exportTimeout))
		}
	}
	if err := errors.Join(problems[:]...); err != nil {
		return err
	}
	if s.metricReader != nil {
		k.startMetrics(s, res)
	}
	if s.spanExporter != nil {
		k.startTraces(s, env, res)
	}
	if s.logExporter != nil {
		k.startLogs(s, env, res)
	}
	k.enabled = true
	if s.metricReader != nil {
		k.observeSelf(s)
	}
	k.board.change(func(b *switchboard) { b.live = true })
	k.startSteering(env.control, attributeOf(res, "deployment.environment.name"), attributeOf(res, "service.instance.id"))
	return nil
}

func (k *Kit) startTraces(s settings, env environment, res *resource.Resource) {
	limits := sdktrace.NewSpanLimits()
	if limits.AttributeValueLengthLimit < 0 {
		limits.AttributeValueLengthLimit = attributeRunesMax
	}
	own := s.sampler
	if env.sampling != nil {
		own = nil
	}
	k.sampler = newSteeredSampler(own, env.policy)
	opts := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res), sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithSpanProcessor(newSpanQueue(k.spans, s, env)),
		sdktrace.WithSampler(k.sampler),
		sdktrace.WithoutPanicRecording(), // the kit writes a log record instead: exceptions on spans are deprecated
	}
	if s.ids != nil {
		opts = append(opts, sdktrace.WithIDGenerator(s.ids))
	}
	provider := sdktrace.NewTracerProvider(opts...)
	k.tracers = switchedProvider{provider, &k.board.traces}
	k.own = k.tracerOf(names.ScopeKit)
	k.stages = append(k.stages, stage{provider.ForceFlush, provider.Shutdown})
}

func (k *Kit) startLogs(s settings, env environment, res *resource.Resource) {
	queue := switchedLogs{newLogQueue(k.logs, s, env), &k.board.logs}
	opts := []sdklog.LoggerProviderOption{sdklog.WithResource(res), sdklog.WithProcessor(queue)}
	if os.Getenv("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT") == "" {
		opts = append(opts, sdklog.WithAttributeValueLengthLimit(attributeRunesMax))
	}
	provider := sdklog.NewLoggerProvider(opts...)
	k.loggers = provider
	k.stages = append(k.stages, stage{provider.ForceFlush, provider.Shutdown})
}

func (k *Kit) startMetrics(s settings, res *resource.Resource) {
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(s.metricReader))
	k.meters = provider
	k.stages = append(k.stages, stage{provider.ForceFlush, provider.Shutdown})
}

// Enabled reports whether the kit records anything: it was started, and nobody has switched it off since. Instrumentation still
// propagates context when it does not.
func (k *Kit) Enabled() bool { return k != nil && k.board.all.On() }

// ServiceName is the service.name of the resource.
func (k *Kit) ServiceName() string {
	if k == nil {
		return ""
	}
	return k.service
}

// TracerProvider serves libraries that take an OpenTelemetry provider.
func (k *Kit) TracerProvider() trace.TracerProvider {
	if k == nil {
		return nooptrace.NewTracerProvider()
	}
	return k.tracers
}

// MeterProvider serves libraries that take an OpenTelemetry provider.
func (k *Kit) MeterProvider() metric.MeterProvider {
	if k == nil {
		return noopmetric.NewMeterProvider()
	}
	return k.meters
}

// LoggerProvider serves libraries that take an OpenTelemetry provider.
func (k *Kit) LoggerProvider() log.LoggerProvider {
	if k == nil {
		return nooplog.NewLoggerProvider()
	}
	return k.loggers
}

// Propagator is the strict W3C propagator, trace context and baggage, and what [WithPropagators] or OTEL_PROPAGATORS say instead.
func (k *Kit) Propagator() propagation.TextMapPropagator {
	if k == nil || k.propagator == nil {
		return Propagator()
	}
	return k.propagator
}

// Tracer returns the tracer of a scope, versioned with the kit and its contract.
func (k *Kit) Tracer(scope string) trace.Tracer {
	if scope == names.ScopeKit && k != nil && k.own != nil {
		return k.own
	}
	return k.tracerOf(scope)
}

func (k *Kit) tracerOf(scope string) trace.Tracer {
	return k.TracerProvider().Tracer(scope, trace.WithInstrumentationVersion(Version), trace.WithSchemaURL(names.SchemaURL),
		trace.WithInstrumentationAttributes(names.ContractKey.Int(names.ContractVersion)))
}

// Meter returns the meter of a scope, versioned with the kit and its contract.
func (k *Kit) Meter(scope string) metric.Meter {
	return k.MeterProvider().Meter(scope, metric.WithInstrumentationVersion(Version), metric.WithSchemaURL(names.SchemaURL),
		metric.WithInstrumentationAttributes(names.ContractKey.Int(names.ContractVersion)))
}

// Logger returns the logger of the kit's own scope, versioned with the kit and its contract.
func (k *Kit) Logger() log.Logger {
	return k.LoggerProvider().Logger(names.ScopeKit, log.WithInstrumentationVersion(Version), log.WithSchemaURL(names.SchemaURL),
		log.WithInstrumentationAttributes(names.ContractKey.Int(names.ContractVersion)))
}

// Stats counts what became of the telemetry so far.
func (k *Kit) Stats() Stats {
	if k == nil {
		return Stats{}
	}
	return Stats{Spans: k.spans.stats(), Logs: k.logs.stats(), Metrics: k.metrics.stats()}
}
