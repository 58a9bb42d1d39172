//! Log events become lines and OTLP records with the same trace.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::logs::{AnyValue, Severity};
use opentelemetry::trace::TraceContextExt;
use serde_json::Value;
use throughline::testing::Memory;
use throughline::{Config, Kit, opentelemetry};
use tracing::Level;
use tracing_subscriber::prelude::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn read(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn start() -> (Kit, Memory, Lines) {
    let (memory, lines) = (Memory::new(), Lines::default());
    let config = Config::builder("orders")
        .variables(support::NO_VARIABLES)
        .memory(memory.clone())
        .log_writer(lines.clone())
        .log_level_of("noisy", Level::WARN)
        .log_level_of("noisy::but_this", Level::INFO)
        .build();
    (throughline::init(config).unwrap(), memory, lines)
}

#[test]
fn an_event_is_a_line_and_a_record_in_the_active_trace() {
    let (kit, memory, lines) = start();
    let subscriber = tracing_subscriber::registry().with(kit.log_layer());
    let error = std::io::Error::other("no answer");
    let mut span = None;
    tracing::subscriber::with_default(subscriber, || {
        let work = kit.span("charge card").observe(async {
            span = Some(Context::current().span().span_context().clone());
            tracing::error!(
                name: "payment.failed",
                target: "orders.payment",
                attempt = 2_u64,
                amount = 12.5,
                last = false,
                card = "visa",
                big = u64::MAX,
                error.type = "timeout",
                error = &error as &dyn std::error::Error,
                "payment {} failed", 17
            );
        });
        futures_util::FutureExt::now_or_never(work).unwrap();
        tracing::debug!("too quiet");
    });
    let span = span.unwrap();
    let found = lines.read();
    assert_eq!(found.len(), 1);
    let line = &found[0];
    assert_eq!(line["level"], "error");
    assert_eq!(line["msg"], "payment 17 failed");
    assert_eq!(line["service"], "orders");
    assert_eq!(line["trace_id"], span.trace_id().to_string());
    assert_eq!(line["span_id"], span.span_id().to_string());
    assert_eq!(line["trace_flags"], "01");
    assert_eq!(line["scope"], "orders.payment");
    assert_eq!(line["event"], "payment.failed");
    let attributes = serde_json::json!({ "amount": 12.5, "attempt": 2, "big": "18446744073709551615", "card": "visa", "last": false });
    assert_eq!(line["attrs"], attributes);
    assert_eq!(line["error"], serde_json::json!({ "type": "timeout", "message": "no answer" }));

    kit.flush(Duration::from_secs(5)).unwrap();
    let logs = memory.logs();
    assert_eq!(logs.len(), 1);
    let record = &logs[0].record;
    let context = record.trace_context().unwrap();
    assert_eq!((context.trace_id, context.span_id), (span.trace_id(), span.span_id()));
    assert_eq!(record.event_name(), Some("payment.failed"));
    assert_eq!(record.severity_number(), Some(Severity::Error));
    assert_eq!(record.target().unwrap(), "orders.payment");
    assert_eq!(record.body(), Some(&AnyValue::from("payment 17 failed")));
    let value =
        |key: &str| record.attributes_iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value.clone());
    assert_eq!(value("exception.type"), Some(AnyValue::from("timeout")));
    assert_eq!(value("exception.message"), Some(AnyValue::from("no answer")));
    assert_eq!(value("attempt"), Some(AnyValue::Int(2)));
    assert_eq!(record.attributes_iter().count(), 7);
}

#[test]
fn an_event_outside_of_spans_has_no_trace() {
    let (kit, memory, lines) = start();
    let subscriber = tracing_subscriber::registry().with(kit.log_layer());
    tracing::subscriber::with_default(subscriber, || tracing::info!("started"));
    let line = &lines.read()[0];
    assert!(line.get("trace_id").is_none() && line.get("attrs").is_none() && line.get("error").is_none());
    assert!(line.get("event").is_none());
    kit.flush(Duration::from_secs(5)).unwrap();
    assert!(memory.logs()[0].record.trace_context().is_none());
}

#[test]
fn levels_are_filtered_by_target_for_this_layer_only() {
    let (kit, _, lines) = start();
    let other = Lines::default();
    let neighbour = {
        let other = other.clone();
        tracing_subscriber::registry::Registry::default().with(kit.log_layer()).with(CountLayer(other))
    };
    tracing::subscriber::with_default(neighbour, || {
        tracing::info!(target: "noisy", "dropped");
        tracing::info!(target: "noisy::inner", "dropped");
        tracing::info!(target: "noisy::but_this", "kept 1");
        tracing::info!(target: "noisyness", "kept 2");
        tracing::warn!(target: "noisy", "kept 3");
        tracing::debug!("dropped");
    });
    let messages: Vec<_> = lines.read().iter().map(|line| line["msg"].as_str().unwrap().to_owned()).collect();
    assert_eq!(messages, ["kept 1", "kept 2", "kept 3"]);
    assert_eq!(other.0.lock().unwrap().len(), 6);
}

/// Another layer beside the kit's: it must see everything.
struct CountLayer(Lines);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for CountLayer {
    fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        self.0.0.lock().unwrap().push(b'.');
    }
}

#[test]
fn the_sdks_own_events_are_neither_printed_nor_exported() {
    let (kit, memory, lines) = start();
    let subscriber = tracing_subscriber::registry().with(kit.log_layer());
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(target: "opentelemetry_sdk", name = "BatchSpanProcessor.SpansDropped", "dropped");
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        tracing::info!(target: "hyper", "from the exporter's own client");
    });
    let messages: Vec<_> = lines.read().iter().map(|line| line["msg"].clone()).collect();
    assert_eq!(messages, ["from the exporter's own client"]);
    kit.flush(Duration::from_secs(5)).unwrap();
    assert!(memory.logs().is_empty());
}

#[test]
fn an_idle_kit_still_prints() {
    let lines = Lines::default();
    let config = Config::builder("orders").variables([("OTEL_SDK_DISABLED", "true")]).log_writer(lines.clone()).build();
    let kit = throughline::init(config).unwrap();
    assert!(!kit.is_enabled());
    let subscriber = tracing_subscriber::registry().with(kit.log_layer());
    tracing::subscriber::with_default(subscriber, || tracing::info!("hello"));
    assert_eq!(lines.read()[0]["msg"], "hello");
}

#[test]
fn secrets_stay_out_of_lines_records_and_spans_and_a_call_site_has_its_limit() {
    let (memory, lines) = (Memory::new(), Lines::default());
    let config = Config::builder("orders")
        .variables(support::NO_VARIABLES)
        .memory(memory.clone())
        .log_writer(lines.clone())
        .redact_key("tenant")
        .redact_text("ORD-[0-9]+", "[order]")
        .log_rate_max(2);
    let kit = throughline::init(config.build()).unwrap();
    let subscriber = tracing_subscriber::registry().with(kit.log_layer());
    tracing::subscriber::with_default(subscriber, || {
        let span = kit.span("GET /?token=hunter2").attribute(opentelemetry::KeyValue::new("tenant", "hunter2"));
        let work = span.observe(async {
            let span = Context::current();
            span.span().add_event("secret=hunter2", vec![opentelemetry::KeyValue::new("pwd", "hunter2")]);
            for _ in 0..5 {
                tracing::info!(cookie = "hunter2", error = "https://bo:hunter2@db/", "password=hunter2 ORD-17");
            }
        });
        futures_util::FutureExt::now_or_never(work).unwrap();
    });
    kit.flush(Duration::from_secs(5)).unwrap();
    let told = format!("{:?} {:?} {:?}", lines.read(), memory.logs(), memory.spans());
    assert!(!told.contains("hunter2") && !told.contains("ORD-17") && told.contains("[order]"), "{told}");
    assert_eq!((lines.read().len(), memory.logs().len()), (2, 2));
}
