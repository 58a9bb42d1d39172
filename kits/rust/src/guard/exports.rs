//! The three signals' ways out, each through its guard.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opentelemetry::logs::Logger as _;
use opentelemetry::logs::{AnyValue, LoggerProvider as _};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter, LogProcessor, SdkLogRecord, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};

use super::batcher::Exports;
use super::{Batcher, Cause, ExportRuntime, Guard, State, Verdict};
use crate::export::tidy_span;

// What an item is reckoned to hold in memory, beside its text. The same numbers in every kit.
const SPAN_BYTES: usize = 256;
const LOG_BYTES: usize = 192;
/// A link too.
const EVENT_BYTES: usize = 64;
const ATTRIBUTE_BYTES: usize = 32;
const SCALAR_BYTES: usize = 8;

fn contained(call: impl FnOnce() -> OTelSdkResult) -> OTelSdkResult {
    let panicked = |_| Err(OTelSdkError::InternalFailure("the exporter panicked".into()));
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(panicked)
}

#[derive(Debug)]
pub(crate) struct SpanExports<E> {
    pub(crate) exporter: E,
    pub(crate) guard: Arc<Guard>,
}

impl<E: SpanExporter + 'static> Exports<SpanData> for SpanExports<E> {
    fn prepare(&self, batch: &mut Vec<SpanData>) {
        let rules = self.guard.redaction.rules();
        for span in batch {
            tidy_span(span);
            rules.span(span);
        }
    }

    fn export<'a>(&'a self, batch: &'a [SpanData]) -> BoxFuture<'a, OTelSdkResult> {
        self.exporter.export(batch.to_vec()).boxed()
    }

    fn shutdown(&self, timeout: Duration) -> OTelSdkResult {
        contained(|| self.exporter.shutdown_with_timeout(timeout))
    }
}

impl SpanProcessor for Batcher<SpanData> {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.admits() {
            let bytes = size_of_span(&span);
            self.push(span, bytes as u64);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.shutdown(timeout)
    }
}

pub(crate) type LogItem = (SdkLogRecord, InstrumentationScope);

#[derive(Debug)]
pub(crate) struct LogExports<E> {
    exporter: E,
    guard: Arc<Guard>,
    /// Makes blank records.
    blank: SdkLogger,
}

impl<E> LogExports<E> {
    pub(crate) fn new(exporter: E, guard: &Arc<Guard>) -> Self {
        LogExports { exporter, guard: Arc::clone(guard), blank: SdkLoggerProvider::builder().build().logger("") }
    }
}

impl<E: LogExporter + 'static> Exports<LogItem> for LogExports<E> {
    fn prepare(&self, batch: &mut Vec<LogItem>) {
        let rules = self.guard.redaction.rules();
        for (record, _) in batch {
            if let Some(redacted) = rules.log(record, || self.blank.create_log_record()) {
                *record = redacted;
            }
        }
    }

    fn export<'a>(&'a self, batch: &'a [LogItem]) -> BoxFuture<'a, OTelSdkResult> {
        async move {
            let items: Vec<_> = batch.iter().map(|(record, scope)| (record, scope)).collect();
            self.exporter.export(LogBatch::new(&items)).await
        }
        .boxed()
    }

    fn shutdown(&self, timeout: Duration) -> OTelSdkResult {
        contained(|| self.exporter.shutdown_with_timeout(timeout))
    }
}

impl LogProcessor for Batcher<LogItem> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.admits() {
            let bytes = size_of_log(record);
            self.push((record.clone(), scope.clone()), bytes as u64);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.shutdown(timeout)
    }
}

/// Metrics need no queue: what a lost collection had is in the next one.
#[derive(Debug)]
pub(crate) struct GuardedMetrics<E> {
    pub(crate) exporter: E,
    pub(crate) guard: Arc<Guard>,
    pub(crate) runtime: Arc<ExportRuntime>,
}

impl<E: PushMetricExporter> PushMetricExporter for GuardedMetrics<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if metrics.scope_metrics().next().is_none() {
            return Ok(());
        }
        self.guard.counts.create();
        let verdict = if self.guard.state() == State::Open && !self.guard.is_stopping() {
            self.guard.lose(Cause::CircuitOpen, 1, "the receiver is down: the circuit breaker is open")
        } else {
            self.runtime.enter(self.guard.run(1, true, || self.exporter.export(metrics))).await
        };
        match verdict {
            Verdict::Delivered => Ok(()),
            Verdict::Lost(error) | Verdict::Held(_, error) => Err(OTelSdkError::InternalFailure(error)),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        contained(|| self.exporter.force_flush())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        contained(|| self.exporter.shutdown_with_timeout(timeout))
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

fn size_of_span(span: &SpanData) -> usize {
    let description = match &span.status {
        opentelemetry::trace::Status::Error { description } => description.len(),
        _ => 0,
    };
    let events = span.events.iter().map(|event| EVENT_BYTES + event.name.len() + size_of_list(&event.attributes));
    let links = span.links.iter().map(|link| EVENT_BYTES + size_of_list(&link.attributes));
    let parts = events.chain(links).sum::<usize>();
    SPAN_BYTES + span.name.len() + description + size_of_list(&span.attributes) + parts
}

fn size_of_list(list: &[KeyValue]) -> usize {
    list.iter().map(|kv| ATTRIBUTE_BYTES + kv.key.as_str().len() + size_of_value(&kv.value)).sum()
}

fn size_of_value(value: &Value) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::String(list)) => list.iter().map(|text| ATTRIBUTE_BYTES + text.as_str().len()).sum(),
        Value::Array(Array::I64(list)) => ATTRIBUTE_BYTES * list.len(),
        Value::Array(Array::F64(list)) => ATTRIBUTE_BYTES * list.len(),
        Value::Array(Array::Bool(list)) => ATTRIBUTE_BYTES * list.len(),
        _ => SCALAR_BYTES,
    }
}

fn size_of_log(record: &SdkLogRecord) -> usize {
    let fields = record.attributes_iter();
    let fields: usize = fields.map(|(key, value)| ATTRIBUTE_BYTES + key.as_str().len() + size_of_any(value)).sum();
    let name = record.event_name().map_or(0, str::len);
    LOG_BYTES + name + record.body().map_or(0, size_of_any) + fields
}

fn size_of_any(value: &AnyValue) -> usize {
    match value {
        AnyValue::String(text) => text.as_str().len(),
        AnyValue::Bytes(bytes) => bytes.len(),
        AnyValue::ListAny(items) => items.iter().map(|item| ATTRIBUTE_BYTES + size_of_any(item)).sum(),
        AnyValue::Map(members) => {
            members.iter().map(|(key, member)| ATTRIBUTE_BYTES + key.as_str().len() + size_of_any(member)).sum()
        }
        _ => SCALAR_BYTES,
    }
}
