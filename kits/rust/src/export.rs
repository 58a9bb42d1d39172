//! The official OTLP exporters, and what is tidied before them: attributes are a set, and their length is bounded.

use std::sync::Arc;

use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_otlp::{Compression, ExporterBuildError, RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::trace::SpanData;

use crate::attributes;
use crate::exemplars::Exemplars;
use crate::export_metrics::Completed;
use crate::guard::{Guard, Overheard};
use crate::targets::Target;

/// The longest text of an attribute, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 8192;

pub(crate) fn tidy_span(span: &mut SpanData) {
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

/// What the three OTLP/HTTP exporters have in common. Their own retries are off: the guard retries, because it knows the budget and
/// the circuit breaker.
pub(crate) struct Http {
    pub(crate) gzip: bool,
}

impl Http {
    fn set_up<B: WithExportConfig + WithHttpConfig>(&self, builder: B, target: &Target) -> B {
        let builder = builder
            .with_endpoint(&target.url)
            .with_headers(target.headers.iter().cloned().collect())
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_retry_policy(RetryPolicy::disabled());
        if self.gzip { builder.with_compression(Compression::Gzip) } else { builder }
    }

    pub(crate) fn spans(
        &self,
        target: &Target,
        guard: &Guard,
    ) -> Result<opentelemetry_otlp::SpanExporter, ExporterBuildError> {
        let client = Overheard::new(&guard.heard, target)?;
        self.set_up(opentelemetry_otlp::SpanExporter::builder().with_http(), target).with_http_client(client).build()
    }

    pub(crate) fn logs(
        &self,
        target: &Target,
        guard: &Guard,
    ) -> Result<opentelemetry_otlp::LogExporter, ExporterBuildError> {
        let client = Overheard::new(&guard.heard, target)?;
        self.set_up(opentelemetry_otlp::LogExporter::builder().with_http(), target).with_http_client(client).build()
    }

    pub(crate) fn metrics(
        &self,
        target: &Target,
        guard: &Guard,
        exemplars: &Arc<Exemplars>,
        temporality: Temporality,
    ) -> Result<opentelemetry_otlp::MetricExporter, ExporterBuildError> {
        let client = Completed::new(exemplars, &guard.redaction, Overheard::new(&guard.heard, target)?);
        let builder = opentelemetry_otlp::MetricExporter::builder().with_http().with_temporality(temporality);
        self.set_up(builder, target).with_http_client(client).build()
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
}
