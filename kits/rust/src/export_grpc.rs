//! OTLP over gRPC. The exporters are built inside the export runtime, which their channels need.

use std::sync::Arc;

use opentelemetry_otlp::{Compression, ExporterBuildError, RetryPolicy, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;

use crate::exemplars::Exemplars;
use crate::export_grpc_metrics::MetricsOverGrpc;
use crate::guard::{ExportRuntime, Guard};

/// What the three OTLP/gRPC exporters have in common. Their own retries are off: the guard retries.
pub(crate) struct Grpc {
    pub(crate) runtime: Arc<ExportRuntime>,
    pub(crate) gzip: bool,
}

impl Grpc {
    fn set_up<B: WithExportConfig + WithTonicConfig>(&self, builder: B, url: &str) -> B {
        let builder = builder.with_endpoint(url).with_retry_policy(RetryPolicy::disabled());
        if self.gzip { builder.with_compression(Compression::Gzip) } else { builder }
    }

    pub(crate) fn spans(&self, url: &str) -> Result<opentelemetry_otlp::SpanExporter, ExporterBuildError> {
        let _entered = self.runtime.handle.enter();
        self.set_up(opentelemetry_otlp::SpanExporter::builder().with_tonic(), url).build()
    }

    pub(crate) fn logs(&self, url: &str) -> Result<opentelemetry_otlp::LogExporter, ExporterBuildError> {
        let _entered = self.runtime.handle.enter();
        self.set_up(opentelemetry_otlp::LogExporter::builder().with_tonic(), url).build()
    }

    pub(crate) fn metrics(
        &self,
        url: &str,
        guard: &Guard,
        exemplars: &Arc<Exemplars>,
    ) -> Result<MetricsOverGrpc, ExporterBuildError> {
        let _entered = self.runtime.handle.enter();
        let official = self.set_up(opentelemetry_otlp::MetricExporter::builder().with_tonic(), url).build()?;
        MetricsOverGrpc::new(official.temporality(), url, self.gzip, exemplars, &guard.redaction)
    }
}
