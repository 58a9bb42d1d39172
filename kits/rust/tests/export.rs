//! What leaves the process, and what happens when nobody takes it.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use support::receiver::{self, Receiver};
use throughline::opentelemetry::KeyValue;
use throughline::opentelemetry::trace::TraceContextExt;
use throughline::{Config, ConfigBuilder, FlushError, Kit, Protocol, opentelemetry};
use tracing_subscriber::prelude::*;

/// Longer than any bound in these tests, shorter than a hang.
const AMPLE: Duration = Duration::from_secs(10);

fn config(url: &str) -> ConfigBuilder {
    Config::builder("orders")
        .version("1.4.2")
        .environment("test")
        .endpoint(url)
        .log_writer(std::io::sink())
        .variables(support::NO_VARIABLES)
}

fn start(url: &str) -> Kit {
    throughline::init(config(url).build()).unwrap()
}

/// Runs a future without a runtime.
fn now<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).unwrap()
}

fn work(kit: &Kit, times: usize) {
    for _ in 0..times {
        now(kit.span("work").observe(async {}));
    }
}

#[test]
fn all_signals_arrive_compressed_with_one_resource_from_a_program_without_a_runtime() {
    let receiver = Receiver::start();
    let kit = start(&receiver.url);
    let subscriber = tracing_subscriber::registry().with(kit.log_layer());
    tracing::subscriber::with_default(subscriber, || {
        now(kit.span("work").observe(async { tracing::info!("working") }));
    });
    kit.meter("orders").u64_counter("orders.count").build().add(1, &[]);
    kit.shutdown(AMPLE).unwrap();

    let span = receiver.spans().remove(0);
    let log = receiver.logs().remove(0);
    assert_eq!((log.trace_id.as_slice(), log.span_id.as_slice()), (span.trace_id.as_slice(), span.span_id.as_slice()));
    assert_eq!(log.flags, 1);
    let resource = receiver.resource();
    let keys: Vec<_> = resource.iter().map(|(key, _)| key.as_str()).collect();
    let expected = [
        "deployment.environment.name",
        "host.name",
        "process.pid",
        "service.instance.id",
        "service.name",
        "service.version",
        "telemetry.distro.name",
        "telemetry.distro.version",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
    ];
    assert_eq!(keys, expected);
    let value = |key: &str| resource.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!((value("service.name"), value("service.version")), ("orders", "1.4.2"));
    assert_eq!((value("telemetry.distro.name"), value("telemetry.sdk.language")), ("throughline", "rust"));

    let inbox = receiver.inbox.lock().unwrap();
    assert!(inbox.encodings.iter().all(|encoding| encoding == "gzip"));
    let resource = inbox.traces[0].resource_spans[0].resource.clone();
    assert_eq!(inbox.logs[0].resource_logs[0].resource, resource);
    assert_eq!(inbox.metrics[0].resource_metrics[0].resource, resource);
    let stats = kit.stats();
    assert_eq!((stats.spans.created, stats.spans.exported, stats.logs.exported), (1, 1, 1));
    assert!(stats.metrics.exported >= 1 && stats.metrics.dropped.total() == 0);
}

#[test]
fn the_environment_decides() {
    let receiver = Receiver::start();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url.as_str()),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_SERVICE_NAME", "renamed"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=blue,service.version=9,telemetry.distro.name=forged"),
    ];
    let kit = throughline::init(config("http://127.0.0.1:1").variables(variables).build()).unwrap();
    work(&kit, 1);
    kit.shutdown(AMPLE).unwrap();
    let resource = receiver.resource();
    let value = |key: &str| resource.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!((value("service.name"), value("service.version"), value("team")), ("renamed", "9", "blue"));
    assert_eq!(value("telemetry.distro.name"), "throughline");
    assert_eq!(receiver.inbox.lock().unwrap().encodings[0], "");
}

#[test]
fn samplers_from_the_environment_decide_what_is_sent() {
    for (sampler, argument, expected) in [("always_off", "1", 0), ("traceidratio", "0", 0), ("traceidratio", "1", 5)] {
        let receiver = Receiver::start();
        let variables = [("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)];
        let kit = throughline::init(config(&receiver.url).variables(variables).build()).unwrap();
        work(&kit, 5);
        kit.shutdown(AMPLE).unwrap();
        assert_eq!(receiver.spans().len(), expected, "{sampler} {argument}");
        assert_eq!(kit.stats().spans.created, expected as u64);
    }
}

#[test]
fn an_attribute_is_sent_once_with_its_last_value_and_bounded() {
    let receiver = Receiver::start();
    let kit = start(&receiver.url);
    let span = kit.span("work").attribute(KeyValue::new("a", 1)).attribute(KeyValue::new("a", 2));
    now(span.observe(async {
        let cx = opentelemetry::Context::current();
        cx.span().set_attribute(KeyValue::new("a", 3));
        cx.span().set_attribute(KeyValue::new("long", "x".repeat(100_000)));
        cx.span().add_event("event", vec![KeyValue::new("b", 1), KeyValue::new("b", 2)]);
    }));
    kit.shutdown(AMPLE).unwrap();
    let span = receiver.spans().remove(0);
    let keys: Vec<_> = span.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["a", "long"]);
    let text = format!("{:?}", span.attributes);
    assert!(text.contains("IntValue(3)") && text.len() < 10_000);
    assert_eq!(span.events[0].attributes.len(), 1);
}

#[test]
fn dropping_the_last_kit_flushes() {
    let receiver = Receiver::start();
    let kit = start(&receiver.url);
    let clone = kit.clone();
    work(&kit, 3);
    drop(kit);
    assert_eq!(receiver.spans().len(), 0);
    drop(clone);
    assert_eq!(receiver.spans().len(), 3);
}

#[test]
fn batches_leave_by_themselves_within_the_delay() {
    let receiver = Receiver::start();
    let kit = start(&receiver.url);
    work(&kit, 1);
    let since = Instant::now();
    while receiver.spans().is_empty() {
        assert!(since.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn shutting_down_works_inside_a_runtime_of_one_thread() {
    let receiver = Receiver::start();
    let kit = start(&receiver.url);
    kit.span("work").observe(tokio::task::yield_now()).await;
    kit.shutdown(AMPLE).unwrap();
    assert_eq!(receiver.spans().len(), 1);
    kit.shutdown(AMPLE).unwrap();
    kit.span("after the end").observe(async {}).await;
}

#[test]
fn a_receiver_that_is_busy_is_tried_again() {
    let receiver = Receiver::start();
    receiver.inbox.lock().unwrap().refusals.push(503);
    let kit = throughline::init(
        config(&receiver.url).variables([("OTEL_LOGS_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")]).build(),
    )
    .unwrap();
    work(&kit, 2);
    kit.shutdown(AMPLE).unwrap();
    assert_eq!(receiver.spans().len(), 2);
    assert_eq!(kit.stats().spans.dropped.total(), 0);
}

#[test]
fn a_refused_connection_is_told_and_counted_and_costs_no_time() {
    let kit = start(&receiver::refusing());
    let since = Instant::now();
    work(&kit, 5);
    assert!(since.elapsed() < Duration::from_secs(2));
    let error = kit.shutdown(AMPLE).unwrap_err();
    assert!(matches!(error, FlushError::Failed(_)), "{error}");
    assert!(error.to_string().contains("5 of the last 5 spans were not delivered"), "{error}");
    assert!(since.elapsed() < Duration::from_secs(5));
    let spans = kit.stats().spans;
    assert_eq!((spans.created, spans.exported, spans.dropped.export_failed), (5, 0, 5));
}

#[test]
fn a_blackhole_costs_no_more_than_was_allowed() {
    let url = receiver::blackhole();
    let kit = throughline::init(config(&url).export_timeout(Duration::from_secs(3)).build()).unwrap();
    work(&kit, 5);
    let since = Instant::now();
    assert!(kit.flush(Duration::from_millis(100)).is_err());
    assert!(since.elapsed() < Duration::from_millis(2500), "{:?}", since.elapsed());
    work(&kit, 1);
    let since = Instant::now();
    assert!(kit.shutdown(Duration::from_secs(4)).is_err());
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    assert_eq!(kit.stats().spans.exported, 0);

    let kit = throughline::init(config(&url).drop_timeout(Duration::from_millis(300)).build()).unwrap();
    work(&kit, 1);
    let since = Instant::now();
    drop(kit);
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_them() {
    let url = receiver::blackhole();
    let kit =
        throughline::init(config(&url).queue_size_max(600).export_timeout(Duration::from_secs(1)).build()).unwrap();
    let since = Instant::now();
    work(&kit, 5000);
    assert!(since.elapsed() < Duration::from_secs(3), "requests wait for telemetry: {:?}", since.elapsed());
    let spans = kit.stats().spans;
    assert_eq!(spans.created, 5000);
    assert!(spans.dropped.queue_full >= 4000, "{spans:?}");
    let _ = kit.shutdown(Duration::from_secs(8));
    let spans = kit.stats().spans;
    assert_eq!(spans.created, spans.exported + spans.dropped.total() + spans.queued, "{spans:?}");
}

#[test]
fn a_queue_is_bounded_by_bytes() {
    let kit = throughline::init(config(&receiver::blackhole()).queue_bytes_max(100_000).build()).unwrap();
    for _ in 0..50 {
        let span = kit.span("work").attribute(KeyValue::new("text", "x".repeat(4096)));
        now(span.observe(async {}));
    }
    // 4096 bytes of text, 32 + 4 of the attribute, 256 + 4 of the span: 22 of them fit.
    let spans = kit.stats().spans;
    assert_eq!((spans.queued, spans.queued_bytes, spans.dropped.byte_limit), (22, 22 * 4392, 28), "{spans:?}");
    let _ = kit.shutdown(Duration::from_millis(100));
}

#[test]
fn a_bad_configuration_gives_a_kit_that_records_nothing_and_every_reason() {
    let variables = [("OTEL_TRACES_SAMPLER", "sometimes"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url")];
    let config = config("http://127.0.0.1:4318").variables(variables).redact_text("(", "");
    let error = throughline::init(config.build()).unwrap_err();
    assert_eq!(error.problems.len(), 3, "{error}");
    let kit = error.report();
    assert!(!kit.is_enabled());
    work(&kit, 1);
    kit.shutdown(AMPLE).unwrap();
    assert_eq!(kit.stats(), throughline::Stats::default());
}

/// The SDK's own gRPC exporter waits for the caller's runtime here, which waits for the exporter.
#[tokio::test(flavor = "current_thread")]
async fn grpc_export_does_not_need_the_callers_runtime() {
    let receiver = support::grpc::start();
    let only_traces = [("OTEL_LOGS_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")];
    let kit = throughline::init(config(&receiver.url).protocol(Protocol::Grpc).variables(only_traces).build()).unwrap();
    kit.span("work").observe(async {}).await;
    kit.shutdown(AMPLE).unwrap();
    assert_eq!(receiver.spans()[0].name, "work");
}

#[test]
fn grpc_export_to_a_blackhole_is_bounded() {
    let url = receiver::blackhole();
    let kit = config(&url).protocol(Protocol::Grpc).export_timeout(Duration::from_millis(500)).build();
    let kit = throughline::init(kit).unwrap();
    work(&kit, 1);
    let since = Instant::now();
    assert!(kit.shutdown(Duration::from_secs(5)).is_err());
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
    assert_eq!(kit.stats().spans.dropped.total(), 1);
}

/// An exhausted receiver that does not say when to come back is not asked again; one that does, is.
#[test]
fn retry_info_is_honoured_over_grpc() {
    use tonic::Code;
    let ten = Some(Duration::from_secs(10));
    let cases = [
        (Code::ResourceExhausted, None, 0),
        (Code::ResourceExhausted, ten, 1),
        (Code::Unavailable, ten, 1),
        (Code::InvalidArgument, ten, 0),
    ];
    for (code, after, held) in cases {
        let url = support::grpc::failing(support::grpc::failure(code, after));
        let variables = [
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
            ("OTEL_LOGS_EXPORTER", "none"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ];
        let kit = throughline::init(config(&url).variables(variables).build()).unwrap();
        work(&kit, 1);
        let _ = kit.flush(AMPLE);
        let spans = kit.stats().spans;
        assert_eq!(spans.queued, held, "{code:?} {spans:?}");
        assert_eq!(spans.dropped.export_failed + spans.dropped.rejected, 1 - held, "{code:?} {spans:?}");
        let _ = kit.shutdown(Duration::from_secs(1));
        let spans = kit.stats().spans;
        assert_eq!((spans.created, spans.dropped.total(), spans.queued), (1, 1, 0), "{code:?} {spans:?}");
    }
}

/// What an outage of traces cost is told by metrics, which have a receiver and a breaker of their own. The Go kit has the same test.
#[test]
fn an_outage_is_told_by_metrics() {
    let receiver = Receiver::start();
    let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")];
    let kit = throughline::init(config(&receiver.url).variables(variables).build()).unwrap();
    for _ in 0..4 {
        work(&kit, 1); // the breaker opens at the third failure in a row
        let _ = kit.flush(AMPLE);
    }
    let _ = kit.shutdown(AMPLE);
    let own = receiver.own_metrics();
    let expected = [
        ("otel.sdk.processor.span.processed ", 3),
        ("otel.sdk.processor.span.processed circuit_open", 1),
        ("otel.sdk.exporter.span.exported ", 0),
        ("otel.sdk.exporter.span.exported export_failed", 3),
        ("otel.sdk.exporter.span.inflight ", 0),
        ("otel.sdk.processor.span.queue.size ", 0),
        ("otel.sdk.processor.span.queue.capacity ", 2048),
        ("throughline.processor.span.queue.bytes ", 0),
        ("throughline.processor.span.queue.bytes_limit ", 8 << 20),
        ("throughline.exporter.breaker.state otlp_span_exporter", 2),
        ("throughline.exporter.breaker.state otlp_log_exporter", 0),
        ("throughline.exporter.breaker.state otlp_metric_exporter", 0),
    ];
    for (name, value) in expected {
        assert_eq!(own.get(name), Some(&value), "{name}: {own:?}");
    }
}

/// What is sent does not depend on how: the kit's own exporters over gRPC say what the official ones over HTTP say.
#[test]
fn both_protocols_carry_the_same() {
    let receivers = [("http/protobuf", Receiver::start()), ("grpc", support::grpc::start())];
    let told = receivers.map(|(protocol, receiver)| {
        let variables =
            [("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")];
        let kit = throughline::init(config(&receiver.url).variables(variables).build()).unwrap();
        let subscriber = tracing_subscriber::registry().with(kit.log_layer());
        tracing::subscriber::with_default(subscriber, || {
            now(kit.span("work").attribute(KeyValue::new("n", 1)).observe(async { tracing::warn!(n = 2, "working") }));
        });
        kit.meter("orders")
            .f64_histogram("orders.total")
            .with_unit("EUR")
            .build()
            .record(3.0, &[KeyValue::new("n", 3)]);
        kit.shutdown(AMPLE).unwrap();
        receiver.everything()
    });
    assert_eq!(told[0], told[1]);
    let (traces, logs, metrics, headers) = &told[0];
    assert_eq!((traces.len(), logs.len(), metrics.resource_metrics[0].scope_metrics.len()), (1, 1, 1));
    assert_eq!(headers.as_slice(), ["gzip", "Bearer abc"]);
}
