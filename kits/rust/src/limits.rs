//! Limits that can be lowered while the service runs: attributes of spans, and the bytes that may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// What a control document says; 0 where it says nothing.
#[derive(Debug, Default)]
pub(crate) struct SteeredLimits {
    /// Characters of a text.
    length: AtomicUsize,
    /// Attributes of a span.
    count: AtomicUsize,
    queue_bytes: AtomicU64,
}

impl SteeredLimits {
    #[cfg(feature = "control")]
    pub(crate) fn set(&self, length: usize, count: usize, queue_bytes: u64) {
        self.length.store(length, Ordering::Relaxed);
        self.count.store(count, Ordering::Relaxed);
        self.queue_bytes.store(queue_bytes, Ordering::Relaxed);
    }

    /// The bound in force on what waits, where the code's own is `most`.
    pub(crate) fn queue_bytes(&self, most: u64) -> u64 {
        match self.queue_bytes.load(Ordering::Relaxed) {
            0 => most,
            said => said,
        }
    }
}

/// Applies the limits in the thread that exports.
#[derive(Debug)]
pub(crate) struct Limited<E> {
    pub(crate) inner: E,
    pub(crate) limits: Arc<SteeredLimits>,
}

impl<E: SpanExporter> SpanExporter for Limited<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        let (length, count) = (&self.limits.length, &self.limits.count);
        let (length, count) = (length.load(Ordering::Relaxed), count.load(Ordering::Relaxed));
        if length > 0 || count > 0 {
            batch.iter_mut().for_each(|span| limit(span, length, count));
        }
        self.inner.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// What is cut off is counted where OTLP has a place for it.
fn limit(span: &mut SpanData, length: usize, count: usize) {
    if count > 0 && span.attributes.len() > count {
        let dropped = u32::try_from(span.attributes.len() - count).unwrap_or(u32::MAX);
        span.dropped_attributes_count = span.dropped_attributes_count.saturating_add(dropped);
        span.attributes.truncate(count);
    }
    if length > 0 {
        span.attributes.iter_mut().for_each(|attribute| shorten(attribute, length));
        let events = span.events.events.iter_mut().flat_map(|event| &mut event.attributes);
        events.for_each(|attribute| shorten(attribute, length));
    }
}

fn shorten(attribute: &mut KeyValue, length: usize) {
    if let Value::String(text) = &attribute.value
        && let Some((end, _)) = text.as_str().char_indices().nth(length)
    {
        let short = text.as_str().get(..end).unwrap_or_default().to_owned();
        attribute.value = Value::String(StringValue::from(short));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let mut attribute = KeyValue::new("a", "żółw🦀x");
        shorten(&mut attribute, 5);
        assert_eq!(attribute.value.as_str(), "żółw🦀");
        shorten(&mut attribute, 5);
        assert_eq!(attribute.value.as_str(), "żółw🦀");
    }
}
