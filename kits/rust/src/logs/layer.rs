//! The `tracing` side: a subscriber layer that turns events into lines and OTLP log records.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::Context;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as LayerContext, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::limit::Limiter;
use super::line::{ErrorText, Line, span_of};
use crate::config::LogWriter;
use crate::core::Core;
use crate::export::shorten;
use crate::kit::Kit;
use crate::names;
use crate::redact::{Redaction, Rules};

/// The layer behind [`Kit::log_layer`]; what is too quiet is filtered before it.
struct LogLayer {
    core: Arc<Core>,
    writer: Option<LogWriter>,
    redaction: Arc<Redaction>,
    limit: Option<Limiter<Identifier>>,
}

/// Which events are loud enough.
struct Loudness {
    core: Arc<Core>,
    level: Level,
    levels: Vec<(&'static str, Level)>,
}

impl Kit {
    /// A `tracing-subscriber` layer that prints each event as one JSON line with the trace it belongs to and exports it as an OTLP
    /// log record.
    ///
    /// The event's `message` is `msg`; its target is `scope`; a name given with `name:` is `event`; a field `error` (`%error` or an
    /// `&dyn Error`) and a field `error.type` make up `error`; all other fields are `attrs`. `tracing` spans are not looked at: the
    /// trace is the active OpenTelemetry context.
    ///
    /// ```
    /// use tracing_subscriber::prelude::*;
    /// let kit = throughline::init(throughline::Config::builder("orders").build())?;
    /// let subscriber = tracing_subscriber::registry().with(kit.log_layer());
    /// tracing::subscriber::with_default(subscriber, || {
    ///     tracing::info!(name: "order.created", order_id = 17, "order created");
    /// });
    /// # Ok::<(), throughline::InitError>(())
    /// ```
    #[must_use]
    pub fn log_layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let layer = LogLayer {
            core: Arc::clone(self.core()),
            writer: self.inner.log_writer.clone(),
            redaction: Arc::clone(&self.inner.redaction),
            limit: self.inner.log_rate_max.map(Limiter::new),
        };
        layer.with_filter(Loudness {
            core: Arc::clone(self.core()),
            level: self.inner.log_level,
            levels: self.inner.log_levels.clone(),
        })
    }

    /// Makes [`log_layer`](Kit::log_layer) the process's subscriber. Returns false when there is one already.
    pub fn install_logs(&self) -> bool {
        use tracing_subscriber::prelude::*;
        let subscriber = tracing_subscriber::registry().with(self.log_layer());
        tracing::subscriber::set_global_default(subscriber).is_ok()
    }
}

impl Loudness {
    fn admits(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level_of(metadata.target())
    }

    /// Remote control comes first.
    fn level_of(&self, target: &str) -> Level {
        self.core.levels.level_of(target).unwrap_or_else(|| self.own_level_of(target))
    }

    fn own_level_of(&self, target: &str) -> Level {
        let covers = |module: &str| {
            let rest = target.strip_prefix(module);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let known = self.levels.iter().filter(|(module, _)| covers(module));
        let level = known.max_by_key(|(module, _)| module.len()).map_or(self.level, |(_, level)| *level);
        level.min(self.level)
    }
}

impl<S> Filter<S> for Loudness {
    fn enabled(&self, metadata: &Metadata<'_>, _: &LayerContext<'_, S>) -> bool {
        self.admits(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.admits(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.core.levels.loudest().map_or(self.level, |said| said.max(self.level)).into())
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        if is_own(event.metadata().target()) {
            self.tell_own(event);
            return;
        }
        // The exporters' own HTTP and gRPC clients log too; their records must not feed the exporters.
        let suppressed = Context::is_current_telemetry_suppressed();
        let mut record = Record::read(event, &self.core.service);
        if let Some(limit) = &self.limit {
            let now = record.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            match limit.admit(event.metadata().callsite(), now_ms) {
                None => return,
                Some(0) => {}
                Some(held) => {
                    let held = AnyValue::Int(crate::attributes::int(held));
                    record.fields.attributes.push((names::LOG_HELD_BACK.to_owned(), held));
                }
            }
        }
        record.fields.redact(&self.redaction.rules());
        self.print(&record);
        if !suppressed {
            self.export(&record);
        }
    }
}

/// Events of the SDK about exports that failed. The kit tells of those itself, with cause and number.
const TOLD_BY_THE_KIT: [&str; 2] = ["Export.Failed", "PeriodicReader.ExportError"];

fn plain(value: &AnyValue) -> String {
    match value {
        AnyValue::String(text) => text.to_string(),
        AnyValue::Int(number) => number.to_string(),
        AnyValue::Double(number) => number.to_string(),
        AnyValue::Boolean(yes) => yes.to_string(),
        other => format!("{other:?}"),
    }
}

/// Events of the OpenTelemetry SDK about itself.
fn is_own(target: &str) -> bool {
    target.starts_with("opentelemetry")
}

fn default_event_name(name: &str) -> bool {
    name.starts_with("event ")
}

struct Record<'a> {
    time: SystemTime,
    level: Level,
    fields: Fields,
    scope: &'static str,
    event: Option<&'static str>,
    service: &'a str,
    context: Context,
}

impl<'a> Record<'a> {
    fn read(event: &Event<'_>, service: &'a str) -> Self {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        Record {
            time: SystemTime::now(),
            level: *metadata.level(),
            fields,
            scope: metadata.target(),
            event: Some(metadata.name()).filter(|name| !default_event_name(name)),
            service,
            context: Context::current(),
        }
    }
}

impl LogLayer {
    fn tell_own(&self, event: &Event<'_>) {
        let name = event.metadata().name();
        if *event.metadata().level() > Level::WARN || TOLD_BY_THE_KIT.iter().any(|told| name.starts_with(told)) {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let told = fields.attributes.iter().filter(|(key, _)| key != "name"); // the event's own again
        let details: Vec<_> = told.map(|(key, value)| format!("{key}={}", plain(value))).collect();
        let message = fields.message.as_deref().unwrap_or("the OpenTelemetry SDK reports a problem");
        self.core.diagnostics.tell(name, message, 0, &details.join(" "));
    }

    fn print(&self, record: &Record<'_>) {
        let line = Line {
            time: record.time,
            level: level_text(record.level),
            message: record.fields.message.as_deref().unwrap_or_default(),
            service: record.service,
            span: span_of(&record.context),
            scope: Some(record.scope),
            event: record.event,
            attributes: &record.fields.attributes,
            error: record.fields.error.as_ref(),
        };
        let mut text = line.render();
        text.push('\n');
        match &self.writer {
            Some(writer) => {
                if let Ok(mut writer) = writer.lock() {
                    let _ = writer.write_all(text.as_bytes());
                }
            }
            None => {
                let _ = std::io::stdout().lock().write_all(text.as_bytes());
            }
        }
    }

    fn export(&self, record: &Record<'_>) {
        let Some(logger) = self.core.service_logger.as_ref().filter(|_| self.core.switches.logs.is_on()) else {
            return;
        };
        let mut out = logger.create_log_record();
        out.set_timestamp(record.time);
        out.set_observed_timestamp(record.time);
        let severity = severity(record.level);
        out.set_severity_number(severity);
        out.set_severity_text(severity.name());
        out.set_target(record.scope);
        if let Some(name) = record.event {
            out.set_event_name(name);
        }
        if let Some(message) = &record.fields.message {
            out.set_body(AnyValue::from(message.clone()));
        }
        for (key, value) in &record.fields.attributes {
            out.add_attribute(key.clone(), value.clone());
        }
        if let Some(error) = &record.fields.error {
            let parts = [(names::EXCEPTION_TYPE, &error.kind), (names::EXCEPTION_MESSAGE, &error.message)];
            for (key, part) in parts {
                if let Some(text) = part {
                    out.add_attribute(key, text.clone());
                }
            }
        }
        if let Some(span) = span_of(&record.context) {
            out.set_trace_context(span.trace_id(), span.span_id(), Some(span.trace_flags()));
        }
        logger.emit(out);
    }
}

fn level_text(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn severity(level: Level) -> Severity {
    match level {
        Level::ERROR => Severity::Error,
        Level::WARN => Severity::Warn,
        Level::INFO => Severity::Info,
        Level::DEBUG => Severity::Debug,
        Level::TRACE => Severity::Trace,
    }
}

/// The fields of one event. A key is kept once, with its last value.
#[derive(Default)]
struct Fields {
    message: Option<String>,
    attributes: Vec<(String, AnyValue)>,
    error: Option<ErrorText>,
}

impl Fields {
    /// Withholds secrets, on the line and in the record alike.
    fn redact(&mut self, rules: &Rules) {
        if let Some(message) = self.message.as_deref().and_then(|text| rules.text(text)) {
            self.message = Some(message);
        }
        for (key, value) in &mut self.attributes {
            if let Some(redacted) = rules.field(key, value) {
                *value = redacted;
            }
        }
        if let Some(error) = &mut self.error
            && let Some(message) = error.message.as_deref().and_then(|text| rules.text(text))
        {
            error.message = Some(message);
        }
    }

    fn put(&mut self, field: &Field, value: impl Into<AnyValue>) {
        let (name, value) = (field.name(), value.into());
        match (name, &value) {
            ("message", AnyValue::String(text)) => self.message = Some(text.as_str().to_owned()),
            ("error", AnyValue::String(text)) => {
                self.error.get_or_insert_default().message = Some(text.as_str().to_owned());
            }
            ("error.type", AnyValue::String(text)) => {
                self.error.get_or_insert_default().kind = Some(text.as_str().to_owned());
            }
            _ => match self.attributes.iter_mut().find(|(key, _)| key == name) {
                Some((_, earlier)) => *earlier = value,
                None => self.attributes.push((name.to_owned(), value)),
            },
        }
    }

    fn put_text(&mut self, field: &Field, text: &str) {
        self.put(field, shorten(text).unwrap_or(text).to_owned());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.put_text(field, &text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // OTLP integers are signed. What does not fit keeps its digits, as text.
        match i64::try_from(value) {
            Ok(value) => self.put(field, value),
            Err(_) => self.put_text(field, &value.to_string()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put_text(field, &value.to_string());
    }
}
