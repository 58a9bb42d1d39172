//! Log records: every body type and severity, with and without a span.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::TraceFlags;
use opentelemetry::{InstrumentationScope, Key};
use opentelemetry_otlp::{LogExporter, Protocol};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchConfigBuilder, BatchLogProcessor, SdkLogRecord, SdkLoggerProvider};

use crate::Error;
use crate::options::Options;
use crate::traces::remote;

const FLUSH_EVERY: usize = 400;

/// As many records as spans.
pub(crate) fn send(options: &Options, resource: &Resource) -> Result<usize, Error> {
    let exporter = match options.protocol {
        Protocol::Grpc => options.grpc(LogExporter::builder().with_tonic()).build()?,
        _ => options.http(LogExporter::builder().with_http(), "logs").build()?,
    };
    let batches = BatchConfigBuilder::default().with_max_queue_size(2048).build();
    let provider = SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_log_processor(BatchLogProcessor::builder(exporter).with_batch_config(batches).build())
        .build();
    let scope = InstrumentationScope::builder("senders-rust/logs").with_version("0.1.0").build();
    let logger = provider.logger_with_scope(scope);
    for number in 0..options.spans {
        let mut record = logger.create_log_record();
        fill(&mut record, number);
        logger.emit(record);
        if number % FLUSH_EVERY == FLUSH_EVERY - 1 {
            provider.force_flush()?;
        }
    }
    provider.force_flush()?;
    provider.shutdown()?;
    Ok(options.spans)
}

fn fill(record: &mut SdkLogRecord, number: usize) {
    const SEVERITIES: [Severity; 6] =
        [Severity::Trace, Severity::Debug, Severity::Info, Severity::Warn, Severity::Error, Severity::Fatal4];
    record.set_timestamp(SystemTime::now() - Duration::from_secs(1));
    record.set_observed_timestamp(SystemTime::now());
    // Every seventh record has no severity.
    if let Some(severity) = SEVERITIES.get(number % 7) {
        record.set_severity_number(*severity);
        record.set_severity_text(severity.name());
    }
    if let Some(body) = body(number) {
        record.set_body(body);
    }
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    record.add_attribute("record.number", i64::try_from(number).unwrap_or(i64::MAX));
    match number % 4 {
        0 => {
            every_type(record);
            let span = remote(number);
            record.set_trace_context(span.trace_id(), span.span_id(), Some(TraceFlags::SAMPLED));
        }
        1 => {
            record.set_event_name("order.created");
            let span = remote(number);
            record.set_trace_context(span.trace_id(), span.span_id(), Some(TraceFlags::NOT_SAMPLED));
        }
        _ => {}
    }
}

fn body(number: usize) -> Option<AnyValue> {
    Some(match number % 8 {
        0 => AnyValue::from("plain text ü"),
        1 => AnyValue::Int(-7),
        2 => AnyValue::Double(0.1),
        3 => AnyValue::Boolean(true),
        4 => AnyValue::Bytes(Box::new(vec![0xde, 0xad])),
        5 => AnyValue::ListAny(Box::new(vec![AnyValue::Int(1), AnyValue::from("two")])),
        6 => map("k", AnyValue::from("v")),
        _ => return None,
    })
}

fn map(key: &'static str, value: AnyValue) -> AnyValue {
    AnyValue::Map(Box::new(HashMap::from([(Key::from(key), value)])))
}

fn every_type(record: &mut SdkLogRecord) {
    record.add_attribute("text", "ünïcode ✓ \"quoted\"\n");
    record.add_attribute("text.empty", "");
    record.add_attribute("int.max", i64::MAX);
    record.add_attribute("int.min", i64::MIN);
    record.add_attribute("double", 0.1);
    record.add_attribute("bool", false);
    record.add_attribute("bytes", AnyValue::Bytes(Box::new(vec![0, 255])));
    let list = vec![AnyValue::Int(1), AnyValue::from("mixed"), AnyValue::Boolean(true)];
    record.add_attribute("list", AnyValue::ListAny(Box::new(list)));
    record.add_attribute("map", map("inner", map("n", AnyValue::Int(1))));
}
