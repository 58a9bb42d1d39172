//! One traced operation from start to end. Whatever happens to the future that owns it — completion, error, panic, being dropped —
//! the span ends exactly once, the duration is recorded exactly once and gauges return to where they were.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt};
use opentelemetry::{Context, Key, KeyValue, Value};
#[cfg(any(feature = "http", feature = "reqwest", feature = "tonic"))]
use opentelemetry::{ContextGuard, baggage::BaggageExt};

use crate::attributes;
use crate::core::{Core, Point, Started, passed_on};
use crate::exemplars::Seconds;
use crate::names;
use crate::running::{Run, Running};

/// How an operation ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Success,
    /// `error.type`, and the description of the status, which may be empty.
    Failure {
        kind: Cow<'static, str>,
        description: String,
    },
}

impl Outcome {
    pub(crate) fn failure(kind: impl Into<Cow<'static, str>>) -> Self {
        Outcome::Failure { kind: kind.into(), description: String::new() }
    }

    /// The outcome of an operation that was dropped: by a panic, or because nobody waits for it any more.
    fn dropped() -> Self {
        Outcome::failure(if std::thread::panicking() { PANIC } else { CANCELED })
    }
}

/// `error.type` of an operation that panicked.
pub(crate) const PANIC: &str = "panic";
/// `error.type` of an operation whose future was dropped before it was done.
pub(crate) const CANCELED: &str = "canceled";

/// A metric and the attributes it is recorded with.
#[derive(Clone)]
pub(crate) struct Measure {
    pub(crate) duration: Seconds,
    pub(crate) attributes: Vec<KeyValue>,
}

pub(crate) struct Operation {
    context: Context,
    /// When the span began, by the clock on the wall; none when none is recorded.
    at: Option<SystemTime>,
    /// None when nobody will ask how long it took.
    started: Option<Instant>,
    measure: Option<Measure>,
    run: Option<Run>,
    abandoned: Option<(Outcome, Option<KeyValue>)>,
    ended: bool,
    /// Switched off: nothing is measured.
    idle: bool,
}

impl Operation {
    /// An operation that is switched off: it passes the parent on and records nothing.
    pub(crate) fn idle(parent: &Context) -> Self {
        Operation {
            context: passed_on(parent),
            at: None,
            started: None,
            measure: None,
            run: None,
            abandoned: None,
            ended: false,
            idle: true,
        }
    }

    pub(crate) fn start(core: &Arc<Core>, point: Point, builder: SpanBuilder, parent: &Context) -> Self {
        let kind = builder.span_kind.clone().unwrap_or(SpanKind::Internal);
        Operation::start_described(core, point, kind, parent, || builder)
    }

    /// Starts an operation whose span is described when it must be.
    pub(crate) fn start_described(
        core: &Arc<Core>,
        point: Point,
        kind: SpanKind,
        parent: &Context,
        describe: impl FnOnce() -> SpanBuilder,
    ) -> Self {
        let Started { context, at } = core.start(point, kind, parent, describe);
        Operation {
            context,
            at,
            started: at.map(|_| Instant::now()),
            measure: None,
            run: None,
            abandoned: None,
            ended: false,
            idle: false,
        }
    }

    pub(crate) fn measured(mut self, duration: &Seconds, attributes: Vec<KeyValue>) -> Self {
        if !self.idle {
            self.started.get_or_insert_with(Instant::now);
            self.measure = Some(Measure { duration: duration.clone(), attributes });
        }
        self
    }

    /// Counts it as running, under the first so many attributes it is measured with.
    pub(crate) fn counted(mut self, running: &Running, attributes: usize) -> Self {
        let measure = self.measure.as_ref();
        self.run = measure.and_then(|measure| Some(running.enter(measure.attributes.get(..attributes)?)));
        self
    }

    /// It began earlier, before it was known to be one.
    #[cfg(feature = "kafka")]
    pub(crate) fn begun(mut self, at: Instant) -> Self {
        self.started = Some(at);
        self
    }

    /// What it means when this operation is dropped without a panic, and an attribute to set then; an error with the type
    /// `canceled` by default.
    pub(crate) fn when_abandoned(&mut self, outcome: Outcome, attribute: Option<KeyValue>) {
        self.abandoned = Some((outcome, attribute));
    }

    /// Makes its context active; nothing when it is switched off and there is nothing to pass on.
    #[cfg(any(feature = "http", feature = "reqwest", feature = "tonic"))]
    pub(crate) fn activate(&self) -> Option<ContextGuard> {
        let needless = self.idle && !self.context.has_active_span() && self.context.baggage().is_empty();
        (!needless).then(|| self.context.clone().attach())
    }

    /// The context in which the operation's span is active.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Sets an attribute of the span.
    pub(crate) fn set(&self, key: impl Into<Key>, value: impl Into<Value>) {
        if self.at.is_some() {
            self.context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Changes the span's name.
    #[cfg(feature = "tonic")]
    pub(crate) fn rename(&self, name: &'static str) {
        self.context.span().update_name(name);
    }

    /// Sets an attribute of the span and of the metric.
    pub(crate) fn set_measured(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        if let Some(measure) = &mut self.measure {
            attributes::set(&mut measure.attributes, key.clone(), value.clone());
        }
        self.set(key, value);
    }

    pub(crate) fn end(mut self, outcome: Outcome) {
        self.finish(outcome);
    }

    /// Ends it and hands the attributes the duration was recorded with to another instrument.
    #[cfg(any(feature = "nats", feature = "kafka"))]
    pub(crate) fn end_with(mut self, outcome: Outcome, also: impl FnOnce(&[KeyValue])) {
        let measure = self.measure.clone();
        let active = self.context.clone().attach();
        if let (Some(mut measure), Outcome::Failure { kind, .. }) = (measure.clone(), &outcome) {
            attributes::set(&mut measure.attributes, names::ERROR_TYPE, kind.clone().into_owned());
            also(&measure.attributes);
        } else if let Some(measure) = measure {
            also(&measure.attributes);
        }
        drop(active);
        self.finish(outcome);
    }

    /// Ends it where it is. What comes after that is ignored.
    pub(crate) fn finish(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let (kind, status) = match outcome {
            Outcome::Success => (None, None),
            Outcome::Failure { kind, description } => (Some(kind), Some(Status::error(description))),
        };
        if let Some(kind) = kind {
            self.set_measured(names::ERROR_TYPE, kind.into_owned());
        }
        self.run = None;
        let took = self.started.map(|started| started.elapsed()).unwrap_or_default();
        if let Some(at) = self.at {
            let span = self.context.span();
            if let Some(status) = status {
                span.set_status(status);
            }
            // As long as it was measured to be, whatever happened to the clock on the wall.
            span.end_with_timestamp(at + took);
        }
        if let Some(measure) = self.measure.take() {
            // The span is the measurement's exemplar.
            measure.duration.record(took.as_secs_f64(), &measure.attributes, &self.context);
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        match self.abandoned.take().filter(|_| !std::thread::panicking()) {
            Some((outcome, attribute)) => {
                if let Some(attribute) = attribute {
                    self.set_measured(attribute.key, attribute.value);
                }
                self.finish(outcome);
            }
            None => self.finish(Outcome::dropped()),
        }
    }
}

/// The name of an error's type without generics, for `error.type` where nothing better is known. Types that could hold any error say
/// nothing, so they are `_OTHER`.
pub(crate) fn error_type<E: ?Sized>() -> &'static str {
    let full = std::any::type_name::<E>().trim_start_matches(['&', ' ']);
    match full.split('<').next().unwrap_or(full) {
        "tokio::time::error::Elapsed" => "timeout",
        "alloc::boxed::Box" | "anyhow::Error" | "alloc::string::String" | "str" => "_OTHER",
        plain => plain,
    }
}

/// Names the failure of a transport in the words of the Go kit, by what is at the bottom of it.
#[cfg(any(feature = "reqwest", feature = "sqlx", feature = "kafka", feature = "redis"))]
pub(crate) fn transport_error(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use std::io::ErrorKind;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            let known = match error.kind() {
                ErrorKind::ConnectionRefused => Some("connection_refused"),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
                    Some("connection_reset")
                }
                ErrorKind::TimedOut => Some("timeout"),
                _ => None,
            };
            if known.is_some() {
                return known;
            }
        }
        // hyper keeps the type of its resolver's failures to itself; this is all it says.
        if error.to_string() == "dns error" {
            return Some("host_not_found");
        }
        next = error.source();
    }
    None
}

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_named_by_their_type_when_that_says_something() {
        assert_eq!(error_type::<std::io::Error>(), "std::io::error::Error");
        assert_eq!(error_type::<tokio::time::error::Elapsed>(), "timeout");
        assert_eq!(error_type::<Box<dyn std::error::Error + Send + Sync>>(), "_OTHER");
        assert_eq!(error_type::<&str>(), "_OTHER");
    }
}
