//! What every instrumentation point needs: the tracer, the instruments and the propagator, behind one `Arc`.
//!
//! Layers and tasks hold a [`Core`], not a [`Kit`](crate::Kit), so that dropping the last kit flushes even while layers live.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::metrics::noop::NoopMeterProvider;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceFlags, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::logs::SdkLogger;
use opentelemetry_sdk::trace::{IdGenerator, SdkTracer};
use tokio::sync::watch;

use crate::diagnostics::Diagnostics;
use crate::exemplars::{Exemplars, Seconds};
use crate::export::shorten;
use crate::logs::levels::Levels;
use crate::names::{self, Metric};
use crate::once::Others;
use crate::operation::{PANIC, panic_text};
use crate::pipeline::Providers;
use crate::propagate::{Formats, Propagator};
use crate::resource::KIT_VERSION;
use crate::running::Running;
use crate::sampling::{Ids, Sampler, Verdict, decided};
use crate::stacks;
use crate::switches::Switches;

/// The instrumentation points; each has a scope of its own, named as in the Go kit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Task,
    #[cfg(any(feature = "http", feature = "reqwest"))]
    Http,
    #[cfg(feature = "tonic")]
    Grpc,
    #[cfg(feature = "sqlx")]
    Sql,
    #[cfg(feature = "nats")]
    Nats,
    #[cfg(feature = "kafka")]
    Kafka,
    #[cfg(feature = "redis")]
    Redis,
}

const POINTS: usize = 7;

impl Point {
    /// How the attributes of CLIENT spans begin, by whomever they are made.
    fn family(self) -> Option<&'static str> {
        match self {
            #[cfg(any(feature = "http", feature = "reqwest"))]
            Point::Http => Some("http."),
            #[cfg(feature = "tonic")]
            Point::Grpc => Some("rpc."),
            #[cfg(feature = "sqlx")]
            Point::Sql => Some("db."),
            #[cfg(feature = "redis")]
            Point::Redis => Some("db."),
            _ => None,
        }
    }
}

impl Point {
    const fn index(self) -> usize {
        match self {
            Point::Task => 0,
            #[cfg(any(feature = "http", feature = "reqwest"))]
            Point::Http => 1,
            #[cfg(feature = "tonic")]
            Point::Grpc => 2,
            #[cfg(feature = "sqlx")]
            Point::Sql => 3,
            #[cfg(feature = "nats")]
            Point::Nats => 4,
            #[cfg(feature = "kafka")]
            Point::Kafka => 5,
            #[cfg(feature = "redis")]
            Point::Redis => 6,
        }
    }
}

const SCOPES: [&str; POINTS] = [
    names::SCOPE_KIT,
    names::SCOPE_HTTP,
    names::SCOPE_GRPC,
    names::SCOPE_SQL,
    names::SCOPE_NATS,
    names::SCOPE_KAFKA,
    names::SCOPE_REDIS,
];

/// Traces, metrics and propagation of one kit. Without tracers it records nothing and passes context on.
pub(crate) struct Core {
    /// The spans other libraries get from this kit.
    pub(crate) others: Arc<Others>,
    pub(crate) service: String,
    pub(crate) diagnostics: Arc<Diagnostics>,
    pub(crate) logger: Option<SdkLogger>,
    /// Of what the service logs, under names of its own, so without the kit's version.
    pub(crate) service_logger: Option<SdkLogger>,
    pub(crate) instruments: Instruments,
    /// How many detached tasks run.
    pub(crate) detached: watch::Sender<usize>,
    pub(crate) switches: Switches,
    pub(crate) levels: Levels,
    propagator: Propagator,
    tracers: Option<Tracers>,
}

struct Tracers {
    of_points: [SdkTracer; POINTS],
    sampler: Sampler,
    ids: Ids,
}

/// A span that was started, or the trace that goes on without one.
pub(crate) struct Started {
    /// The context in which it is active.
    pub(crate) context: Context,
    /// When, by the clock on the wall; none for a span that is not recorded.
    pub(crate) at: Option<SystemTime>,
}

/// Every instrument of the contract, created once. Creating one is cheap; an instrument never used exports nothing.
pub(crate) struct Instruments {
    #[cfg(feature = "http")]
    pub(crate) http_server_duration: Seconds,
    #[cfg(feature = "http")]
    pub(crate) http_server_active: Running,
    #[cfg(feature = "reqwest")]
    pub(crate) http_client_duration: Seconds,
    #[cfg(feature = "tonic")]
    pub(crate) rpc_server_duration: Seconds,
    #[cfg(feature = "tonic")]
    pub(crate) rpc_client_duration: Seconds,
    #[cfg(feature = "sqlx")]
    pub(crate) db_duration: Seconds,
    #[cfg(feature = "nats")]
    nats: MessagingInstruments,
    #[cfg(feature = "kafka")]
    kafka: MessagingInstruments,
    #[cfg(feature = "redis")]
    pub(crate) redis_duration: Seconds,
    pub(crate) task_duration: Seconds,
    pub(crate) task_active: Running,
}

#[cfg(any(feature = "nats", feature = "kafka"))]
pub(crate) struct MessagingInstruments {
    pub(crate) sent: crate::exemplars::Count,
    pub(crate) consumed: crate::exemplars::Count,
    pub(crate) operation_duration: Seconds,
    pub(crate) process_duration: Seconds,
}

/// Makes the instruments of one scope.
struct Maker<'a> {
    scope: &'static str,
    meter: Meter,
    /// None for a kit that records nothing.
    exemplars: Option<&'a Exemplars>,
}

impl Maker<'_> {
    fn seconds(&self, metric: &Metric) -> Seconds {
        let bounds: &'static [f64] = &names::DURATION_BUCKETS;
        let builder = self.meter.f64_histogram(metric.name).with_unit(metric.unit).with_description(metric.description);
        let exemplars = self.exemplars.map(|all| all.reservoir(self.scope, metric.name, bounds));
        Seconds::new(builder.with_boundaries(bounds.to_vec()).build(), exemplars)
    }

    #[cfg(any(feature = "nats", feature = "kafka"))]
    fn messages(&self, metric: &Metric) -> crate::exemplars::Count {
        let builder = self.meter.u64_counter(metric.name).with_unit(metric.unit).with_description(metric.description);
        crate::exemplars::Count {
            counter: builder.build(),
            exemplars: self.exemplars.map(|all| all.reservoir(self.scope, metric.name, &[])),
        }
    }

    fn active(&self, metric: &Metric) -> Running {
        Running::new(&self.meter, metric)
    }
}

#[cfg(any(feature = "nats", feature = "kafka"))]
impl MessagingInstruments {
    fn new(make: &Maker) -> Self {
        MessagingInstruments {
            sent: make.messages(&names::METRIC_MESSAGING_CLIENT_SENT_MESSAGES),
            consumed: make.messages(&names::METRIC_MESSAGING_CLIENT_CONSUMED_MESSAGES),
            operation_duration: make.seconds(&names::METRIC_MESSAGING_CLIENT_OPERATION_DURATION),
            process_duration: make.seconds(&names::METRIC_MESSAGING_PROCESS_DURATION),
        }
    }
}

impl Instruments {
    fn new(provider: &dyn MeterProvider, exemplars: Option<&Exemplars>) -> Self {
        let make = SCOPES.map(|name| Maker { scope: name, meter: provider.meter_with_scope(scope(name)), exemplars });
        let [task, http, grpc, sql, nats, kafka, redis] = &make;
        let _ = (http, grpc, sql, nats, kafka, redis);
        Instruments {
            #[cfg(feature = "http")]
            http_server_duration: http.seconds(&names::METRIC_HTTP_SERVER_REQUEST_DURATION),
            #[cfg(feature = "http")]
            http_server_active: http.active(&names::METRIC_HTTP_SERVER_ACTIVE_REQUESTS),
            #[cfg(feature = "reqwest")]
            http_client_duration: http.seconds(&names::METRIC_HTTP_CLIENT_REQUEST_DURATION),
            #[cfg(feature = "tonic")]
            rpc_server_duration: grpc.seconds(&names::METRIC_RPC_SERVER_CALL_DURATION),
            #[cfg(feature = "tonic")]
            rpc_client_duration: grpc.seconds(&names::METRIC_RPC_CLIENT_CALL_DURATION),
            #[cfg(feature = "sqlx")]
            db_duration: sql.seconds(&names::METRIC_DB_CLIENT_OPERATION_DURATION),
            #[cfg(feature = "nats")]
            nats: MessagingInstruments::new(nats),
            #[cfg(feature = "kafka")]
            kafka: MessagingInstruments::new(kafka),
            #[cfg(feature = "redis")]
            redis_duration: redis.seconds(&names::METRIC_DB_CLIENT_OPERATION_DURATION),
            task_duration: task.seconds(&names::METRIC_KIT_TASK_DURATION),
            task_active: task.active(&names::METRIC_KIT_TASK_ACTIVE),
        }
    }
}

#[cfg(any(feature = "nats", feature = "kafka"))]
impl Instruments {
    /// Those of one messaging system.
    pub(crate) fn messaging(&self, point: Point) -> &MessagingInstruments {
        match point {
            #[cfg(feature = "kafka")]
            Point::Kafka => &self.kafka,
            #[cfg(feature = "nats")]
            _ => &self.nats,
            #[cfg(not(feature = "nats"))]
            _ => &self.kafka,
        }
    }
}

pub(crate) fn scope(name: &'static str) -> InstrumentationScope {
    InstrumentationScope::builder(name)
        .with_version(KIT_VERSION)
        .with_schema_url(names::SCHEMA_URL)
        .with_attributes([KeyValue::new(names::CONTRACT, names::CONTRACT_VERSION)])
        .build()
}

/// The scope of records whose target names them; it is the service's, so the kit's version says nothing about it.
fn service_scope() -> InstrumentationScope {
    InstrumentationScope::builder("").with_schema_url(names::SCHEMA_URL).build()
}

/// The flag of level 2 of Trace Context that says that the trace id is random.
const RANDOM: TraceFlags = TraceFlags::new(0b10);

/// A context with the parent's identity, but not its live span, so that ending what is made of it cannot end the parent.
pub(crate) fn passed_on(parent: &Context) -> Context {
    let span = parent.span();
    if !span.is_recording() {
        return parent.clone();
    }
    parent.with_remote_span_context(span.span_context().clone())
}

/// The scope of the kit itself.
#[cfg(feature = "control")]
pub(crate) fn own_scope() -> InstrumentationScope {
    scope(SCOPES[0])
}

impl Core {
    pub(crate) fn idle(service: &str, formats: Formats) -> Self {
        Core {
            others: Arc::default(),
            service: service.to_owned(),
            diagnostics: Arc::new(Diagnostics::new(service)),
            logger: None,
            service_logger: None,
            instruments: Instruments::new(&NoopMeterProvider::new(), None),
            detached: watch::Sender::new(0),
            switches: Switches::new(false),
            levels: Levels::default(),
            propagator: Propagator::of(formats),
            tracers: None,
        }
    }

    pub(crate) fn recording(
        service: &str,
        providers: &Providers,
        diagnostics: Arc<Diagnostics>,
        exemplars: &Exemplars,
        sampler: Sampler,
        switches: Switches,
        formats: Formats,
    ) -> Self {
        use opentelemetry::logs::LoggerProvider as _;
        Core {
            others: Arc::default(),
            service: service.to_owned(),
            diagnostics,
            logger: providers.logs.as_ref().map(|logs| logs.logger_with_scope(scope(SCOPES[0]))),
            service_logger: providers.logs.as_ref().map(|logs| logs.logger_with_scope(service_scope())),
            instruments: match &providers.metrics {
                Some(metrics) => Instruments::new(metrics, Some(exemplars)),
                None => Instruments::new(&NoopMeterProvider::new(), None),
            },
            detached: watch::Sender::new(0),
            switches,
            levels: Levels::default(),
            propagator: Propagator::of(formats),
            tracers: providers.spans.as_ref().map(|spans| Tracers {
                of_points: SCOPES.map(|name| spans.tracer_with_scope(scope(name))),
                sampler,
                ids: Ids::default(),
            }),
        }
    }

    /// Whether a span started now could be recorded.
    #[inline]
    pub(crate) fn is_tracing(&self) -> bool {
        self.tracers.is_some() && self.switches.traces.is_on()
    }

    /// Starts a span. `describe` is called when it is kept, or when sampling looks at spans. A kit that records nothing gives the
    /// parent's identity, never its live span, so that ending the result cannot end the parent.
    pub(crate) fn start(
        &self,
        point: Point,
        kind: SpanKind,
        parent: &Context,
        describe: impl FnOnce() -> SpanBuilder,
    ) -> Started {
        let tracers =
            self.tracers.as_ref().filter(|_| self.switches.traces.is_on() && !parent.is_telemetry_suppressed());
        if self.is_made(point, &kind) {
            return Started { context: Context::map_current(passed_on), at: None };
        }
        let Some((tracers, tracer)) = tracers.and_then(|all| Some((all, all.of_points.get(point.index())?))) else {
            return Started { context: passed_on(parent), at: None };
        };
        let above = parent.span();
        let above = above.span_context();
        let trace_id = if above.is_valid() { above.trace_id() } else { tracers.ids.new_trace_id() };
        match tracers.sampler.decide(above, trace_id, &kind, describe) {
            Verdict::Kept(builder, state) => {
                let at = builder.start_time.unwrap_or_else(SystemTime::now);
                let builder = builder.with_kind(kind).with_start_time(at);
                let span = decided(trace_id, state, || tracer.build_with_context(builder, parent));
                Started { context: parent.with_span(span), at: Some(at) }
            }
            // As the SDK would, but without a span to hold it. The SDK also forgets that a trace id is random.
            Verdict::Dropped(state) => {
                let flags = above.trace_flags();
                let flags = if flags & RANDOM == RANDOM { flags.with_sampled(false) } else { TraceFlags::default() };
                let dropped = SpanContext::new(trace_id, tracers.ids.new_span_id(), flags, false, state);
                Started { context: parent.with_remote_span_context(dropped), at: None }
            }
        }
    }

    /// Whether the active span is that of another library for the same thing.
    fn is_made(&self, point: Point, kind: &SpanKind) -> bool {
        match kind {
            SpanKind::Server => self.others.serve_already(),
            SpanKind::Client => point.family().is_some_and(|family| self.others.call_already(family)),
            _ => false,
        }
    }

    /// Tells of a panic that was caught: a log record in the trace of `cx`, and a line in the diagnostics.
    pub(crate) fn contain(&self, cx: &Context, panic: &(dyn std::any::Any + Send)) {
        use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
        let text = format!("panic: {}", panic_text(panic));
        self.diagnostics.tell(&text, "a panic was contained", 0, &text);
        let Some(logger) = self.logger.as_ref().filter(|_| self.switches.logs.is_on()) else {
            return;
        };
        let mut record = logger.create_log_record();
        record.set_timestamp(std::time::SystemTime::now());
        record.set_event_name("exception");
        record.set_severity_number(Severity::Error);
        record.set_severity_text(Severity::Error.name());
        record.set_body(AnyValue::from(text.clone()));
        record.add_attribute(names::EXCEPTION_TYPE, PANIC);
        record.add_attribute(names::EXCEPTION_MESSAGE, text);
        if let Some(stack) = stacks::take() {
            let stack = shorten(&stack).map(str::to_owned).unwrap_or(stack);
            record.add_attribute(names::EXCEPTION_STACK, stack);
        }
        let span = cx.span();
        let span_context = span.span_context();
        record.set_trace_context(span_context.trace_id(), span_context.span_id(), Some(span_context.trace_flags()));
        logger.emit(record);
    }

    /// In which headers context travels.
    #[cfg(any(feature = "http", feature = "tonic"))]
    pub(crate) fn formats(&self) -> Formats {
        self.propagator.formats
    }

    /// The context a carrier brings, on top of nothing: what was active here before is not its parent.
    pub(crate) fn extract(&self, carrier: &dyn Extractor) -> Context {
        self.propagator.extract_with_context(&Context::new(), carrier)
    }

    pub(crate) fn inject(&self, cx: &Context, carrier: &mut dyn Injector) {
        self.propagator.inject_context(cx, carrier);
    }
}
