//! Metrics lead to traces: measurements of sampled spans leave exemplars, over both transports, compressed or not.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use support::receiver::Receiver;
use throughline::opentelemetry::KeyValue;
use throughline::opentelemetry::metrics::AsyncInstrument;
use throughline::{Config, Kit, Protocol};

const AMPLE: Duration = Duration::from_secs(10);

async fn tasks(kit: &Kit) {
    let _ = kit.spawn("quick", async {}).await;
    let _ = kit.spawn("slow", async { tokio::time::sleep(Duration::from_millis(15)).await }).await;
}

/// Of the last collection.
fn points(messages: &[ExportMetricsServiceRequest]) -> Vec<HistogramDataPoint> {
    let scopes =
        messages.last().into_iter().flat_map(|message| &message.resource_metrics).flat_map(|one| &one.scope_metrics);
    let data = scopes.flat_map(|scope| &scope.metrics).filter_map(|metric| metric.data.as_ref());
    data.flat_map(|data| match data {
        Data::Histogram(histogram) => histogram.data_points.clone(),
        _ => Vec::new(),
    })
    .collect()
}

#[tokio::test]
async fn a_measurement_of_a_sampled_span_leads_to_its_trace() {
    for compression in ["gzip", "none"] {
        let receiver = Receiver::start();
        let variables = [("OTEL_EXPORTER_OTLP_COMPRESSION", compression)];
        let kit =
            throughline::init(Config::builder("test").endpoint(&receiver.url).variables(variables).build()).unwrap();
        tasks(&kit).await;
        kit.shutdown(AMPLE).unwrap();
        let spans = receiver.spans();
        let inbox = receiver.inbox.lock().unwrap();
        assert!(inbox.encodings.iter().all(|one| one.is_empty() == (compression == "none")), "{:?}", inbox.encodings);
        let points = points(&inbox.metrics);
        assert_eq!(points.len(), 2, "one series for each task");
        for point in points {
            let [exemplar] = point.exemplars.as_slice() else { panic!("{point:?}") };
            let Some(Value::AsDouble(value)) = exemplar.value else { panic!("{exemplar:?}") };
            assert_eq!(Some(value), point.sum, "the one measurement");
            assert!(exemplar.time_unix_nano > point.start_time_unix_nano);
            let span = spans.iter().find(|span| span.span_id == exemplar.span_id).unwrap();
            assert_eq!(span.trace_id, exemplar.trace_id);
            let of_series =
                point.attributes.iter().any(|one| format!("{:?}", one.value).contains(&format!("{:?}", span.name)));
            assert!(of_series, "{} measured for {:?}", span.name, point.attributes);
            assert!(span.name != "slow" || value >= 0.015, "{value}");
        }
    }
}

#[tokio::test]
async fn a_span_that_is_not_sampled_is_measured_and_is_no_exemplar() {
    let receiver = Receiver::start();
    let variables = [("OTEL_TRACES_SAMPLER", "always_off")];
    let kit = throughline::init(Config::builder("test").endpoint(&receiver.url).variables(variables).build()).unwrap();
    tasks(&kit).await;
    kit.shutdown(AMPLE).unwrap();
    let points = points(&receiver.inbox.lock().unwrap().metrics);
    assert_eq!(points.iter().map(|point| (point.count, point.exemplars.len())).collect::<Vec<_>>(), [(1, 0), (1, 0)]);
}

/// The Go kit has the same test.
#[tokio::test]
async fn instruments_of_the_service_keep_exemplars_too() {
    let receiver = Receiver::start();
    let variables = [("OTEL_LOGS_EXPORTER", "none")];
    let kit = throughline::init(Config::builder("test").endpoint(&receiver.url).variables(variables).build()).unwrap();
    let meter = kit.meter("orders");
    let order = KeyValue::new("order.kind", "gift");
    let work = async {
        let order = std::slice::from_ref(&order);
        meter.u64_counter("orders.created").with_unit("{order}").build().add(3, order);
        meter.i64_up_down_counter("orders.open").build().add(-2, order);
        meter.f64_gauge("orders.price").build().record(1.5, order);
        let total = meter.f64_histogram("orders.total").with_boundaries(vec![10.0, 100.0]).build();
        for value in [5.0, 50.0, 500.0] {
            total.record(value, order);
        }
        meter.u64_histogram("orders.items").build().record(7, order);
    };
    kit.span("order").observe(work).await;
    let callback = |out: &dyn AsyncInstrument<u64>| out.observe(9, &[]);
    let _observed = meter.u64_observable_counter("orders.seen").with_callback(callback).build();
    kit.shutdown(AMPLE).unwrap();

    let span = receiver.spans().remove(0);
    let inbox = receiver.inbox.lock().unwrap();
    let scopes = inbox.metrics.last().unwrap().resource_metrics.iter().flat_map(|one| &one.scope_metrics);
    let mut found = BTreeMap::new();
    for metric in scopes.filter(|scope| scope.scope.as_ref().unwrap().name == "orders").flat_map(|scope| &scope.metrics)
    {
        let exemplars = match metric.data.as_ref().unwrap() {
            Data::Sum(data) => data.data_points[0].exemplars.clone(),
            Data::Gauge(data) => data.data_points[0].exemplars.clone(),
            Data::Histogram(data) => data.data_points[0].exemplars.clone(),
            other => panic!("{other:?}"),
        };
        assert!(exemplars.iter().all(|one| one.span_id == span.span_id && one.trace_id == span.trace_id), "{metric:?}");
        let values = exemplars.iter().map(|one| match one.value.unwrap() {
            Value::AsInt(value) => value.to_string(),
            Value::AsDouble(value) => value.to_string(),
        });
        found.insert(metric.name.as_str(), values.collect::<Vec<_>>().join(" "));
    }
    let expected = [
        ("orders.created", "3"),
        ("orders.items", "7"),
        ("orders.open", "-2"),
        ("orders.price", "1.5"),
        ("orders.seen", ""),
        ("orders.total", "5 50 500"),
    ];
    let expected = expected.map(|(name, values)| (name, values.to_owned()));
    assert_eq!(found, BTreeMap::from(expected));
}

#[tokio::test]
async fn grpc_carries_exemplars_too_and_tries_again() {
    let receiver = support::grpc::start();
    receiver.inbox.lock().unwrap().refusals.push(14);
    let variables = [("OTEL_LOGS_EXPORTER", "none"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1")];
    let config = Config::builder("test").endpoint(&receiver.url).protocol(Protocol::Grpc).variables(variables);
    let kit = throughline::init(config.build()).unwrap();
    tasks(&kit).await;
    let _ = kit.shutdown(AMPLE); // nobody takes the spans
    let points = points(&receiver.inbox.lock().unwrap().metrics);
    assert_eq!(points.iter().map(|point| point.exemplars.len()).collect::<Vec<_>>(), [1, 1]);
}
