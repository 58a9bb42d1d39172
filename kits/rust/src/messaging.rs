//! One messaging operation as telemetry, shared by NATS, JetStream and Kafka so that they cannot differ. The Go kit has the same.

use std::borrow::Cow;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
#[cfg(feature = "kafka")]
use std::time::{Instant, SystemTime};

use futures_util::FutureExt as _;
use opentelemetry::propagation::Injector;
use opentelemetry::trace::{FutureExt as _, Link, SpanBuilder, SpanContext, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use crate::attributes::int;
use crate::core::{Core, MessagingInstruments, Point};
use crate::names;
use crate::operation::{CANCELED, Operation, Outcome, panic_text};
use crate::task::{outcome_of, outcome_of_panic, without_span};

/// How messages are consumed: in the trace of their producer or in one of their own.
#[derive(Debug, Clone, Default)]
pub struct Consume {
    linked: bool,
    pub(crate) template: Option<Cow<'static, str>>,
    pub(crate) group: Option<Cow<'static, str>>,
}

impl Consume {
    /// A message is processed in the trace of its producer.
    #[must_use]
    pub fn child() -> Self {
        Consume::default()
    }

    /// A message is processed in a new trace that is linked to its producer's.
    #[must_use]
    pub fn linked() -> Self {
        Consume { linked: true, ..Consume::default() }
    }

    /// Names spans and metrics after a template such as `orders.{id}.created` instead of the subject. Subjects that contain ids need
    /// it: span names and metric attributes must have few values.
    #[must_use]
    pub fn template(mut self, template: impl Into<Cow<'static, str>>) -> Self {
        self.template = Some(template.into());
        self
    }

    /// The queue group, consumer or consumer group that shares the messages.
    #[must_use]
    pub fn queue(mut self, group: impl Into<Cow<'static, str>>) -> Self {
        self.group = Some(group.into());
        self
    }
}

/// Why a message was not processed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError<E> {
    /// The work returned this error.
    #[error("{0}")]
    Failed(E),
    /// The work panicked; the text is in the logs.
    #[error("panic: {0}")]
    Panicked(String),
    /// The work is done, and the broker could not be told.
    #[error("{0}")]
    Unsettled(String),
}

/// Where messages come from or go to. The template, if there is one, stands for the name in span names and metrics.
#[derive(Clone, Copy)]
pub(crate) struct Destination<'a> {
    pub(crate) name: &'a str,
    pub(crate) template: Option<&'a str>,
    pub(crate) group: Option<&'a str>,
}

impl<'a> Destination<'a> {
    pub(crate) fn of(name: &'a str, consume: &'a Consume) -> Self {
        Destination { name, template: consume.template.as_deref(), group: consume.group.as_deref() }
    }

    fn label(&self) -> &'a str {
        self.template.unwrap_or(self.name)
    }
}

/// What messages are processed together, and how their span begins.
pub(crate) struct Work<'a> {
    destination: Destination<'a>,
    links: Vec<Link>,
    own: Vec<KeyValue>,
    count: u64,
    parent: Context,
}

/// The operations of one connection.
#[derive(Clone)]
pub(crate) struct Messaging {
    pub(crate) core: Arc<Core>,
    pub(crate) point: Point,
    pub(crate) system: &'static str,
    pub(crate) server: Arc<[KeyValue]>,
}

impl Messaging {
    fn instruments(&self) -> &MessagingInstruments {
        self.core.instruments.messaging(self.point)
    }

    /// Starts the PRODUCER span of one message and writes the trace context into it.
    pub(crate) fn send(&self, to: Destination<'_>, own: Vec<KeyValue>, message: &mut dyn Injector) -> Operation {
        let operation = self.operation("send", "send", to, |builder, mut attributes| {
            attributes.extend(own_name(to));
            attributes.extend(own);
            builder.with_kind(SpanKind::Producer).with_attributes(attributes)
        });
        self.core.inject(operation.context(), message);
        operation
    }

    /// Ends it.
    pub(crate) fn sent(&self, operation: Operation, outcome: Outcome) {
        operation.end_with(outcome, |attributes| self.instruments().sent.add(1, attributes));
    }

    /// The CLIENT span of telling the broker what became of some messages: ack, nak or term.
    #[cfg(feature = "jetstream")]
    pub(crate) fn settle(&self, of: Destination<'_>, name: &'static str, count: usize) -> Operation {
        self.operation(name, "settle", of, |builder, mut attributes| {
            if count > 1 {
                attributes.push(KeyValue::new(names::MESSAGING_BATCH_COUNT, int(count)));
            }
            builder.with_kind(SpanKind::Client).with_attributes(attributes)
        })
    }

    /// The CLIENT span of a receive that began at `started` and has brought messages of these producers.
    #[cfg(feature = "kafka")]
    pub(crate) fn received(&self, from: Destination<'_>, started: Started, producers: &[SpanContext], count: usize) {
        let operation = self.operation("receive", "receive", from, |builder, mut attributes| {
            attributes.push(KeyValue::new(names::MESSAGING_BATCH_COUNT, int(count)));
            builder
                .with_kind(SpanKind::Client)
                .with_start_time(started.at)
                .with_links(links_to(producers))
                .with_attributes(attributes)
        });
        operation.begun(started.clock).end(Outcome::Success);
    }

    /// Receiving and settling belong to processing.
    fn is_on(&self, kind: &str) -> bool {
        let switches = &self.core.switches;
        let switch = match (self.system, kind) {
            ("kafka", "send") => &switches.kafka_publish,
            ("kafka", _) => &switches.kafka_process,
            (_, "send") => &switches.nats_publish,
            (_, _) => &switches.nats_process,
        };
        switch.is_on()
    }

    fn operation(
        &self,
        name: &'static str,
        kind: &'static str,
        destination: Destination<'_>,
        complete: impl FnOnce(SpanBuilder, Vec<KeyValue>) -> SpanBuilder,
    ) -> Operation {
        if !self.is_on(kind) {
            return Operation::idle(&Context::current());
        }
        let measured = self.shared(name, kind, destination);
        let builder = SpanBuilder::from_name(format!("{name} {}", destination.label()));
        let builder = complete(builder, measured.clone());
        Operation::start(&self.core, self.point, builder, &Context::current())
            .measured(&self.instruments().operation_duration, measured)
    }

    /// One message: in its producer's trace, or in one of its own that is linked to it.
    pub(crate) fn one<'a>(
        &self,
        destination: Destination<'a>,
        own: Vec<KeyValue>,
        remote: Context,
        consume: &Consume,
    ) -> Work<'a> {
        let mut own = own;
        own.extend(own_name(destination));
        let producer = remote.span().span_context().clone();
        let (parent, links) =
            if consume.linked { (without_span(&remote), links_to(&[producer])) } else { (remote, Vec::new()) };
        Work { destination, links, own, count: 1, parent }
    }

    /// Several messages: the root of a new trace, or a child of the active span if there is one, with a link to each producer.
    #[allow(clippy::unused_self)]
    pub(crate) fn batch<'a>(&self, destination: Destination<'a>, producers: &[SpanContext], count: usize) -> Work<'a> {
        let own = vec![KeyValue::new(names::MESSAGING_BATCH_COUNT, int(count))];
        Work { destination, links: links_to(producers), own, count: count as u64, parent: Context::current() }
    }

    /// Runs work under a CONSUMER span. Panics are contained, so the next message can follow.
    pub(crate) async fn process<T, E: Display>(
        &self,
        messages: Work<'_>,
        work: impl Future<Output = Result<T, ProcessError<E>>>,
    ) -> Result<T, ProcessError<E>> {
        let measured = self.shared("process", "process", messages.destination);
        let mut attributes = measured.clone();
        attributes.extend(messages.own);
        let builder = SpanBuilder::from_name(format!("process {}", messages.destination.label()))
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes)
            .with_links(messages.links);
        let instruments = self.instruments();
        let operation = if self.is_on("process") {
            Operation::start(&self.core, self.point, builder, &messages.parent)
                .measured(&instruments.process_duration, measured)
        } else {
            Operation::idle(&messages.parent)
        };
        let context = operation.context().clone();
        let mut processing = Processing { operation: Some(operation), instruments, count: messages.count };
        let guarded = AssertUnwindSafe(work.with_context(context.clone())).catch_unwind().await;
        let (outcome, result) = match guarded {
            Ok(Err(ProcessError::Failed(error))) => {
                let failed = Err::<(), _>(&error);
                (outcome_of(&failed), Err(ProcessError::Failed(error)))
            }
            // Whatever the broker's client says; it could be any error.
            Ok(Err(ProcessError::Unsettled(error))) => {
                let outcome = Outcome::Failure { kind: "_OTHER".into(), description: error.clone() };
                (outcome, Err(ProcessError::Unsettled(error)))
            }
            Ok(result) => (outcome_of(&result), result),
            Err(panic) => {
                self.core.contain(&context, panic.as_ref());
                let text = panic_text(panic.as_ref()).to_owned();
                (outcome_of_panic(panic.as_ref()), Err(ProcessError::Panicked(text)))
            }
        };
        processing.end(outcome);
        result
    }

    /// The attributes of span and metric: few values only.
    fn shared(&self, name: &'static str, kind: &'static str, destination: Destination<'_>) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new(names::MESSAGING_SYSTEM, self.system),
            KeyValue::new(names::MESSAGING_OPERATION_NAME, name),
            KeyValue::new(names::MESSAGING_OPERATION_TYPE, kind),
        ];
        attributes.push(match destination.template {
            Some(template) => KeyValue::new(names::MESSAGING_TEMPLATE, template.to_owned()),
            None => KeyValue::new(names::MESSAGING_DESTINATION, destination.name.to_owned()),
        });
        attributes
            .extend(destination.group.map(|group| KeyValue::new(names::MESSAGING_CONSUMER_GROUP, group.to_owned())));
        attributes.extend(self.server.iter().cloned());
        attributes
    }
}

/// Messages that are processed. They count as consumed also when nobody waits any more for the end.
struct Processing<'a> {
    operation: Option<Operation>,
    instruments: &'a MessagingInstruments,
    count: u64,
}

impl Processing<'_> {
    fn end(&mut self, outcome: Outcome) {
        if let Some(operation) = self.operation.take() {
            operation.end_with(outcome, |attributes| self.instruments.consumed.add(self.count, attributes));
        }
    }
}

impl Drop for Processing<'_> {
    fn drop(&mut self) {
        self.end(Outcome::failure(CANCELED));
    }
}

/// When a receive began, before it was known whether it would bring anything.
#[cfg(feature = "kafka")]
#[derive(Clone, Copy)]
pub(crate) struct Started {
    at: SystemTime,
    clock: Instant,
}

#[cfg(feature = "kafka")]
impl Started {
    pub(crate) fn now() -> Self {
        Started { at: SystemTime::now(), clock: Instant::now() }
    }
}

/// The destination's name, for the span alone, where a template stands for it.
fn own_name(destination: Destination<'_>) -> Option<KeyValue> {
    destination.template.map(|_| KeyValue::new(names::MESSAGING_DESTINATION, destination.name.to_owned()))
}

fn links_to(producers: &[SpanContext]) -> Vec<Link> {
    let valid = producers.iter().filter(|producer| producer.is_valid());
    valid.map(|producer| Link::new(producer.clone(), Vec::new(), 0)).collect()
}
