// The kit's account of itself, as metrics with OpenTelemetry's names for SDKs. They are read from counters when metrics are collected,
// and leave with the others, so what an outage cost is known when it is over.

package throughline

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"throughline.dev/kits/go/internal/names"
)

// watched is one signal's guard, with what its metrics are called.
type watched struct {
	guard                                                                     *guard
	processor, exporter                                                       string // values of otel.component.type
	processed, exported, inflight, queueSize, capacity, queueBytes, byteLimit names.Metric
}

// observeSelf registers the metrics. It ignores errors: the names are valid constants.
func (k *Kit) observeSelf(s settings) {
	meter := k.Meter(names.ScopeSDK)
	state, _ := meter.Int64ObservableGauge(names.ThroughlineExporterBreakerState.Name, metric.WithUnit(names.ThroughlineExporterBreakerState.Unit),
		metric.WithDescription(names.ThroughlineExporterBreakerState.Description))
	if s.spanExporter != nil {
		watched{
			k.spans, "batching_span_processor", "otlp_span_exporter",
			names.OtelSDKProcessorSpanProcessed, names.OtelSDKExporterSpanExported, names.OtelSDKExporterSpanInflight,
			names.OtelSDKProcessorSpanQueueSize, names.OtelSDKProcessorSpanQueueCapacity,
			names.ThroughlineProcessorSpanQueueBytes, names.ThroughlineProcessorSpanQueueBytesLimit,
		}.observe(meter, state, s.queueBytes)
	}
	if s.logExporter != nil {
		watched{
			k.logs, "batching_log_processor", "otlp_log_exporter",
			names.OtelSDKProcessorLogProcessed, names.OtelSDKExporterLogExported, names.OtelSDKExporterLogInflight,
			names.OtelSDKProcessorLogQueueSize, names.OtelSDKProcessorLogQueueCapacity,
			names.ThroughlineProcessorLogQueueBytes, names.ThroughlineProcessorLogQueueBytesLimit,
		}.observe(meter, state, s.queueBytes)
	}
	k.observeBreaker(meter, state)
}

func (k *Kit) observeBreaker(meter metric.Meter, state metric.Int64Observable) {
	exporter := component("otlp_metric_exporter")
	_, _ = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(state, int64(k.metrics.gate.Load()), exporter)
		return nil
	}, state)
}

// component names a part of the kit, as the conventions want it.
func component(kind string, more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more, names.OtelComponentType.String(kind), names.OtelComponentName.String(kind+"/0"))...)
}

func (w watched) observe(meter metric.Meter, state metric.Int64Observable, bytesMax int64) {
	counter := func(m names.Metric) metric.Int64ObservableCounter {
		c, _ := meter.Int64ObservableCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Description))
		return c
	}
	level := func(m names.Metric) metric.Int64ObservableUpDownCounter {
		c, _ := meter.Int64ObservableUpDownCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Description))
		return c
	}
	processed, exported := counter(w.processed), counter(w.exported)
	inflight, size, capacity := level(w.inflight), level(w.queueSize), level(w.capacity)
	bytes, bytesLimit := level(w.queueBytes), level(w.byteLimit)
	processor, exporter := component(w.processor), component(w.exporter)

	_, _ = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		g := w.guard
		delivered := g.exported.Load()
		handedOn := delivered
		for why := range causes {
			n := g.dropped[why].Load()
			kind, counter := w.processor, processed
			if cause(why).onTheWay() {
				handedOn += n
				kind, counter = w.exporter, exported
			}
			if n > 0 {
				o.ObserveInt64(counter, int64(n), component(kind, names.ErrorType.String(cause(why).String())))
			}
		}
		o.ObserveInt64(processed, int64(handedOn), processor)
		o.ObserveInt64(exported, int64(delivered), exporter)
		o.ObserveInt64(inflight, g.inflight.Load(), exporter)
		o.ObserveInt64(size, g.queued.Load(), processor)
		o.ObserveInt64(capacity, queueItemsMax, processor)
		o.ObserveInt64(bytes, g.queuedBytes.Load(), processor)
		o.ObserveInt64(bytesLimit, g.limits.queueMost(bytesMax), processor)
		o.ObserveInt64(state, int64(g.gate.Load()), exporter)
		return nil
	}, processed, exported, inflight, size, capacity, bytes, bytesLimit, state)
}
