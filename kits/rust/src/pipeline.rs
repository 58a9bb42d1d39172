//! From settings to the SDK's providers: for each signal an exporter, its guard, a batcher and its bookkeeping.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogExporter, SdkLoggerProvider};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};

use crate::config::{Config, Protocol};
use crate::environment::Settings;
use crate::exemplars::Exemplars;
use crate::export::Http;
use crate::guard::{Batcher, Common, Counts, ExportRuntime, Guard, GuardedMetrics, Limits, LogExports, SpanExports};
use crate::limits::{Limited, SpanLimits};
use crate::sampling::Sampler;
use crate::switches::{Switch, Switched};

/// The SDK's providers of one kit.
#[derive(Clone)]
pub(crate) struct Providers {
    pub(crate) spans: SdkTracerProvider,
    pub(crate) logs: SdkLoggerProvider,
    pub(crate) metrics: SdkMeterProvider,
}

/// One guard a signal.
#[derive(Clone)]
pub(crate) struct Guards {
    pub(crate) spans: Arc<Guard>,
    pub(crate) logs: Arc<Guard>,
    pub(crate) metrics: Arc<Guard>,
}

impl Guards {
    pub(crate) fn new(counts: &[Arc<Counts>; 3], settings: &Settings, common: &Common) -> Self {
        let [spans, logs, metrics] = counts;
        Guards {
            spans: Arc::new(Guard::new("traces", spans, settings.span_delay, common)),
            logs: Arc::new(Guard::new("logs", logs, settings.log_delay, common)),
            metrics: Arc::new(Guard::new("metrics", metrics, settings.span_delay, common)),
        }
    }
}

/// What the pipelines of the three signals are built from.
pub(crate) struct Pipeline<'a> {
    pub(crate) config: &'a Config,
    pub(crate) settings: &'a Settings,
    pub(crate) resource: Resource,
    pub(crate) runtime: Arc<ExportRuntime>,
    pub(crate) guards: Guards,
    pub(crate) exemplars: Arc<Exemplars>,
    pub(crate) sampler: Sampler,
    pub(crate) metrics_on: Switch,
    pub(crate) limits: Arc<SpanLimits>,
}

impl Pipeline<'_> {
    pub(crate) fn build(&mut self) -> Result<Providers, ExporterBuildError> {
        #[cfg(feature = "testing")]
        if let Some(memory) = &self.config.memory {
            let memory = memory.clone();
            memory.show_exemplars(&self.exemplars);
            return Ok(Providers {
                spans: self.spans(Some(memory.spans.clone()))?,
                logs: self.logs(Some(memory.logs.clone()))?,
                metrics: self.metrics(Some(memory.metrics.clone())),
            });
        }
        match self.settings.protocol {
            Protocol::HttpProtobuf => self.over_http(),
            Protocol::Grpc => self.over_grpc(),
        }
    }

    fn over_http(&mut self) -> Result<Providers, ExporterBuildError> {
        let http = Http { gzip: self.settings.gzip };
        let (urls, guards) = (self.settings, &self.guards);
        let spans = urls.traces_endpoint.as_deref().map(|url| http.spans(url, &guards.spans)).transpose()?;
        let logs = urls.logs_endpoint.as_deref().map(|url| http.logs(url, &guards.logs)).transpose()?;
        let metrics = urls.metrics_endpoint.as_deref();
        let metrics = metrics.map(|url| http.metrics(url, &guards.metrics, &self.exemplars)).transpose()?;
        Ok(Providers { spans: self.spans(spans)?, logs: self.logs(logs)?, metrics: self.metrics(metrics) })
    }

    #[cfg(not(feature = "grpc-export"))]
    #[allow(clippy::unused_self)]
    fn over_grpc(&mut self) -> Result<Providers, ExporterBuildError> {
        // Settings::resolve refuses gRPC without its feature, so this is never asked for.
        Err(ExporterBuildError::InternalFailure("built without the feature grpc-export".into()))
    }

    #[cfg(feature = "grpc-export")]
    fn over_grpc(&mut self) -> Result<Providers, ExporterBuildError> {
        let grpc = crate::export_grpc::Grpc { runtime: Arc::clone(&self.runtime), gzip: self.settings.gzip };
        let urls = self.settings;
        let spans = urls.traces_endpoint.as_deref().map(|url| grpc.spans(url)).transpose()?;
        let logs = urls.logs_endpoint.as_deref().map(|url| grpc.logs(url)).transpose()?;
        let metrics = urls.metrics_endpoint.as_deref();
        let metrics = metrics.map(|url| grpc.metrics(url, &self.guards.metrics, &self.exemplars)).transpose()?;
        Ok(Providers { spans: self.spans(spans)?, logs: self.logs(logs)?, metrics: self.metrics(metrics) })
    }

    fn limits(&self, delay: Duration) -> Limits {
        Limits {
            items_max: self.config.queue_size_max,
            bytes_max: self.config.queue_bytes_max,
            batch_max: self.config.batch_size_max,
            delay,
        }
    }

    fn spans<E: SpanExporter + 'static>(&self, exporter: Option<E>) -> Result<SdkTracerProvider, ExporterBuildError> {
        let builder =
            SdkTracerProvider::builder().with_sampler(self.sampler.clone()).with_resource(self.resource.clone());
        let Some(mut exporter) = exporter else {
            return Ok(builder.build());
        };
        exporter.set_resource(&self.resource);
        let guard = Arc::clone(&self.guards.spans);
        let exporter = Limited { inner: exporter, limits: Arc::clone(&self.limits) };
        let exports = SpanExports { exporter, guard: Arc::clone(&guard) };
        let limits = self.limits(self.settings.span_delay);
        let batcher = Batcher::start("spans", guard, limits, Arc::clone(&self.runtime), exports).map_err(internal)?;
        Ok(builder.with_span_processor(batcher).build())
    }

    fn logs<E: LogExporter + 'static>(&self, exporter: Option<E>) -> Result<SdkLoggerProvider, ExporterBuildError> {
        let builder = SdkLoggerProvider::builder().with_resource(self.resource.clone());
        let Some(mut exporter) = exporter else {
            return Ok(builder.build());
        };
        exporter.set_resource(&self.resource);
        let guard = Arc::clone(&self.guards.logs);
        let exports = LogExports::new(exporter, &guard);
        let limits = self.limits(self.settings.log_delay);
        let batcher = Batcher::start("logs", guard, limits, Arc::clone(&self.runtime), exports).map_err(internal)?;
        Ok(builder.with_log_processor(batcher).build())
    }

    fn metrics<E: PushMetricExporter>(&self, exporter: Option<E>) -> SdkMeterProvider {
        let builder = SdkMeterProvider::builder().with_resource(self.resource.clone());
        let Some(exporter) = exporter else {
            return builder.build();
        };
        let (guard, runtime) = (Arc::clone(&self.guards.metrics), Arc::clone(&self.runtime));
        let guarded = GuardedMetrics { exporter, guard, runtime };
        let reader = PeriodicReader::builder(Switched { inner: guarded, on: self.metrics_on.clone() })
            .with_interval(self.settings.metric_interval)
            .build();
        builder.with_reader(reader).build()
    }
}

pub(crate) fn internal(error: std::io::Error) -> ExporterBuildError {
    ExporterBuildError::InternalFailure(error.to_string())
}
