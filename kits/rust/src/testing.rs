//! Telemetry kept in memory, for the tests of instrumented services.
//!
//! ```
//! use std::time::Duration;
//! use throughline::{Config, testing::Memory};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let memory = Memory::new();
//! let kit = throughline::init(Config::builder("orders").memory(memory.clone()).build()).unwrap();
//! kit.span("price basket").observe(async {}).await;
//! kit.flush(Duration::from_secs(1)).unwrap();
//! assert_eq!(memory.spans()[0].name, "price basket");
//! # });
//! ```

use std::sync::{Arc, Mutex, OnceLock};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, Status, TraceId};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::InMemoryLogExporter;
use opentelemetry_sdk::logs::in_memory_exporter::LogDataWithResource;
use opentelemetry_sdk::metrics::InMemoryMetricExporter;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::exemplars::{Exemplars, exemplars_of};

/// Where a kit built with [`ConfigBuilder::memory`](crate::ConfigBuilder::memory) leaves its telemetry. Clones share it. Flush the
/// kit before looking.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub(crate) spans: Spans,
    pub(crate) logs: InMemoryLogExporter,
    pub(crate) metrics: InMemoryMetricExporter,
    exemplars: Arc<OnceLock<Arc<Exemplars>>>,
}

impl Memory {
    /// An empty memory.
    #[must_use]
    pub fn new() -> Self {
        Memory::default()
    }

    /// The spans that ended, in that order.
    #[must_use]
    pub fn spans(&self) -> Vec<SpanData> {
        self.spans.0.lock().map(|kept| kept.spans.clone()).unwrap_or_default()
    }

    /// Draws the traces ended so far: a span a line, in order of start, children under their parents by two blanks, then `!` and
    /// `error.type` where it failed. The Go kit's tests draw the same.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use throughline::{Config, testing::Memory};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # let memory = Memory::new();
    /// # let kit = throughline::init(Config::builder("orders").memory(memory.clone()).build()).unwrap();
    /// let card = kit.span("charge card").run(async { Err::<(), _>("declined") });
    /// let _ = kit.span("order").observe(card).await;
    /// kit.flush(Duration::from_secs(1)).unwrap();
    /// assert_eq!(memory.tree(), "order\n  charge card ! _OTHER\n");
    /// # });
    /// ```
    #[must_use]
    pub fn tree(&self) -> String {
        let mut spans = self.spans();
        spans.sort_by_key(|span| span.start_time);
        let mut out = String::new();
        draw(&spans, SpanId::INVALID, 0, &mut out);
        out
    }

    /// The resource the spans belong to.
    #[must_use]
    pub fn resource(&self) -> Option<Resource> {
        self.spans.0.lock().ok().and_then(|kept| kept.resource.clone())
    }

    /// The log records.
    #[must_use]
    pub fn logs(&self) -> Vec<LogDataWithResource> {
        self.logs.get_emitted_logs().unwrap_or_default()
    }

    /// The metrics, one entry per export; the last one is the newest state.
    #[must_use]
    pub fn metrics(&self) -> Vec<ResourceMetrics> {
        self.metrics.get_finished_metrics().unwrap_or_default()
    }

    /// The exemplars of the newest state of the metrics, as they would be sent.
    #[must_use]
    pub fn exemplars(&self) -> Vec<MetricExemplar> {
        let (Some(exemplars), Some(newest)) = (self.exemplars.get(), self.metrics().pop()) else {
            return Vec::new();
        };
        let mut message = ExportMetricsServiceRequest::from(&newest);
        exemplars.insert(&mut message);
        exemplars_of(&mut message)
    }

    pub(crate) fn show_exemplars(&self, exemplars: &Arc<Exemplars>) {
        let _ = self.exemplars.set(Arc::clone(exemplars));
    }
}

/// The span behind a measurement of a metric.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricExemplar {
    /// The metric's name.
    pub metric: String,
    /// The attributes of the series.
    pub attributes: Vec<KeyValue>,
    /// The trace of the span.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
}

fn draw(spans: &[SpanData], parent: SpanId, depth: usize, out: &mut String) {
    let known = |id: SpanId| spans.iter().any(|span| span.span_context.span_id() == id);
    for span in spans {
        let above = span.parent_span_id;
        if above != parent && (parent != SpanId::INVALID || known(above)) {
            continue;
        }
        out.push_str(&"  ".repeat(depth));
        out.push_str(&span.name);
        if let Status::Error { .. } = span.status {
            let kind = span.attributes.iter().find(|kv| kv.key.as_str() == crate::names::ERROR_TYPE);
            out.push_str(" ! ");
            out.push_str(&kind.map(|kv| kv.value.to_string()).unwrap_or_default());
        }
        out.push('\n');
        draw(spans, span.span_context.span_id(), depth + 1, out);
    }
}

/// Unlike the SDK's in-memory exporter it keeps its content at shutdown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spans(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<SpanData>,
    resource: Option<Resource>,
}

impl SpanExporter for Spans {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if let Ok(mut kept) = self.0.lock() {
            kept.spans.extend(batch);
        }
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Ok(mut kept) = self.0.lock() {
            kept.resource = Some(resource.clone());
        }
    }
}
