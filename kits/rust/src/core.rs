//! What every instrumentation point needs: the tracer, the instruments and the propagator, behind one `Arc`.
//!
//! Layers and tasks hold a [`Core`], not a [`Kit`](crate::Kit), so that dropping the last kit flushes even while layers live.

use std::sync::Arc;

use opentelemetry::metrics::{Histogram, Meter, MeterProvider, UpDownCounter};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanBuilder, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::sync::watch;

use crate::diagnostics::Diagnostics;
use crate::names;
use crate::operation::{PANIC, panic_text};
use crate::propagate::Propagator;
use crate::resource::KIT_VERSION;

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
}

const POINTS: usize = 5;

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
        }
    }
}

const SCOPES: [&str; POINTS] =
    ["throughline", "throughline/http", "throughline/grpc", "throughline/sql", "throughline/nats"];

/// Traces, metrics and propagation of one kit. Without tracers it records nothing and passes context on.
pub(crate) struct Core {
    pub(crate) service: String,
    pub(crate) diagnostics: Arc<Diagnostics>,
    pub(crate) logger: Option<SdkLogger>,
    pub(crate) instruments: Instruments,
    /// How many detached tasks run.
    pub(crate) detached: watch::Sender<usize>,
    propagator: Propagator,
    tracers: Option<[SdkTracer; POINTS]>,
}

/// Every instrument of the contract, created once. Creating one is cheap; an instrument never used exports nothing.
pub(crate) struct Instruments {
    #[cfg(feature = "http")]
    pub(crate) http_server_duration: Histogram<f64>,
    #[cfg(feature = "http")]
    pub(crate) http_server_active: UpDownCounter<i64>,
    #[cfg(feature = "reqwest")]
    pub(crate) http_client_duration: Histogram<f64>,
    #[cfg(feature = "tonic")]
    pub(crate) rpc_server_duration: Histogram<f64>,
    #[cfg(feature = "tonic")]
    pub(crate) rpc_client_duration: Histogram<f64>,
    #[cfg(feature = "sqlx")]
    pub(crate) db_duration: Histogram<f64>,
    #[cfg(feature = "nats")]
    pub(crate) messaging: MessagingInstruments,
    pub(crate) task_duration: Histogram<f64>,
    pub(crate) task_active: UpDownCounter<i64>,
}

#[cfg(feature = "nats")]
pub(crate) struct MessagingInstruments {
    pub(crate) sent: opentelemetry::metrics::Counter<u64>,
    pub(crate) consumed: opentelemetry::metrics::Counter<u64>,
    pub(crate) operation_duration: Histogram<f64>,
    pub(crate) process_duration: Histogram<f64>,
}

fn seconds(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(names::DURATION_BUCKETS.to_vec())
        .build()
}

impl Instruments {
    fn new(provider: &dyn MeterProvider) -> Self {
        let [task, http, grpc, sql, nats] = SCOPES.map(|name| provider.meter_with_scope(scope(name)));
        let _ = (&http, &grpc, &sql, &nats);
        Instruments {
            #[cfg(feature = "http")]
            http_server_duration: seconds(&http, "http.server.request.duration", "Duration of HTTP server requests."),
            #[cfg(feature = "http")]
            http_server_active: http
                .i64_up_down_counter("http.server.active_requests")
                .with_description("Number of active HTTP server requests.")
                .with_unit("{request}")
                .build(),
            #[cfg(feature = "reqwest")]
            http_client_duration: seconds(&http, "http.client.request.duration", "Duration of HTTP client requests."),
            #[cfg(feature = "tonic")]
            rpc_server_duration: seconds(&grpc, "rpc.server.call.duration", "Duration of RPCs."),
            #[cfg(feature = "tonic")]
            rpc_client_duration: seconds(&grpc, "rpc.client.call.duration", "Duration of RPCs."),
            #[cfg(feature = "sqlx")]
            db_duration: seconds(&sql, "db.client.operation.duration", "Duration of database client operations."),
            #[cfg(feature = "nats")]
            messaging: MessagingInstruments {
                sent: nats
                    .u64_counter("messaging.client.sent.messages")
                    .with_description("Messages a producer tried to send.")
                    .with_unit("{message}")
                    .build(),
                consumed: nats
                    .u64_counter("messaging.client.consumed.messages")
                    .with_description("Messages delivered to the application.")
                    .with_unit("{message}")
                    .build(),
                operation_duration: seconds(
                    &nats,
                    "messaging.client.operation.duration",
                    "Duration of messaging operations initiated by a client.",
                ),
                process_duration: seconds(&nats, "messaging.process.duration", "Duration of processing messages."),
            },
            task_duration: seconds(&task, "kit.task.duration", "Duration of background tasks."),
            task_active: task
                .i64_up_down_counter("kit.task.active")
                .with_description("Number of background tasks running now.")
                .with_unit("{task}")
                .build(),
        }
    }
}

fn scope(name: &'static str) -> InstrumentationScope {
    InstrumentationScope::builder(name)
        .with_version(KIT_VERSION)
        .with_schema_url(names::SCHEMA_URL)
        .with_attributes([KeyValue::new(names::CONTRACT, names::CONTRACT_VERSION)])
        .build()
}

impl Core {
    pub(crate) fn idle(service: &str) -> Self {
        Core {
            service: service.to_owned(),
            diagnostics: Arc::new(Diagnostics::new(service)),
            logger: None,
            instruments: Instruments::new(&opentelemetry::metrics::noop::NoopMeterProvider::new()),
            detached: watch::Sender::new(0),
            propagator: Propagator::new(),
            tracers: None,
        }
    }

    pub(crate) fn recording(
        service: &str,
        spans: &SdkTracerProvider,
        metrics: &SdkMeterProvider,
        logs: &SdkLoggerProvider,
        diagnostics: Arc<Diagnostics>,
    ) -> Self {
        use opentelemetry::logs::LoggerProvider as _;
        Core {
            service: service.to_owned(),
            diagnostics,
            logger: Some(logs.logger_with_scope(scope(SCOPES[0]))),
            instruments: Instruments::new(metrics),
            detached: watch::Sender::new(0),
            propagator: Propagator::new(),
            tracers: Some(SCOPES.map(|name| spans.tracer_with_scope(scope(name)))),
        }
    }

    /// Starts a span and returns the context it is active in. A kit that records nothing returns the parent's identity, never its
    /// live span, so that ending the result cannot end the parent.
    pub(crate) fn start(&self, point: Point, builder: SpanBuilder, parent: &Context) -> Context {
        let tracer = self.tracers.as_ref().and_then(|tracers| tracers.get(point.index()));
        match tracer {
            Some(tracer) => parent.with_span(tracer.build_with_context(builder, parent)),
            None => parent.with_remote_span_context(parent.span().span_context().clone()),
        }
    }

    /// Tells of a panic that was caught: a log record in the trace of `cx`, and a line in the diagnostics.
    pub(crate) fn contain(&self, cx: &Context, panic: &(dyn std::any::Any + Send)) {
        use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
        let text = format!("panic: {}", panic_text(panic));
        self.diagnostics.tell(&text, "a panic was contained", 0, &text);
        let Some(logger) = &self.logger else {
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
        let span = cx.span();
        let span_context = span.span_context();
        record.set_trace_context(span_context.trace_id(), span_context.span_id(), Some(span_context.trace_flags()));
        logger.emit(record);
    }

    /// The context a carrier brings, on top of nothing: what was active here before is not its parent.
    pub(crate) fn extract(&self, carrier: &dyn Extractor) -> Context {
        self.propagator.extract_with_context(&Context::new(), carrier)
    }

    pub(crate) fn inject(&self, cx: &Context, carrier: &mut dyn Injector) {
        self.propagator.inject_context(cx, carrier);
    }
}
