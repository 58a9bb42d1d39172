//! From settings to the SDK's providers: for each signal an exporter, its guard, a batcher and its bookkeeping.

use std::sync::Arc;

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder as LogBatchConfig, BatchLogProcessor, LogExporter, SdkLoggerProvider,
};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder as SpanBatchConfig, BatchSpanProcessor, SdkTracerProvider, SpanExporter,
};

use crate::config::{Config, Protocol};
use crate::diagnostics::Diagnostics;
use crate::environment::Settings;
use crate::exemplars::Exemplars;
use crate::export::{Guard, Http};
use crate::limits::{Limited, SpanLimits};
use crate::queue::{Counted, Counter};
use crate::sampling::Sampler;
use crate::switches::{Switch, Switched};

/// The SDK's providers of one kit.
#[derive(Clone)]
pub(crate) struct Providers {
    pub(crate) spans: SdkTracerProvider,
    pub(crate) logs: SdkLoggerProvider,
    pub(crate) metrics: SdkMeterProvider,
}

/// What the pipelines of the three signals are built from.
pub(crate) struct Pipeline<'a> {
    pub(crate) config: &'a Config,
    pub(crate) settings: &'a Settings,
    pub(crate) resource: Resource,
    pub(crate) counters: [Arc<Counter>; 3],
    pub(crate) diagnostics: Arc<Diagnostics>,
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
                spans: self.spans(Some(memory.spans.clone())),
                logs: self.logs(Some(memory.logs.clone())),
                metrics: self.metrics(Some(memory.metrics.clone())),
            });
        }
        match self.settings.protocol {
            Protocol::HttpProtobuf => self.over_http(),
            Protocol::Grpc => self.over_grpc(),
        }
    }

    fn over_http(&mut self) -> Result<Providers, ExporterBuildError> {
        let http = Http { timeout: self.config.export_timeout, gzip: self.settings.gzip };
        let urls = self.settings;
        let spans = urls.traces_endpoint.as_deref().map(|url| http.spans(url)).transpose()?;
        let logs = urls.logs_endpoint.as_deref().map(|url| http.logs(url)).transpose()?;
        let metrics = urls.metrics_endpoint.as_deref().map(|url| http.metrics(url, &self.exemplars)).transpose()?;
        Ok(Providers { spans: self.spans(spans), logs: self.logs(logs), metrics: self.metrics(metrics) })
    }

    #[cfg(not(feature = "grpc-export"))]
    #[allow(clippy::unused_self)]
    fn over_grpc(&mut self) -> Result<Providers, ExporterBuildError> {
        // Settings::resolve refuses gRPC without its feature, so this is never asked for.
        Err(ExporterBuildError::InternalFailure("built without the feature grpc-export".into()))
    }

    #[cfg(feature = "grpc-export")]
    fn over_grpc(&mut self) -> Result<Providers, ExporterBuildError> {
        let grpc = crate::export_grpc::Grpc::new(self.config.export_timeout, self.settings.gzip)?;
        let urls = self.settings;
        let spans = urls.traces_endpoint.as_deref().map(|url| grpc.spans(url)).transpose()?;
        let logs = urls.logs_endpoint.as_deref().map(|url| grpc.logs(url)).transpose()?;
        let metrics = urls.metrics_endpoint.as_deref().map(|url| grpc.metrics(url, &self.exemplars)).transpose()?;
        Ok(Providers { spans: self.spans(spans), logs: self.logs(logs), metrics: self.metrics(metrics) })
    }

    fn counter(&self, signal: &'static str) -> Arc<Counter> {
        let [spans, logs, metrics] = &self.counters;
        Arc::clone(match signal {
            "span" => spans,
            "log" => logs,
            _ => metrics,
        })
    }

    fn guard<E>(&self, signal: &'static str, inner: E) -> Guard<E> {
        Guard { inner, signal, counter: self.counter(signal), diagnostics: Arc::clone(&self.diagnostics) }
    }

    fn counted<P>(&self, signal: &'static str, inner: P) -> Counted<P> {
        let limit = self.config.queue_size_max as u64;
        Counted { inner, signal, limit, counter: self.counter(signal), diagnostics: Arc::clone(&self.diagnostics) }
    }

    fn spans<E: SpanExporter + 'static>(&self, exporter: Option<E>) -> SdkTracerProvider {
        let builder =
            SdkTracerProvider::builder().with_sampler(self.sampler.clone()).with_resource(self.resource.clone());
        let Some(exporter) = exporter else {
            return builder.build();
        };
        let batches = SpanBatchConfig::default()
            .with_max_queue_size(self.config.queue_size_max)
            .with_max_export_batch_size(self.config.batch_size_max)
            .with_scheduled_delay(self.settings.span_delay)
            .build();
        let exporter = Limited { inner: self.guard("span", exporter), limits: Arc::clone(&self.limits) };
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        builder.with_span_processor(self.counted("span", processor)).build()
    }

    fn logs<E: LogExporter + 'static>(&self, exporter: Option<E>) -> SdkLoggerProvider {
        let builder = SdkLoggerProvider::builder().with_resource(self.resource.clone());
        let Some(exporter) = exporter else {
            return builder.build();
        };
        let batches = LogBatchConfig::default()
            .with_max_queue_size(self.config.queue_size_max)
            .with_max_export_batch_size(self.config.batch_size_max)
            .with_scheduled_delay(self.settings.log_delay)
            .build();
        let processor = BatchLogProcessor::builder(self.guard("log", exporter)).with_batch_config(batches).build();
        builder.with_log_processor(self.counted("log", processor)).build()
    }

    fn metrics<E: PushMetricExporter>(&self, exporter: Option<E>) -> SdkMeterProvider {
        let builder = SdkMeterProvider::builder().with_resource(self.resource.clone());
        let Some(exporter) = exporter else {
            return builder.build();
        };
        let exporter = Switched { inner: self.guard("metric", exporter), on: self.metrics_on.clone() };
        let reader = PeriodicReader::builder(exporter).with_interval(self.settings.metric_interval).build();
        builder.with_reader(reader).build()
    }
}
