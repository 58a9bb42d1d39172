//! From settings to the SDK's providers: for each signal an exporter, its guard, a batcher and its bookkeeping.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogExporter, SdkLoggerProvider};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, InstrumentKind, PeriodicReader, SdkMeterProvider, Stream};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};

use crate::config::Config;
#[cfg(feature = "grpc-export")]
use crate::config::Protocol;
use crate::environment::Settings;
use crate::exemplars::Exemplars;
use crate::export::Http;
#[cfg(feature = "grpc-export")]
use crate::export_grpc::{Link, MetricsOverGrpc, OverGrpc};
use crate::guard::{Batcher, Common, Counts, ExportRuntime, Guard, GuardedMetrics, Limits, LogExports, SpanExports};
use crate::limits::Limited;
use crate::sampling::{Ids, Sampler};
use crate::switches::{Switch, Switched};
#[cfg(feature = "grpc-export")]
use crate::targets::Target;

/// The SDK's providers of one kit; none for a signal that is not exported, because what nobody gets is not made.
#[derive(Clone)]
pub(crate) struct Providers {
    pub(crate) spans: Option<SdkTracerProvider>,
    pub(crate) logs: Option<SdkLoggerProvider>,
    pub(crate) metrics: Option<SdkMeterProvider>,
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
}

impl Pipeline<'_> {
    pub(crate) fn build(&mut self) -> Result<Providers, ExporterBuildError> {
        #[cfg(feature = "testing")]
        if let Some(memory) = &self.config.memory {
            let memory = memory.clone();
            memory.show_exemplars(&self.exemplars);
            return Ok(Providers {
                spans: Some(self.spans(memory.spans.clone())?),
                logs: Some(self.logs(memory.logs.clone())?),
                metrics: Some(self.metrics(memory.metrics.clone())),
            });
        }
        let (targets, guards) = (&self.settings.targets, &self.guards);
        let http = Http { gzip: self.settings.gzip };
        let spans = match &targets.traces {
            None => None,
            #[cfg(feature = "grpc-export")]
            Some(target) if target.protocol == Protocol::Grpc => {
                Some(self.spans(OverGrpc::new(self.link(target, &guards.spans)?))?)
            }
            Some(target) => Some(self.spans(http.spans(target, &guards.spans)?)?),
        };
        let logs = match &targets.logs {
            None => None,
            #[cfg(feature = "grpc-export")]
            Some(target) if target.protocol == Protocol::Grpc => {
                Some(self.logs(OverGrpc::new(self.link(target, &guards.logs)?))?)
            }
            Some(target) => Some(self.logs(http.logs(target, &guards.logs)?)?),
        };
        let (exemplars, temporality) = (&self.exemplars, self.settings.temporality);
        let metrics = match &targets.metrics {
            None => None,
            #[cfg(feature = "grpc-export")]
            Some(target) if target.protocol == Protocol::Grpc => Some(self.metrics(MetricsOverGrpc {
                link: self.link(target, &guards.metrics)?,
                temporality,
                exemplars: Arc::clone(exemplars),
                redaction: Arc::clone(&guards.metrics.redaction),
            })),
            Some(target) => Some(self.metrics(http.metrics(target, &guards.metrics, exemplars, temporality)?)),
        };
        Ok(Providers { spans, logs, metrics })
    }

    #[cfg(feature = "grpc-export")]
    fn link(&self, target: &Target, guard: &Guard) -> Result<Link, ExporterBuildError> {
        Link::new(target, self.settings.gzip, &self.runtime, guard)
    }

    fn limits(&self, delay: Duration) -> Limits {
        Limits {
            items_max: self.config.queue_size_max,
            bytes_max: self.config.queue_bytes_max,
            batch_max: self.config.batch_size_max,
            delay,
        }
    }

    fn spans<E: SpanExporter + 'static>(&self, mut exporter: E) -> Result<SdkTracerProvider, ExporterBuildError> {
        let builder = SdkTracerProvider::builder()
            .with_sampler(self.sampler.clone())
            .with_id_generator(Ids::default())
            .with_resource(self.resource.clone());
        exporter.set_resource(&self.resource);
        let guard = Arc::clone(&self.guards.spans);
        let exporter = Limited { inner: exporter, limits: Arc::clone(&guard.limits) };
        let exports = SpanExports { exporter, guard: Arc::clone(&guard) };
        let limits = self.limits(self.settings.span_delay);
        let batcher = Batcher::start("spans", guard, limits, Arc::clone(&self.runtime), exports).map_err(internal)?;
        Ok(builder.with_span_processor(batcher).build())
    }

    fn logs<E: LogExporter + 'static>(&self, mut exporter: E) -> Result<SdkLoggerProvider, ExporterBuildError> {
        let builder = SdkLoggerProvider::builder().with_resource(self.resource.clone());
        exporter.set_resource(&self.resource);
        let guard = Arc::clone(&self.guards.logs);
        let exports = LogExports::new(exporter, &guard);
        let limits = self.limits(self.settings.log_delay);
        let batcher = Batcher::start("logs", guard, limits, Arc::clone(&self.runtime), exports).map_err(internal)?;
        Ok(builder.with_log_processor(batcher).build())
    }

    fn metrics<E: PushMetricExporter>(&self, exporter: E) -> SdkMeterProvider {
        let builder = SdkMeterProvider::builder().with_resource(self.resource.clone());
        let (guard, runtime) = (Arc::clone(&self.guards.metrics), Arc::clone(&self.runtime));
        let guarded = GuardedMetrics { exporter, guard, runtime };
        let reader = PeriodicReader::builder(Switched { inner: guarded, on: self.metrics_on.clone() })
            .with_interval(self.settings.metric_interval)
            .build();
        let builder = if self.settings.exponential_histograms { builder.with_view(exponential) } else { builder };
        builder.with_reader(reader).build()
    }
}

/// Makes every histogram exponential; the sizes are the specification's defaults.
fn exponential(instrument: &Instrument) -> Option<Stream> {
    let buckets = Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
    let stream = || Stream::builder().with_aggregation(buckets).build().ok();
    (instrument.kind() == InstrumentKind::Histogram).then(stream).flatten()
}

pub(crate) fn internal(error: std::io::Error) -> ExporterBuildError {
    ExporterBuildError::InternalFailure(error.to_string())
}
