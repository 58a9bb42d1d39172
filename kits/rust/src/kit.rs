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

use crate::TELEMETRY;
use crate::config::{Config, LogWriter};
use crate::core::Core;
use crate::diagnostics::Diagnostics;
use crate::environment::Settings;
use crate::exemplars::Exemplars;
use crate::guard::{Common, Counts, Deadline, ExportRuntime, Losses, SignalStats};
use crate::limits::SteeredLimits;
use crate::meter::OwnMeters;
use crate::once::Watched;
use crate::pipeline::{Guards, Pipeline, Providers, internal};
use crate::propagate::Propagator;
use crate::redact::Redaction;
use crate::resource;
use crate::sampling::Sampler;
use crate::self_metrics;
use crate::switches::Switches;

/// Short: whoever restarts the process is waiting.
const PANIC_FLUSH: Duration = Duration::from_secs(2);
const SIGNAL_FLUSH: Duration = Duration::from_secs(5);

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

/// What a kit that records has.
struct Parts {
    providers: Providers,
    exemplars: Arc<Exemplars>,
    counts: [Arc<Counts>; 3],
    runtime: Arc<ExportRuntime>,
}

impl Parts {
    fn own_meters(&self) -> Option<OwnMeters> {
        let provider = self.providers.metrics.clone()?;
        Some(OwnMeters { provider, exemplars: Arc::clone(&self.exemplars) })
    }
}

pub(crate) struct Inner {
    pub(crate) core: Arc<Core>,
    parts: Option<Parts>,
    pub(crate) redaction: Arc<Redaction>,
    pub(crate) log_rate_max: Option<u32>,
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
    let (settings, mut problems) = Settings::resolve(&config);
    let redaction = Redaction::new(&config.redact_keys, &config.redact_values);
    let redaction = Arc::new(redaction.unwrap_or_else(|problem| {
        problems.push(problem);
        Redaction::default()
    }));
    if TELEMETRY && problems.is_empty() && !settings.disabled {
        match start(&config, &settings, &redaction) {
            Ok(kit) => return Ok(kit),
            Err(error) => {
                let problems = vec![error.to_string()];
                return Err(InitError { problems, kit: idle(&config, &settings, redaction) });
            }
        }
    }
    let kit = idle(&config, &settings, redaction);
    if problems.is_empty() { Ok(kit) } else { Err(InitError { problems, kit }) }
}

/// A kit that prints logs and passes trace context on, and records nothing.
fn idle(config: &Config, settings: &Settings, redaction: Arc<Redaction>) -> Kit {
    let core = Core::idle(&settings.service_name, settings.formats);
    Kit::assemble(config, settings, core, redaction, None)
}

fn start(config: &Config, settings: &Settings, redaction: &Arc<Redaction>) -> Result<Kit, ExporterBuildError> {
    let counts: [Arc<Counts>; 3] = Default::default();
    let runtime = Arc::new(ExportRuntime::new().map_err(internal)?);
    let diagnostics = Arc::new(Diagnostics::new(&settings.service_name));
    let exemplars = Arc::new(Exemplars::default());
    let switches = Switches::new(true);
    let sampler = Sampler::new(settings.sampling.clone(), switches.traces.clone());
    let limits = Arc::<SteeredLimits>::default();
    let resource = resource::build(config, settings);
    let common = Common {
        timeout: config.export_timeout,
        deadline: Arc::new(Deadline::new(None)),
        losses: Arc::new(Losses::new(&diagnostics)),
        redaction: Arc::clone(redaction),
        limits: Arc::clone(&limits),
    };
    let guards = Guards::new(&counts, settings, &common);
    let mut pipeline = Pipeline {
        config,
        settings,
        resource: resource.clone(),
        runtime: Arc::clone(&runtime),
        guards: guards.clone(),
        exemplars: Arc::clone(&exemplars),
        sampler: sampler.clone(),
        metrics_on: switches.metrics.clone(),
    };
    let providers = pipeline.build()?;
    self_metrics::observe(&providers, &guards, config);
    let core = Core::recording(
        &settings.service_name,
        &providers,
        diagnostics,
        &exemplars,
        sampler.clone(),
        switches,
        settings.formats,
    );
    if config.global {
        if let Some(spans) = &providers.spans {
            global::set_tracer_provider(Watched { provider: spans.clone(), others: Arc::clone(&core.others) });
        }
        if let Some(metrics) = &providers.metrics {
            global::set_meter_provider(OwnMeters { provider: metrics.clone(), exemplars: Arc::clone(&exemplars) });
        }
        global::set_text_map_propagator(Propagator::of(settings.formats));
    }
    let parts = Parts { providers, exemplars, counts, runtime };
    let mut kit = Kit::assemble(config, settings, core, Arc::clone(redaction), Some(parts));
    kit.steer(settings, sampler, limits, &resource);
    Ok(kit)
}

impl Kit {
    fn assemble(
        config: &Config,
        settings: &Settings,
        core: Core,
        redaction: Arc<Redaction>,
        parts: Option<Parts>,
    ) -> Kit {
        Kit {
            inner: Arc::new(Inner {
                core: Arc::new(core),
                parts,
                redaction,
                log_rate_max: config.log_rate_max,
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
    fn steer(&mut self, settings: &Settings, sampler: Sampler, limits: Arc<SteeredLimits>, resource: &Resource) {
        let text = |key: &'static str| resource.get(&Key::from_static_str(key)).map(|value| value.to_string());
        let helm = crate::control::Helm {
            core: Arc::clone(self.core()),
            sampler,
            limits,
            redaction: Arc::clone(&self.inner.redaction),
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
    fn steer(&mut self, _: &Settings, _: Sampler, _: Arc<SteeredLimits>, _: &Resource) {}

    /// The meter of the kit's own scope.
    #[cfg(feature = "control")]
    fn own_meter(&self) -> opentelemetry::metrics::Meter {
        use opentelemetry::metrics::MeterProvider as _;
        match self.meters() {
            Some(meters) => meters.meter_with_scope(crate::core::own_scope()),
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
        self.inner.stats()
    }

    /// The OpenTelemetry meter for the service's own instruments, which keep exemplars; a no-op one when the kit records nothing.
    #[must_use]
    pub fn meter(&self, name: &'static str) -> opentelemetry::metrics::Meter {
        use opentelemetry::metrics::MeterProvider as _;
        match self.inner.parts.as_ref().and_then(Parts::own_meters) {
            Some(meters) => meters.meter(name),
            None => opentelemetry::metrics::noop::NoopMeterProvider::new().meter(name),
        }
    }

    fn meters(&self) -> Option<&SdkMeterProvider> {
        self.inner.parts.as_ref()?.providers.metrics.as_ref()
    }

    /// The kit's own meter of a scope; `None` when the kit records nothing.
    pub(crate) fn meter_of(&self, scope: &'static str) -> Option<opentelemetry::metrics::Meter> {
        use opentelemetry::metrics::MeterProvider as _;
        Some(self.meters()?.meter_with_scope(crate::core::scope(scope)))
    }

    /// Sends what is waiting and blocks until it is delivered or the time is up.
    ///
    /// # Errors
    /// [`FlushError`] when time ran out or an export failed.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let Some(providers) = self.inner.providers() else {
            return Ok(());
        };
        self.inner.accounted(|| on_threads(&providers, timeout, |job, _| job.flush()))
    }

    /// Flushes and stops the pipeline; later telemetry is discarded. Blocks for at most `timeout`, whatever the receiver does, and
    /// may be called from an async `main`, because no export depends on the caller's runtime. Safe to call twice.
    ///
    /// # Errors
    /// [`FlushError`] when time ran out or an export failed.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.inner.shutdown(timeout)
    }

    /// Ends at the first SIGTERM, or SIGINT, that comes after this call; stop accepting then, drain, and call
    /// [`shutdown`](Kit::shutdown). What is queued at the signal is sent at once, in case draining takes longer than the process has.
    /// Needs a tokio runtime with its drivers enabled, and is pending for ever where signals cannot be listened for.
    ///
    /// ```no_run
    /// # async fn serve(kit: throughline::Kit, listener: tokio::net::TcpListener, app: axum::Router) {
    /// axum::serve(listener, app).with_graceful_shutdown(kit.terminated()).await.unwrap();
    /// let _ = kit.shutdown(std::time::Duration::from_secs(5));
    /// # }
    /// ```
    pub fn terminated(&self) -> impl Future<Output = ()> + Send + 'static {
        let inner = Arc::downgrade(&self.inner);
        let signal = crate::signals::listen();
        async move {
            signal.await;
            // The thread holds no kit, so that dropping the last one still flushes in the thread that drops it.
            let providers = inner.upgrade().and_then(|inner| inner.providers());
            let flush = move || providers.map(|providers| on_threads(&providers, SIGNAL_FLUSH, |job, _| job.flush()));
            let _ = thread::Builder::new().name("throughline-flush".into()).spawn(flush);
        }
    }

    /// Sends what is queued, within 2 s, when a panic is about to end the process: one on the main thread, or any where panics abort.
    /// A kit on the stack of `main` is flushed by its drop anyway; this is for one in a static, and for `panic = "abort"`. The panic
    /// hook that was there runs first.
    ///
    /// From then on the log records of contained panics have their stack (`exception.stacktrace`), which only a panic hook sees.
    pub fn flush_on_panic(&self) {
        let inner = Arc::downgrade(&self.inner);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            crate::stacks::keep();
            before(panic);
            let last = cfg!(panic = "abort") || thread::current().name() == Some("main");
            if last && let Some(providers) = inner.upgrade().and_then(|inner| inner.providers()) {
                let _ = on_threads(&providers, PANIC_FLUSH, |job, _| job.flush());
            }
        }));
    }
}

impl Inner {
    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let Some(Parts { providers, runtime, .. }) = &self.parts else {
            return Ok(());
        };
        let result = self.accounted(|| on_threads(providers, timeout, Job::shutdown));
        runtime.stop();
        result
    }

    fn stats(&self) -> Stats {
        let Some(Parts { counts: [spans, logs, metrics], .. }) = &self.parts else {
            return Stats::default();
        };
        Stats { spans: spans.stats(), logs: logs.stats(), metrics: metrics.stats() }
    }

    /// Says of a flush that failed how much was lost in it, which the SDK does not know.
    fn accounted(&self, flush: impl FnOnce() -> Result<(), FlushError>) -> Result<(), FlushError> {
        let before = self.stats();
        let result = flush();
        let after = self.stats();
        let signals = [
            ("spans", before.spans, after.spans),
            ("log records", before.logs, after.logs),
            ("collections of metrics", before.metrics, after.metrics),
        ];
        let lost: Vec<_> = signals.iter().filter_map(|(name, before, after)| lost_since(name, before, after)).collect();
        match result {
            Err(FlushError::Failed(_)) if !lost.is_empty() => Err(FlushError::Failed(lost.join(", "))),
            other => other,
        }
    }

    fn providers(&self) -> Option<Providers> {
        self.parts.as_ref().map(|parts| parts.providers.clone())
    }
}

fn lost_since(name: &str, before: &SignalStats, after: &SignalStats) -> Option<String> {
    let lost = after.dropped.on_the_way() - before.dropped.on_the_way();
    let all = lost + after.exported - before.exported;
    (lost > 0).then(|| format!("{lost} of the last {all} {name} were not delivered"))
}

/// Runs a job per signal on threads of their own, because the SDK's calls are only loosely bounded, and waits for them together.
fn on_threads(
    providers: &Providers,
    timeout: Duration,
    run: fn(&Job, Duration) -> OTelSdkResult,
) -> Result<(), FlushError> {
    let deadline = Instant::now() + timeout;
    let (sender, receiver) = mpsc::channel();
    let jobs = [
        providers.spans.clone().map(Job::Spans),
        providers.logs.clone().map(Job::Logs),
        providers.metrics.clone().map(Job::Metrics),
    ];
    for job in jobs.into_iter().flatten() {
        let sender = sender.clone();
        let work = move || {
            let _ = sender.send(run(&job, deadline.saturating_duration_since(Instant::now())));
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

    fn shutdown(&self, timeout: Duration) -> OTelSdkResult {
        match self {
            Job::Spans(provider) => provider.shutdown_with_timeout(timeout),
            Job::Logs(provider) => provider.shutdown_with_timeout(timeout),
            Job::Metrics(provider) => {
                // Shutting down alone would hide that the last export failed.
                let flushed = provider.force_flush();
                let _ = provider.shutdown_with_timeout(timeout);
                flushed
            }
        }
    }
}
