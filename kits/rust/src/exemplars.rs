//! Exemplars: the sampled span behind a measurement, so that a slow bucket of a histogram leads to a trace. The Rust SDK has the place
//! for them and never fills it, and its type cannot be built outside of it; so the kit keeps its own, next to its instruments and the
//! service's (`meter.rs`), and puts them in where a collection has become an OTLP message.
//!
//! As in Go only sampled spans count (`trace_based`), there is one place per series and bucket, and it is kept from collection to
//! collection. Here the last span has it; Go draws one of those since the last collection.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::trace::{SpanId, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue as ProtoKeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as Measured;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric};

use crate::words::Seed;

/// The most series of one instrument that keep exemplars: the SDK's own limit, beyond which it folds series into one.
const SERIES_MAX: usize = 2000;

/// A histogram of durations in seconds that keeps exemplars.
#[derive(Clone)]
pub(crate) struct Seconds(Arc<SecondsParts>);

struct SecondsParts {
    histogram: Histogram<f64>,
    exemplars: Option<Arc<Reservoir>>,
}

impl Seconds {
    pub(crate) fn new(histogram: Histogram<f64>, exemplars: Option<Arc<Reservoir>>) -> Self {
        Seconds(Arc::new(SecondsParts { histogram, exemplars }))
    }

    /// Records for the span of a context.
    pub(crate) fn record(&self, seconds: f64, attributes: &[KeyValue], context: &Context) {
        self.0.histogram.record(seconds, attributes);
        if let Some(exemplars) = &self.0.exemplars {
            exemplars.offer(Measured::AsDouble(seconds), attributes, context);
        }
    }
}

/// A counter that keeps exemplars.
pub(crate) struct Count {
    pub(crate) counter: Counter<u64>,
    pub(crate) exemplars: Option<Arc<Reservoir>>,
}

impl Count {
    /// Counts for the span that is active.
    pub(crate) fn add(&self, items: u64, attributes: &[KeyValue]) {
        self.counter.add(items, attributes);
        if let Some(exemplars) = &self.exemplars {
            let items = Measured::AsInt(i64::try_from(items).unwrap_or(i64::MAX));
            Context::map_current(|context| exemplars.offer(items, attributes, context));
        }
    }
}

/// The exemplars of one instrument.
pub(crate) struct Reservoir {
    scope: Cow<'static, str>,
    metric: Cow<'static, str>,
    /// Upper bounds of the buckets; none for what is no histogram, which is one bucket.
    bounds: Cow<'static, [f64]>,
    seed: Seed,
    series: Mutex<Series>,
}

/// By the keys of series, a place for each bucket.
type Series = HashMap<u64, Box<[Option<Kept>]>, Seed>;

/// An exemplar as it is kept, without a heap of its own.
#[derive(Clone, Copy)]
struct Kept {
    value: Measured,
    time_unix_nano: u64,
    trace_id: TraceId,
    span_id: SpanId,
}

impl Reservoir {
    pub(crate) fn offer(&self, value: Measured, attributes: &[KeyValue], context: &Context) {
        let span = context.span();
        let span = span.span_context();
        if !span.is_valid() || !span.is_sampled() {
            return;
        }
        #[allow(clippy::cast_precision_loss)] // of a number that large the bucket is the last
        let number = match value {
            Measured::AsDouble(number) => number,
            Measured::AsInt(number) => number as f64,
        };
        let bucket = self.bounds.partition_point(|bound| *bound < number);
        let key = self.key(attributes.iter().map(|kv| (kv.key.as_str(), Known::of(&kv.value))));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let kept = Kept {
            value,
            time_unix_nano: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
            trace_id: span.trace_id(),
            span_id: span.span_id(),
        };
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if series.len() >= SERIES_MAX && !series.contains_key(&key) {
            return;
        }
        let buckets = series.entry(key).or_insert_with(|| vec![None; self.bounds.len() + 1].into());
        if let Some(place) = buckets.get_mut(bucket) {
            *place = Some(kept);
        }
    }

    fn of(&self, attributes: &[ProtoKeyValue]) -> Vec<Exemplar> {
        let pairs = attributes.iter().map(|kv| {
            let value = kv.value.as_ref().and_then(|value| value.value.as_ref());
            (kv.key.as_str(), value.map_or(Known::Other, Known::of_proto))
        });
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.get(&self.key(pairs)).into_iter().flatten().flatten().map(Kept::exemplar).collect()
    }

    /// Identifies a series whatever the order of its attributes, which are a set: the sum of their hashes.
    fn key<'a>(&self, attributes: impl Iterator<Item = (&'a str, Known<'a>)>) -> u64 {
        attributes.fold(0, |sum: u64, pair| sum.wrapping_add(self.seed.hash_one(pair)))
    }
}

impl Kept {
    fn exemplar(&self) -> Exemplar {
        Exemplar {
            filtered_attributes: Vec::new(),
            time_unix_nano: self.time_unix_nano,
            span_id: self.span_id.to_bytes().to_vec(),
            trace_id: self.trace_id.to_bytes().to_vec(),
            value: Some(self.value),
        }
    }
}

/// The value of an attribute of a metric, alike before and after its encoding.
#[derive(Hash)]
enum Known<'a> {
    Text(&'a str),
    Number(i64),
    Bits(u64),
    Truth(bool),
    Other,
}

impl<'a> Known<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Known::Text(text.as_str()),
            Value::I64(number) => Known::Number(*number),
            Value::F64(number) => Known::Bits(number.to_bits()),
            Value::Bool(truth) => Known::Truth(*truth),
            _ => Known::Other,
        }
    }

    fn of_proto(value: &'a ProtoValue) -> Self {
        match value {
            ProtoValue::StringValue(text) => Known::Text(text),
            ProtoValue::IntValue(number) => Known::Number(*number),
            ProtoValue::DoubleValue(number) => Known::Bits(number.to_bits()),
            ProtoValue::BoolValue(truth) => Known::Truth(*truth),
            _ => Known::Other,
        }
    }
}

/// The reservoirs of all instruments of a kit.
#[derive(Default)]
pub(crate) struct Exemplars(Mutex<Vec<Arc<Reservoir>>>);

impl std::fmt::Debug for Exemplars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Exemplars")
    }
}

impl Exemplars {
    /// The reservoir of an instrument: one for all that are of the same name, however often it is made.
    pub(crate) fn reservoir(
        &self,
        scope: impl Into<Cow<'static, str>>,
        metric: impl Into<Cow<'static, str>>,
        bounds: impl Into<Cow<'static, [f64]>>,
    ) -> Arc<Reservoir> {
        let (scope, metric, bounds) = (scope.into(), metric.into(), bounds.into());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.iter().find(|one| one.metric == metric && one.scope == scope) {
            return Arc::clone(known);
        }
        let made = Arc::new(Reservoir { scope, metric, bounds, seed: Seed::default(), series: Mutex::default() });
        all.push(Arc::clone(&made));
        made
    }

    /// Adds the exemplars to a message about to be sent.
    pub(crate) fn insert(&self, message: &mut ExportMetricsServiceRequest) {
        let reservoirs = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for scope in message.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics) {
            let name = scope.scope.as_ref().map_or("", |scope| scope.name.as_str());
            for metric in &mut scope.metrics {
                let found = reservoirs.iter().find(|one| one.metric == metric.name && one.scope == name);
                if let Some(reservoir) = found {
                    fill(metric, reservoir);
                }
            }
        }
    }
}

fn fill(metric: &mut Metric, from: &Reservoir) {
    for (attributes, exemplars) in places(metric) {
        *exemplars = from.of(attributes);
    }
}

/// Where the data points of a metric keep their exemplars.
fn places(metric: &mut Metric) -> Vec<(&[ProtoKeyValue], &mut Vec<Exemplar>)> {
    macro_rules! of {
        ($data:expr) => {
            $data.data_points.iter_mut().map(|point| (point.attributes.as_slice(), &mut point.exemplars)).collect()
        };
    }
    match &mut metric.data {
        Some(Data::Histogram(histogram)) => of!(histogram),
        Some(Data::ExponentialHistogram(histogram)) => of!(histogram),
        Some(Data::Sum(sum)) => of!(sum),
        Some(Data::Gauge(gauge)) => of!(gauge),
        _ => Vec::new(),
    }
}

/// All exemplars of a message, for tests.
#[cfg(feature = "testing")]
pub(crate) fn exemplars_of(message: &mut ExportMetricsServiceRequest) -> Vec<crate::testing::MetricExemplar> {
    let attribute = |kv: &ProtoKeyValue| {
        let value = match kv.value.as_ref().and_then(|value| value.value.clone()) {
            Some(ProtoValue::StringValue(text)) => Value::from(text),
            Some(ProtoValue::IntValue(number)) => Value::from(number),
            Some(ProtoValue::DoubleValue(number)) => Value::from(number),
            Some(ProtoValue::BoolValue(truth)) => Value::from(truth),
            other => Value::from(format!("{other:?}")),
        };
        KeyValue::new(kv.key.clone(), value)
    };
    let scopes = message.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
    let mut found = Vec::new();
    for metric in scopes.flat_map(|scope| &mut scope.metrics) {
        let name = metric.name.clone();
        for (attributes, exemplars) in places(metric) {
            let series: Vec<_> = attributes.iter().map(attribute).collect();
            found.extend(exemplars.iter().map(|exemplar| crate::testing::MetricExemplar {
                metric: name.clone(),
                attributes: series.clone(),
                trace_id: TraceId::from_bytes(exemplar.trace_id.as_slice().try_into().unwrap_or_default()),
                span_id: SpanId::from_bytes(exemplar.span_id.as_slice().try_into().unwrap_or_default()),
            }));
        }
    }
    found
}
