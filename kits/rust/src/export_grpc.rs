//! OTLP over gRPC. tonic needs a tokio runtime, and the SDK's export threads have none; borrowing the service's would make telemetry
//! and service wait for each other when all its workers are busy. So this transport brings a runtime of one thread.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use opentelemetry_otlp::{Compression, ExporterBuildError, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::exemplars::Exemplars;
use crate::export_grpc_metrics::MetricsOverGrpc;

/// What the three OTLP/gRPC exporters have in common.
pub(crate) struct Grpc {
    worker: Arc<Worker>,
    timeout: Duration,
    gzip: bool,
}

/// The runtime; it ends without waiting, because waiting is forbidden inside other runtimes.
#[derive(Debug)]
struct Worker(Option<Runtime>);

impl Worker {
    fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Grpc {
    pub(crate) fn new(timeout: Duration, gzip: bool) -> Result<Self, ExporterBuildError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("throughline-export")
            .enable_all()
            .build()
            .map_err(|error| ExporterBuildError::InternalFailure(error.to_string()))?;
        Ok(Grpc { worker: Arc::new(Worker(Some(runtime))), timeout, gzip })
    }

    fn set_up<B: WithExportConfig + WithTonicConfig>(&self, builder: B, url: &str) -> B {
        let builder = builder.with_endpoint(url).with_timeout(self.timeout);
        if self.gzip { builder.with_compression(Compression::Gzip) } else { builder }
    }

    fn on_worker<E>(
        &self,
        build: impl FnOnce() -> Result<E, ExporterBuildError>,
    ) -> Result<OnWorker<E>, ExporterBuildError> {
        let _entered = self.worker.handle().map(Handle::enter);
        Ok(OnWorker { inner: build()?, worker: Arc::clone(&self.worker), timeout: self.timeout })
    }

    pub(crate) fn spans(&self, url: &str) -> Result<OnWorker<opentelemetry_otlp::SpanExporter>, ExporterBuildError> {
        let builder = opentelemetry_otlp::SpanExporter::builder().with_tonic();
        self.on_worker(|| self.set_up(builder, url).build())
    }

    pub(crate) fn logs(&self, url: &str) -> Result<OnWorker<opentelemetry_otlp::LogExporter>, ExporterBuildError> {
        let builder = opentelemetry_otlp::LogExporter::builder().with_tonic();
        self.on_worker(|| self.set_up(builder, url).build())
    }

    pub(crate) fn metrics(
        &self,
        url: &str,
        exemplars: &Arc<Exemplars>,
    ) -> Result<OnWorker<MetricsOverGrpc>, ExporterBuildError> {
        let builder = opentelemetry_otlp::MetricExporter::builder().with_tonic();
        self.on_worker(|| {
            let official = self.set_up(builder, url).build()?;
            MetricsOverGrpc::new(official.temporality(), url, self.gzip, exemplars)
        })
    }
}

/// An exporter whose futures are polled inside the worker's runtime and end in time.
#[derive(Debug)]
pub(crate) struct OnWorker<E> {
    inner: E,
    worker: Arc<Worker>,
    timeout: Duration,
}

impl<E> OnWorker<E> {
    async fn run(&self, export: impl Future<Output = OTelSdkResult> + Send) -> OTelSdkResult {
        let Some(handle) = self.worker.handle() else {
            return Err(OTelSdkError::AlreadyShutdown);
        };
        let bounded = async {
            let result = tokio::time::timeout(self.timeout, export).await;
            result.unwrap_or(Err(OTelSdkError::Timeout(self.timeout)))
        };
        Entered { handle: handle.clone(), future: pin!(bounded) }.await
    }
}

/// Enters a runtime for each poll, because an entered guard cannot be held across an await.
struct Entered<'a, F> {
    handle: Handle,
    future: Pin<&'a mut F>,
}

impl<F: Future> Future for Entered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let handle = self.handle.clone();
        let _entered = handle.enter();
        self.future.as_mut().poll(cx)
    }
}

impl<E: SpanExporter> SpanExporter for OnWorker<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.run(self.inner.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for OnWorker<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.run(self.inner.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for OnWorker<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.run(self.inner.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
