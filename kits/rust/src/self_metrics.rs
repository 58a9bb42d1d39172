//! The kit's account of itself, as metrics with OpenTelemetry's names for SDKs. They are read from counters when metrics are collected,
//! and leave with the others, so what an outage cost is known when it is over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider as _};

use crate::attributes::int;
use crate::config::Config;
use crate::core::scope;
use crate::guard::{CAUSES, Cause, Guard};
use crate::names::{self, Metric};
use crate::pipeline::{Guards, Providers};

/// What one signal's metrics are called.
struct Watched {
    guard: Arc<Guard>,
    /// Values of `otel.component.type`.
    processor: &'static str,
    exporter: &'static str,
    processed: Metric,
    exported: Metric,
    inflight: Metric,
    queue_size: Metric,
    capacity: Metric,
    queue_bytes: Metric,
    bytes_limit: Metric,
}

/// A signal that is not exported is not told of.
pub(crate) fn observe(providers: &Providers, guards: &Guards, config: &Config) {
    let Some(meters) = &providers.metrics else {
        return;
    };
    let meter = meters.meter_with_scope(scope(names::SCOPE_SDK));
    let spans = Watched {
        guard: Arc::clone(&guards.spans),
        processor: "batching_span_processor",
        exporter: "otlp_span_exporter",
        processed: names::METRIC_OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
        exported: names::METRIC_OTEL_SDK_EXPORTER_SPAN_EXPORTED,
        inflight: names::METRIC_OTEL_SDK_EXPORTER_SPAN_INFLIGHT,
        queue_size: names::METRIC_OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE,
        capacity: names::METRIC_OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY,
        queue_bytes: names::METRIC_THROUGHLINE_PROCESSOR_SPAN_QUEUE_BYTES,
        bytes_limit: names::METRIC_THROUGHLINE_PROCESSOR_SPAN_QUEUE_BYTES_LIMIT,
    };
    let logs = Watched {
        guard: Arc::clone(&guards.logs),
        processor: "batching_log_processor",
        exporter: "otlp_log_exporter",
        processed: names::METRIC_OTEL_SDK_PROCESSOR_LOG_PROCESSED,
        exported: names::METRIC_OTEL_SDK_EXPORTER_LOG_EXPORTED,
        inflight: names::METRIC_OTEL_SDK_EXPORTER_LOG_INFLIGHT,
        queue_size: names::METRIC_OTEL_SDK_PROCESSOR_LOG_QUEUE_SIZE,
        capacity: names::METRIC_OTEL_SDK_PROCESSOR_LOG_QUEUE_CAPACITY,
        queue_bytes: names::METRIC_THROUGHLINE_PROCESSOR_LOG_QUEUE_BYTES,
        bytes_limit: names::METRIC_THROUGHLINE_PROCESSOR_LOG_QUEUE_BYTES_LIMIT,
    };
    let mut states = vec![(Arc::clone(&guards.metrics), component("otlp_metric_exporter"))];
    for (exported, watched) in [(providers.spans.is_some(), spans), (providers.logs.is_some(), logs)] {
        if exported {
            states.push((Arc::clone(&watched.guard), component(watched.exporter)));
            watched.observe(&meter, config);
        }
    }
    breaker(&meter, states);
}

fn breaker(meter: &Meter, states: Vec<(Arc<Guard>, [KeyValue; 2])>) {
    let metric = names::METRIC_THROUGHLINE_EXPORTER_BREAKER_STATE;
    let tell = move |out: &dyn AsyncInstrument<i64>| {
        for (guard, attributes) in &states {
            out.observe(guard.gate().into(), attributes);
        }
    };
    meter
        .i64_observable_gauge(metric.name)
        .with_unit(metric.unit)
        .with_description(metric.description)
        .with_callback(tell)
        .build();
}

/// Names a part of the kit, as the conventions want it.
fn component(kind: &'static str) -> [KeyValue; 2] {
    [KeyValue::new(names::OTEL_COMPONENT_TYPE, kind), KeyValue::new(names::OTEL_COMPONENT_NAME, format!("{kind}/0"))]
}

fn dropped(kind: &'static str, cause: Cause) -> [KeyValue; 3] {
    let [first, second] = component(kind);
    [KeyValue::new(names::ERROR_TYPE, cause.name()), first, second]
}

impl Watched {
    fn observe(self, meter: &Meter, config: &Config) {
        let Watched { guard, processor, exporter, .. } = &self;
        counter(
            meter,
            &self.processed,
            guard,
            processor,
            |cause| !cause.on_the_way(),
            |guard| {
                let on_the_way =
                    CAUSES.iter().filter(|cause| cause.on_the_way()).map(|cause| guard.counts.lost(*cause));
                guard.counts.stats().exported + on_the_way.sum::<u64>()
            },
        );
        counter(meter, &self.exported, guard, exporter, Cause::on_the_way, |guard| guard.counts.stats().exported);
        level(meter, &self.inflight, guard, exporter, |guard| guard.inflight.load(Ordering::Relaxed));
        level(meter, &self.queue_size, guard, processor, |guard| guard.counts.stats().queued);
        level(meter, &self.queue_bytes, guard, processor, |guard| guard.counts.stats().queued_bytes);
        let (items_max, bytes_max) = (config.queue_size_max as u64, config.queue_bytes_max);
        level(meter, &self.capacity, guard, processor, move |_| items_max);
        level(meter, &self.bytes_limit, guard, processor, move |guard| guard.limits.queue_bytes(bytes_max));
    }
}

/// What was done well, and what was dropped for each of the causes.
fn counter(
    meter: &Meter,
    metric: &Metric,
    guard: &Arc<Guard>,
    kind: &'static str,
    causes: fn(Cause) -> bool,
    done: fn(&Guard) -> u64,
) {
    let guard = Arc::clone(guard);
    let tell = move |out: &dyn AsyncInstrument<u64>| {
        out.observe(done(&guard), &component(kind));
        for cause in CAUSES.into_iter().filter(|cause| causes(*cause)) {
            let lost = guard.counts.lost(cause);
            if lost > 0 {
                out.observe(lost, &dropped(kind, cause));
            }
        }
    };
    meter
        .u64_observable_counter(metric.name)
        .with_unit(metric.unit)
        .with_description(metric.description)
        .with_callback(tell)
        .build();
}

fn level(
    meter: &Meter,
    metric: &Metric,
    guard: &Arc<Guard>,
    kind: &'static str,
    read: impl Fn(&Guard) -> u64 + Send + Sync + 'static,
) {
    let guard = Arc::clone(guard);
    let tell = move |out: &dyn AsyncInstrument<i64>| out.observe(int(read(&guard)), &component(kind));
    meter
        .i64_observable_up_down_counter(metric.name)
        .with_unit(metric.unit)
        .with_description(metric.description)
        .with_callback(tell)
        .build();
}
