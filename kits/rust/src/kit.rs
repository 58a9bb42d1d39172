//! The kit itself: built once at start, cloned into whatever needs it, flushed at the end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "control")]
use opentelemetry::Key;
use opentelemetry::global;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::config::{Config, LogWriter};
use crate::core::Core;
use crate::diagnostics::Diagnostics;
use crate::environment::Settings;
use crate::exemplars::Exemplars;
use crate::limits::SpanLimits;
use crate::pipeline::{Pipeline, Providers};
use crate::propagate::Propagator;
use crate::queue::{Counter, SignalStats};
use crate::resource;
use crate::sampling::Sampler;
use crate::switches::Switches;

/// A configuration that could not be used. Take the kit out of it, which records nothing but works, and go on serving.
#[derive(Debug, thiserror::Error)]
#[error("the telemetry configuration cannot be used: {}", .problems.join("; "))]
#[non_exhaustive]
pub struct InitError {
    /// Every problem found, one sentence each.
    pub problems: Vec<String>,
    kit: Kit,
}

impl InitError {
    /// The kit that records nothing.
    #[must_use]
    pub fn into_kit(self) -> Kit {
        self.kit
    }

    /// Writes the problems to standard error and gives the kit that records nothing.
    #[must_use]
    pub fn report(self) -> Kit {
        let diagnostics = &self.kit.inner.core.diagnostics;
        let message = "telemetry is off: its configuration cannot be used";
        diagnostics.tell("configuration", message, 0, &self.problems.join("; "));
        self.into_kit()
    }
}

/// Why a flush did not deliver everything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// Time ran out; the rest may be lost.
    #[error("telemetry was not flushed within {0:?}")]
    Timeout(Duration),
    /// The receiver refused or could not be reached.
    #[error("telemetry was not flushed: {0}")]
    Failed(String),
}

/// What became of the telemetry the kit recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Spans that ended and were sampled.
    pub spans: SignalStats,
    /// Log records.
    pub logs: SignalStats,
    /// Collections of metrics.
    pub metrics: SignalStats,
}

/// The handle to all instrumentation of one service. Clones share one pipeline; dropping the last one flushes it, in bounded time.
#[derive(Clone)]
pub struct Kit {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) core: Arc<Core>,
    providers: Option<Providers>,
    counters: [Arc<Counter>; 3],
    pub(crate) log_writer: Option<LogWriter>,
    pub(crate) log_level: tracing::Level,
    pub(crate) log_levels: Vec<(&'static str, tracing::Level)>,
    drop_timeout: Duration,
    closed: AtomicBool,
    /// The thread that listens to remote control ends with the kit.
    #[cfg(feature = "control")]
    steering: Option<crate::control::Steering>,
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit")
            .field("service", &self.inner.core.service)
            .field("enabled", &self.is_enabled())
            .finish_non_exhaustive()
    }
}

/// Starts the kit. Does not touch the network and returns at once, also when nothing listens at the endpoint.
///
/// # Errors
/// [`InitError`] names every problem of the configuration and carries a kit that records nothing, so that no service has to fail
/// for its telemetry:
///
/// ```
/// use throughline::{Config, InitError};
/// let config = Config::builder("orders").version("1.4.2").build();
/// let kit = throughline::init(config).unwrap_or_else(InitError::report);
/// # drop(kit);
/// ```
pub fn init(config: Config) -> Result<Kit, InitError> {
    let (settings, problems) = Settings::resolve(&config);
    if problems.is_empty() && !settings.disabled {
        match start(&config, &settings) {
            Ok(kit) => return Ok(kit),
            Err(error) => {
                let problems = vec![error.to_string()];
                return Err(InitError { problems, kit: idle(&config, &settings) });
            }
        }
    }
    let kit = idle(&config, &settings);
    if problems.is_empty() { Ok(kit) } else { Err(InitError { problems, kit }) }
}

/// A kit that prints logs and passes trace context on, and records nothing.
fn idle(config: &Config, settings: &Settings) -> Kit {
    let core = Core::idle(&settings.service_name, settings.formats);
    Kit::assemble(config, settings, core, None, Default::default())
}

fn start(config: &Config, settings: &Settings) -> Result<Kit, ExporterBuildError> {
    let counters: [Arc<Counter>; 3] = Default::default();
    let diagnostics = Arc::new(Diagnostics::new(&settings.service_name));
    let exemplars = Arc::new(Exemplars::default());
    let switches = Switches::new(true);
    let sampler = Sampler::new(settings.sampling.clone(), switches.traces.clone());
    let limits = Arc::<SpanLimits>::default();
    let resource = resource::build(config, settings);
    let mut pipeline = Pipeline {
        config,
        settings,
        resource: resource.clone(),
        counters: counters.clone(),
        diagnostics: Arc::clone(&diagnostics),
        exemplars: Arc::clone(&exemplars),
        sampler: sampler.clone(),
        metrics_on: switches.metrics.clone(),
        limits: Arc::clone(&limits),
    };
    let providers = pipeline.build()?;
    if config.global {
        global::set_tracer_provider(providers.spans.clone());
        global::set_meter_provider(providers.metrics.clone());
        global::set_text_map_propagator(Propagator::of(settings.formats));
    }
    let core = Core::recording(&settings.service_name, &providers, diagnostics, &exemplars, switches, settings.formats);
    let mut kit = Kit::assemble(config, settings, core, Some(providers), counters);
    kit.steer(settings, sampler, limits, &resource);
    Ok(kit)
}

impl Kit {
    fn assemble(
        config: &Config,
        settings: &Settings,
        core: Core,
        providers: Option<Providers>,
        counters: [Arc<Counter>; 3],
    ) -> Kit {
        Kit {
            inner: Arc::new(Inner {
                core: Arc::new(core),
                providers,
                counters,
                log_writer: config.log_writer.clone(),
                log_level: settings.log_level,
                log_levels: config.log_levels.clone(),
                drop_timeout: config.drop_timeout,
                closed: AtomicBool::new(false),
                #[cfg(feature = "control")]
                steering: None,
            }),
        }
    }

    /// Begins to listen to remote control.
    #[cfg(feature = "control")]
    fn steer(&mut self, settings: &Settings, sampler: Sampler, limits: Arc<SpanLimits>, resource: &Resource) {
        let text = |key: &'static str| resource.get(&Key::from_static_str(key)).map(|value| value.to_string());
        let helm = crate::control::Helm {
            core: Arc::clone(self.core()),
            sampler,
            limits,
            environment: text("deployment.environment.name").unwrap_or_default(),
            instance: text("service.instance.id").unwrap_or_default(),
            meter: self.own_meter(),
        };
        let steering = crate::control::Steering::start(&settings.control, helm);
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.steering = steering;
        }
    }

    #[cfg(not(feature = "control"))]
    #[allow(clippy::unused_self)]
    fn steer(&mut self, _: &Settings, _: Sampler, _: Arc<SpanLimits>, _: &Resource) {}

    /// The meter of the kit's own scope.
    #[cfg(feature = "control")]
    fn own_meter(&self) -> opentelemetry::metrics::Meter {
        use opentelemetry::metrics::MeterProvider as _;
        match &self.inner.providers {
            Some(providers) => providers.metrics.meter_with_scope(crate::core::own_scope()),
            None => opentelemetry::metrics::noop::NoopMeterProvider::new().meter("throughline"),
        }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.inner.core
    }

    /// False when the kit records nothing: `OTEL_SDK_DISABLED=true`, a configuration that could not be used, or switched off since.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.core().switches.all.is_on()
    }

    /// What became of the telemetry so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let [spans, logs, metrics] = &self.inner.counters;
        Stats { spans: spans.stats(), logs: logs.stats(), metrics: metrics.stats() }
    }

    /// The OpenTelemetry meter for the service's own instruments; a no-op one when the kit records nothing.
    #[must_use]
    pub fn meter(&self, name: &'static str) -> opentelemetry::metrics::Meter {
        use opentelemetry::metrics::MeterProvider as _;
        match &self.inner.providers {
            Some(providers) => providers.metrics.meter(name),
            None => opentelemetry::metrics::noop::NoopMeterProvider::new().meter(name),
        }
    }

    /// The kit's own meter of a scope; `None` when the kit records nothing.
    pub(crate) fn meter_of(&self, scope: &'static str) -> Option<opentelemetry::metrics::Meter> {
        use opentelemetry::metrics::MeterProvider as _;
        let providers = self.inner.providers.as_ref()?;
        Some(providers.metrics.meter_with_scope(crate::core::scope(scope)))
    }

    /// Sends what is waiting and blocks until it is delivered or the time is up.
    ///
    /// # Errors
    /// [`FlushError`] when time ran out or an export failed.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.on_threads(timeout, |job| job.flush())
    }

    /// Flushes and stops the pipeline; later telemetry is discarded. Blocks for at most `timeout`, whatever the receiver does, and
    /// may be called from an async `main`, because no export depends on the caller's runtime. Safe to call twice.
    ///
    /// # Errors
    /// [`FlushError`] when time ran out or an export failed.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.inner.shutdown(timeout)
    }

    fn on_threads(&self, timeout: Duration, run: fn(&Job) -> OTelSdkResult) -> Result<(), FlushError> {
        self.inner.on_threads(timeout, run)
    }
}

impl Inner {
    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.on_threads(timeout, |job| {
            // Shutting down alone would hide that the last export failed.
            let flushed = job.flush();
            let _ = job.shutdown();
            flushed
        })
    }

    /// Runs a job per signal on threads of their own, because the SDK's calls are only loosely bounded, and waits for them together.
    fn on_threads(&self, timeout: Duration, run: fn(&Job) -> OTelSdkResult) -> Result<(), FlushError> {
        let Some(providers) = &self.providers else {
            return Ok(());
        };
        let deadline = Instant::now() + timeout;
        let (sender, receiver) = mpsc::channel();
        let jobs = [
            Job::Spans(providers.spans.clone()),
            Job::Logs(providers.logs.clone()),
            Job::Metrics(providers.metrics.clone()),
        ];
        for job in jobs {
            let sender = sender.clone();
            let work = move || {
                let _ = sender.send(run(&job));
            };
            let spawned = thread::Builder::new().name("throughline-flush".into()).spawn(work);
            spawned.map_err(|error| FlushError::Failed(error.to_string()))?;
        }
        drop(sender);
        let mut failure = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(left) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failure = Some(FlushError::Failed(error.to_string())),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => return Err(FlushError::Timeout(timeout)),
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.shutdown(self.drop_timeout) {
            let message = "telemetry was lost at the end";
            self.core.diagnostics.tell("shutdown", message, 0, &error.to_string());
        }
    }
}

enum Job {
    Spans(SdkTracerProvider),
    Logs(SdkLoggerProvider),
    Metrics(SdkMeterProvider),
}

impl Job {
    fn flush(&self) -> OTelSdkResult {
        match self {
            Job::Spans(provider) => provider.force_flush(),
            Job::Logs(provider) => provider.force_flush(),
            Job::Metrics(provider) => provider.force_flush(),
        }
    }

    fn shutdown(&self) -> OTelSdkResult {
        match self {
            Job::Spans(provider) => provider.shutdown(),
            Job::Logs(provider) => provider.shutdown(),
            Job::Metrics(provider) => provider.shutdown(),
        }
    }
}
