//! What the tests share: a kit that keeps its telemetry, ways to look at it, and a real OTLP/HTTP receiver.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod fake_nats;
pub mod grpc;
pub mod receiver;

use std::time::Duration;

use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::trace::SpanData;
use throughline::opentelemetry::KeyValue;
use throughline::opentelemetry::trace::{SpanId, Status};
use throughline::testing::Memory;
use throughline::{Config, Kit};

/// A kit that keeps everything, alone in the world: the environment does not reach it.
pub struct Bench {
    pub kit: Kit,
    pub memory: Memory,
}

impl Bench {
    pub fn new() -> Bench {
        let memory = Memory::new();
        let config = Config::builder("test").variables(NO_VARIABLES).memory(memory.clone()).build();
        Bench { kit: throughline::init(config).unwrap(), memory }
    }

    pub fn spans(&self) -> Vec<SpanData> {
        self.kit.flush(Duration::from_secs(5)).unwrap();
        self.memory.spans()
    }

    /// The only span of this name.
    pub fn span(&self, name: &str) -> SpanData {
        let spans = self.spans();
        let mut found: Vec<_> = spans.iter().filter(|span| span.name == name).cloned().collect();
        assert_eq!(found.len(), 1, "{name} in {:?}", spans.iter().map(|span| &span.name).collect::<Vec<_>>());
        found.remove(0)
    }

    /// The value of a data point of a metric: the sum of a counter or gauge, the count of a histogram. The point is the only one with
    /// these attributes among its own.
    pub fn point(&self, metric: &str, attributes: &[(&str, &str)]) -> Option<f64> {
        self.kit.flush(Duration::from_secs(5)).unwrap();
        let all = self.memory.metrics();
        let last = all.last()?;
        let metrics = last.scope_metrics().flat_map(|scope| scope.metrics());
        let found = metrics.filter(|one| one.name() == metric);
        let points = found.flat_map(|one| points(one.data())).filter(|(own, _)| {
            let has = |(key, value): &(&str, &str)| {
                own.iter().any(|kv| kv.key.as_str() == *key && kv.value.to_string() == *value)
            };
            attributes.iter().all(has)
        });
        let values: Vec<f64> = points.map(|(_, value)| value).collect();
        assert!(values.len() <= 1, "{metric} {attributes:?} is ambiguous: {values:?}");
        values.first().copied()
    }
}

pub const NO_VARIABLES: [(&str, &str); 0] = [];

fn points(data: &AggregatedMetrics) -> Vec<(Vec<KeyValue>, f64)> {
    fn read<T: Copy>(data: &MetricData<T>, number: impl Fn(T) -> f64) -> Vec<(Vec<KeyValue>, f64)> {
        match data {
            MetricData::Sum(sum) => {
                sum.data_points().map(|point| (point.attributes().cloned().collect(), number(point.value()))).collect()
            }
            MetricData::Gauge(gauge) => gauge
                .data_points()
                .map(|point| (point.attributes().cloned().collect(), number(point.value())))
                .collect(),
            MetricData::Histogram(histogram) => histogram
                .data_points()
                .map(|point| (point.attributes().cloned().collect(), point.count() as f64))
                .collect(),
            _ => Vec::new(),
        }
    }
    match data {
        AggregatedMetrics::F64(data) => read(data, |value| value),
        AggregatedMetrics::I64(data) => read(data, |value| value as f64),
        AggregatedMetrics::U64(data) => read(data, |value| value as f64),
    }
}

/// An attribute as text; `None` when it is not there; a panic when it is there twice.
pub fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let found: Vec<_> = span.attributes.iter().filter(|kv| kv.key.as_str() == key).collect();
    assert!(found.len() <= 1, "{key} is there {} times", found.len());
    found.first().map(|kv| kv.value.to_string())
}

/// All attributes as `key=value`, sorted.
pub fn attributes(span: &SpanData) -> Vec<String> {
    let mut all: Vec<_> = span.attributes.iter().map(|kv| format!("{}={}", kv.key, kv.value)).collect();
    all.sort();
    all
}

/// The status as text: `unset`, or `error: description`.
pub fn status(span: &SpanData) -> String {
    match &span.status {
        Status::Unset => "unset".to_owned(),
        Status::Ok => "ok".to_owned(),
        Status::Error { description } => format!("error: {description}"),
    }
}

pub fn is_root(span: &SpanData) -> bool {
    span.parent_span_id == SpanId::INVALID
}

pub fn is_child(child: &SpanData, parent: &SpanData) -> bool {
    child.parent_span_id == parent.span_context.span_id()
        && child.span_context.trace_id() == parent.span_context.trace_id()
}

/// Waits until something holds, for up to 5 s.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come about");
}
