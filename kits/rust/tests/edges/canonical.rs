//! Telemetry in the canonical form of `edges.json`: ids are places in the list of spans, ports and language types are placeholders,
//! times are gone.

use opentelemetry::trace::{SpanId, Status};
use opentelemetry::{InstrumentationScope, KeyValue, Value as Attribute};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, Value, json};
use throughline::opentelemetry;

use crate::support::Bench;

pub(crate) fn telemetry(bench: &Bench) -> Value {
    let spans = sorted(bench);
    let logs: Vec<Value> = bench
        .memory
        .logs()
        .iter()
        .map(|log| {
            let record = &log.record;
            let attributes = record.attributes_iter().map(|(key, value)| (key.to_string(), any_value(value)));
            let span = record.trace_context().map(|context| place(&spans, context.span_id));
            json!({
                "scope": log.instrumentation.name(),
                "event": record.event_name(),
                "severity": record.severity_text(),
                "body": record.body().map(any_value),
                "attributes": attributes.collect::<Map<_, _>>(),
                "span": span,
            })
        })
        .collect();
    let mut all = json!({
        "spans": spans.iter().map(|one| span(&spans, one)).collect::<Vec<_>>(),
        "metrics": points(bench),
    });
    if !logs.is_empty() {
        all["logs"] = logs.into();
    }
    all
}

fn sorted(bench: &Bench) -> Vec<SpanData> {
    let mut spans = bench.spans();
    spans.sort_by_key(|span| span.start_time);
    spans
}

fn span(all: &[SpanData], span: &SpanData) -> Value {
    let mut found = json!({
        "scope": span.instrumentation_scope.name(),
        "name": span.name,
        "kind": format!("{:?}", span.span_kind).to_lowercase(),
        "attributes": attributes(span.attributes.iter()),
    });
    if span.parent_span_id != SpanId::INVALID {
        let parent = all.iter().find(|one| one.span_context.span_id() == span.parent_span_id);
        let same = parent.is_none_or(|parent| parent.span_context.trace_id() == span.span_context.trace_id());
        found["parent"] = if same { place(all, span.parent_span_id) } else { "of another trace".into() };
    }
    let links: Vec<_> = span.links.iter().map(|link| place(all, link.span_context.span_id())).collect();
    if !links.is_empty() {
        found["links"] = links.into();
    }
    let events: Vec<_> = span.events.iter().map(|event| event.name.to_string()).collect();
    if !events.is_empty() {
        found["events"] = events.into();
    }
    match &span.status {
        Status::Unset => {}
        Status::Ok => found["status"] = "ok".into(),
        Status::Error { description } if description.is_empty() => found["status"] = "error".into(),
        Status::Error { description } => found["status"] = format!("error: {description}").into(),
    }
    found
}

fn place(all: &[SpanData], id: SpanId) -> Value {
    all.iter().position(|span| span.span_context.span_id() == id).map_or("remote".into(), Value::from)
}

fn attributes<'a>(list: impl Iterator<Item = &'a KeyValue>) -> Value {
    let mut found = Map::new();
    for kv in list {
        let value = match &kv.value {
            Attribute::Bool(value) => (*value).into(),
            Attribute::I64(value) => (*value).into(),
            Attribute::F64(value) => (*value).into(),
            other => other.to_string().into(),
        };
        let earlier = found.insert(kv.key.to_string(), placeholder(kv.key.as_str(), value));
        assert!(earlier.is_none(), "{} is there twice", kv.key);
    }
    found.into()
}

fn placeholder(key: &str, value: Value) -> Value {
    const WORDS: [&str; 7] =
        ["timeout", "canceled", "connection_refused", "connection_reset", "host_not_found", "broken_response", "panic"];
    match (key, &value) {
        ("server.port", Value::Number(port)) if port.as_u64() > Some(0) => "<port>".into(),
        ("url.full", Value::String(url)) => match url.strip_prefix("http://127.0.0.1:") {
            Some(rest) => {
                format!("http://127.0.0.1:<port>{}", rest.trim_start_matches(|c: char| c.is_ascii_digit())).into()
            }
            None => value,
        },
        // The values error.type may have in every language: a status, a SQLSTATE, or one of the kits' own words.
        ("error.type", Value::String(kind)) => {
            let code = kind.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || c == b'_');
            if code || WORDS.contains(&kind.as_str()) { value } else { "<type>".into() }
        }
        _ => value,
    }
}

fn any_value(value: &opentelemetry::logs::AnyValue) -> Value {
    match value {
        opentelemetry::logs::AnyValue::String(text) => text.as_str().into(),
        opentelemetry::logs::AnyValue::Int(number) => (*number).into(),
        other => format!("{other:?}").into(),
    }
}

fn metrics(bench: &Bench, mut see: impl FnMut(&InstrumentationScope, &Metric)) {
    bench.kit.flush(std::time::Duration::from_secs(5)).unwrap();
    if let Some(last) = bench.memory.metrics().last() {
        for scope in last.scope_metrics() {
            scope.metrics().for_each(|metric| see(scope.scope(), metric));
        }
    }
}

fn points(bench: &Bench) -> Vec<Value> {
    let mut list = Vec::new();
    metrics(bench, |_, metric| {
        let name = metric.name();
        match metric.data() {
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                list.extend(histogram.data_points().map(
                    |point| json!({"name": name, "attributes": attributes(point.attributes()), "count": point.count()}),
                ));
            }
            AggregatedMetrics::I64(MetricData::Sum(sum)) => list.extend(sum.data_points().map(
                |point| json!({"name": name, "attributes": attributes(point.attributes()), "value": point.value()}),
            )),
            AggregatedMetrics::U64(MetricData::Sum(sum)) => list.extend(sum.data_points().map(
                |point| json!({"name": name, "attributes": attributes(point.attributes()), "value": point.value()}),
            )),
            _ => list.push(json!({"name": name, "unexpected": true})),
        }
    });
    list.sort_by_key(|point| (point["name"].to_string(), point["attributes"].to_string()));
    list
}

/// Holds scopes, units and buckets, which are the same wherever a metric appears, against the specification.
pub(crate) fn check_definitions(specification: &Value, bench: &Bench) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check_scope = |scope: &InstrumentationScope| {
        let found = json!({"schema_url": scope.schema_url(), "attributes": attributes(scope.attributes())});
        if found != specification["scope"] || scope.version() != Some(env!("CARGO_PKG_VERSION")) {
            wrong.push(format!("scope {} is {:?} {found}", scope.name(), scope.version()));
        }
    };
    bench.spans().iter().for_each(|span| check_scope(&span.instrumentation_scope));
    bench.memory.logs().iter().for_each(|log| check_scope(&log.instrumentation));
    metrics(bench, |scope, _| check_scope(scope));
    metrics(bench, |scope, metric| {
        let (kind, buckets) = describe(metric);
        let (unit, description) = (metric.unit(), metric.description());
        let found = json!({"scope": scope.name(), "kind": kind, "unit": unit, "description": description});
        if found != specification["metrics"][metric.name()] {
            wrong.push(format!("{} is {found}", metric.name()));
        }
        let expected = specification["buckets"].as_array().unwrap().iter().map(|bound| bound.as_f64().unwrap());
        if buckets.is_some_and(|buckets| buckets != expected.collect::<Vec<_>>()) {
            wrong.push(format!("{} has other buckets", metric.name()));
        }
    });
    wrong
}

fn describe(metric: &Metric) -> (&'static str, Option<Vec<f64>>) {
    let sum = |monotonic| (if monotonic { "counter" } else { "updown counter" }, None);
    match metric.data() {
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
            ("histogram", histogram.data_points().next().map(|point| point.bounds().collect()))
        }
        AggregatedMetrics::I64(MetricData::Sum(data)) => sum(data.is_monotonic()),
        AggregatedMetrics::U64(MetricData::Sum(data)) => sum(data.is_monotonic()),
        _ => ("unknown", None),
    }
}
