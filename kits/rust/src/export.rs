//! The way out: OTLP exporters, each behind a guard that contains panics, keeps attributes a set, bounds their length and reports
//! failures to [`Diagnostics`] instead of logging each of them.
//!
//! The SDK's batch processors are operating system threads that block on one export at a time, so an export is bounded by the
//! exporter alone: one attempt and the retries each get half of the export timeout, because a retry may start just before its
//! half is over and then takes one attempt more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_otlp::{Compression, ExporterBuildError, RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::attributes;
use crate::diagnostics::Diagnostics;
use crate::exemplars::Exemplars;
use crate::export_metrics::WithExemplars;
use crate::queue::Counter;

/// The longest text of an attribute, in bytes: 2048 spans of 128 attributes of this length are the worst a queue can hold.
pub(crate) const TEXT_BYTES_MAX: usize = 8192;

/// An exporter with a guard around it.
#[derive(Debug)]
pub(crate) struct Guard<E> {
    pub(crate) inner: E,
    pub(crate) signal: &'static str,
    pub(crate) counter: Arc<Counter>,
    pub(crate) diagnostics: Arc<Diagnostics>,
}

impl<E> Guard<E> {
    /// Runs one export; a panic in it is an error like any other. The worker thread would die of it.
    async fn run(&self, items: u64, export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        let result = AssertUnwindSafe(export).catch_unwind().await;
        let result = result.unwrap_or_else(|_| Err(panicked()));
        match &result {
            Ok(()) => self.counter.settle(items, true),
            Err(error) => {
                self.counter.settle(items, false);
                let cause = format!("{} export", self.signal);
                let message = "telemetry was lost: the export failed";
                self.diagnostics.tell(&cause, message, items, &error.to_string());
            }
        }
        result
    }
}

fn panicked() -> OTelSdkError {
    OTelSdkError::InternalFailure("the exporter panicked".into())
}

fn contained(call: impl FnOnce() -> OTelSdkResult) -> OTelSdkResult {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(panicked()))
}

impl<E: SpanExporter> SpanExporter for Guard<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(tidy_span);
        let items = batch.len() as u64;
        self.run(items, self.inner.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        contained(|| self.inner.shutdown_with_timeout(timeout))
    }

    fn shutdown(&self) -> OTelSdkResult {
        contained(|| self.inner.shutdown())
    }

    fn force_flush(&self) -> OTelSdkResult {
        contained(|| self.inner.force_flush())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Guard<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let items = batch.iter().count() as u64;
        self.run(items, self.inner.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        contained(|| self.inner.shutdown_with_timeout(timeout))
    }

    fn shutdown(&self) -> OTelSdkResult {
        contained(|| self.inner.shutdown())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Guard<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if metrics.scope_metrics().next().is_none() {
            return Ok(());
        }
        self.counter.create(1);
        self.run(1, self.inner.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        contained(|| self.inner.force_flush())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        contained(|| self.inner.shutdown_with_timeout(timeout))
    }

    fn shutdown(&self) -> OTelSdkResult {
        contained(|| self.inner.shutdown())
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

fn tidy_span(span: &mut SpanData) {
    tidy(&mut span.attributes);
    for event in &mut span.events.events {
        tidy(&mut event.attributes);
    }
    for link in &mut span.links.links {
        tidy(&mut link.attributes);
    }
}

fn tidy(list: &mut Vec<KeyValue>) {
    attributes::dedupe(list);
    for attribute in list {
        if let Value::String(text) = &attribute.value
            && let Some(cut) = shorten(text.as_str())
        {
            attribute.value = Value::String(StringValue::from(cut.to_owned()));
        }
    }
}

/// The beginning of a text that is too long, cut between characters; `None` when it is short enough.
pub(crate) fn shorten(text: &str) -> Option<&str> {
    if text.len() <= TEXT_BYTES_MAX {
        return None;
    }
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX))
}

/// What the three OTLP/HTTP exporters have in common.
pub(crate) struct Http {
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
}

impl Http {
    fn set_up<B: WithExportConfig + WithHttpConfig>(&self, builder: B, url: &str) -> B {
        let retries =
            RetryPolicy::recommended().with_initial_delay(Duration::from_millis(100)).with_max_delay(self.timeout / 4);
        let builder = builder
            .with_endpoint(url)
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_timeout(self.timeout / 2)
            .with_retry_policy(retries);
        if self.gzip { builder.with_compression(Compression::Gzip) } else { builder }
    }

    pub(crate) fn spans(&self, url: &str) -> Result<opentelemetry_otlp::SpanExporter, ExporterBuildError> {
        self.set_up(opentelemetry_otlp::SpanExporter::builder().with_http(), url).build()
    }

    pub(crate) fn logs(&self, url: &str) -> Result<opentelemetry_otlp::LogExporter, ExporterBuildError> {
        self.set_up(opentelemetry_otlp::LogExporter::builder().with_http(), url).build()
    }

    pub(crate) fn metrics(
        &self,
        url: &str,
        exemplars: &Arc<Exemplars>,
    ) -> Result<opentelemetry_otlp::MetricExporter, ExporterBuildError> {
        let client = WithExemplars::new(exemplars, self.timeout / 2)?;
        self.set_up(opentelemetry_otlp::MetricExporter::builder().with_http(), url).with_http_client(client).build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shorten(&"a".repeat(TEXT_BYTES_MAX)), None);
        let crabs = "🦀".repeat(3000);
        let cut = shorten(&crabs).expect("cut");
        assert_eq!(cut.len(), TEXT_BYTES_MAX);
        assert!(crabs.starts_with(cut));
        let cut = shorten(&format!("a{crabs}")).map(str::len);
        assert_eq!(cut, Some(TEXT_BYTES_MAX - 3));
    }

    #[derive(Debug)]
    struct Panics;

    impl SpanExporter for Panics {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            panic!("deliberate")
        }

        fn shutdown(&self) -> OTelSdkResult {
            panic!("deliberate")
        }

        fn force_flush(&self) -> OTelSdkResult {
            panic!("deliberate")
        }
    }

    #[test]
    fn a_panic_in_an_exporter_is_an_error() {
        let guard = Guard {
            inner: Panics,
            signal: "span",
            counter: Arc::default(),
            diagnostics: Arc::new(Diagnostics::new("test")),
        };
        let exported = SpanExporter::export(&guard, Vec::new()).now_or_never();
        let others = [SpanExporter::shutdown(&guard), SpanExporter::force_flush(&guard)];
        for result in exported.into_iter().chain(others) {
            assert!(matches!(result, Err(OTelSdkError::InternalFailure(_))));
        }
    }
}
