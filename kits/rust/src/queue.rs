//! Bookkeeping in front of the SDK's queues, which drop silently. An item is `created` when it arrives, and ends as `exported`, `failed`
//! or `dropped`; until then it is pending, and more than the queue's size are never pending. So the sums always agree:
//! `created = exported + failed + dropped + pending`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::logs::Severity;
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};

use crate::diagnostics::Diagnostics;

/// What became of the items of one signal since the start. For metrics an item is one collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalStats {
    /// Items handed to the pipeline.
    pub created: u64,
    /// Items the receiver acknowledged.
    pub exported: u64,
    /// Items of exports that failed.
    pub failed: u64,
    /// Items turned away because the queue was full.
    pub dropped: u64,
}

/// The counters behind [`SignalStats`].
#[derive(Debug, Default)]
pub(crate) struct Counter {
    created: AtomicU64,
    exported: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    pending: AtomicU64,
}

impl Counter {
    /// Counts an arrival. False: there is no room.
    fn admit(&self, limit: u64) -> bool {
        self.created.fetch_add(1, Ordering::Relaxed);
        if self.pending.fetch_add(1, Ordering::AcqRel) < limit {
            return true;
        }
        self.pending.fetch_sub(1, Ordering::AcqRel);
        self.dropped.fetch_add(1, Ordering::Relaxed);
        false
    }

    pub(crate) fn create(&self, items: u64) {
        self.created.fetch_add(items, Ordering::Relaxed);
        self.pending.fetch_add(items, Ordering::AcqRel);
    }

    pub(crate) fn settle(&self, items: u64, exported: bool) {
        let counter = if exported { &self.exported } else { &self.failed };
        counter.fetch_add(items, Ordering::Relaxed);
        self.pending.fetch_sub(items, Ordering::AcqRel);
    }

    pub(crate) fn stats(&self) -> SignalStats {
        SignalStats {
            created: self.created.load(Ordering::Relaxed),
            exported: self.exported.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// A batch processor with bookkeeping.
#[derive(Debug)]
pub(crate) struct Counted<P> {
    pub(crate) inner: P,
    pub(crate) signal: &'static str,
    pub(crate) limit: u64,
    pub(crate) counter: Arc<Counter>,
    pub(crate) diagnostics: Arc<Diagnostics>,
}

impl<P> Counted<P> {
    fn admit(&self) -> bool {
        let admitted = self.counter.admit(self.limit);
        if !admitted {
            let cause = format!("{} queue full", self.signal);
            let dropped = self.counter.stats().dropped;
            self.diagnostics.tell(&cause, "telemetry was lost: the queue is full", dropped, "");
        }
        admitted
    }
}

impl SpanProcessor for Counted<BatchSpanProcessor> {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.inner.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.admit() {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl LogProcessor for Counted<BatchLogProcessor> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.admit() {
            self.inner.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.inner.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
