//! NATS: publish, process one message, process a batch. Trace context and baggage travel in message headers.
//!
//! ```no_run
//! use throughline::nats::{Client, Consume};
//! # async fn example(kit: throughline::Kit, connection: async_nats::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use futures_util::StreamExt;
//! let nats = Client::new(&kit, connection).server("nats://127.0.0.1:4222");
//! nats.publish("orders.created", "{}".into()).await?;
//!
//! let mut messages = nats.connection().subscribe("orders.created").await?;
//! while let Some(message) = messages.next().await {
//!     let work = async { Ok::<_, std::fmt::Error>(message.payload.len()) };
//!     let _ = nats.process(&message, &Consume::child(), work).await;
//! }
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures_util::FutureExt as _;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{FutureExt as _, Link, SpanBuilder, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use crate::attributes::int;
use crate::core::{Core, Point};
use crate::http_names::split_host;
use crate::kit::Kit;
use crate::names;
use crate::operation::{Operation, panic_text};
use crate::task::{outcome_of, outcome_of_panic, without_span};

const MESSAGE_ID: &str = "Nats-Msg-Id";

/// A NATS connection whose messages are traced. Clone it freely.
#[derive(Clone)]
pub struct Client {
    core: Arc<Core>,
    connection: async_nats::Client,
    server: Arc<[KeyValue]>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", &self.server).finish_non_exhaustive()
    }
}

/// How messages are consumed: in the trace of their producer or in one of their own.
#[derive(Debug, Clone, Default)]
pub struct Consume {
    linked: bool,
    template: Option<Cow<'static, str>>,
    queue: Option<Cow<'static, str>>,
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

    /// The queue group the messages were received through.
    #[must_use]
    pub fn queue(mut self, group: impl Into<Cow<'static, str>>) -> Self {
        self.queue = Some(group.into());
        self
    }
}

/// A message to publish.
#[derive(Debug, Clone)]
pub struct Outgoing {
    subject: String,
    template: Option<Cow<'static, str>>,
    headers: HeaderMap,
    payload: Bytes,
}

impl Outgoing {
    /// A message without headers of its own.
    #[must_use]
    pub fn new(subject: impl Into<String>, payload: Bytes) -> Self {
        Outgoing { subject: subject.into(), template: None, headers: HeaderMap::new(), payload }
    }

    /// See [`Consume::template`].
    #[must_use]
    pub fn template(mut self, template: impl Into<Cow<'static, str>>) -> Self {
        self.template = Some(template.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(name, value);
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
}

impl Client {
    /// Traces what is published and processed through this value. The connection stays usable beside it.
    #[must_use]
    pub fn new(kit: &Kit, connection: async_nats::Client) -> Self {
        Client { core: Arc::clone(kit.core()), connection, server: Arc::new([]) }
    }

    /// The server's URL or `host:port`, for `server.address` and `server.port`.
    #[must_use]
    pub fn server(mut self, url: &str) -> Self {
        let host = url.split_once("://").map_or(url, |(_, host)| host);
        self.server = split_host(host, Some(4222)).into();
        self
    }

    /// The connection, to subscribe with.
    #[must_use]
    pub fn connection(&self) -> &async_nats::Client {
        &self.connection
    }

    /// Publishes a message under a PRODUCER span. NATS buffers: success means that the message is on its way.
    ///
    /// # Errors
    /// As `async_nats::Client::publish_with_headers`.
    pub async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), async_nats::PublishError> {
        self.publish_message(Outgoing::new(subject, payload)).await
    }

    /// Like [`publish`](Client::publish), with headers or a template.
    ///
    /// # Errors
    /// As `async_nats::Client::publish_with_headers`.
    pub async fn publish_message(&self, message: Outgoing) -> Result<(), async_nats::PublishError> {
        let Outgoing { subject, template, mut headers, payload } = message;
        let operation = self.send_operation(&subject, template.as_deref(), &headers);
        let context = operation.context().clone();
        self.core.inject(&context, &mut HeaderInjector(&mut headers));
        let result = self.connection.publish_with_headers(subject, headers, payload);
        let result = result.with_context(context).await;
        let outcome = outcome_of(&result);
        operation.end_with(outcome, |attributes| self.core.instruments.messaging.sent.add(1, attributes));
        result
    }

    fn send_operation(&self, subject: &str, template: Option<&str>, headers: &HeaderMap) -> Operation {
        let measured = self.shared("send", subject, template, None);
        let mut attributes = measured.clone();
        attributes.extend(of_message(subject, template, Some(headers)));
        let builder = SpanBuilder::from_name(format!("send {}", template.unwrap_or(subject)))
            .with_kind(SpanKind::Producer)
            .with_attributes(attributes);
        let duration = &self.core.instruments.messaging.operation_duration;
        Operation::start(&self.core, Point::Nats, builder, &Context::current()).measured(duration, measured)
    }

    /// Processes one message under a CONSUMER span. Panics are contained, so the next message can follow.
    ///
    /// # Errors
    /// [`ProcessError`] with what the work returned, or with the text of its panic.
    pub async fn process<T, E: Display>(
        &self,
        message: &Message,
        consume: &Consume,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ProcessError<E>> {
        let remote = self.remote(message.headers.as_ref());
        let producer = remote.span().span_context().clone();
        let template = consume.template.as_deref();
        let mut links = Vec::new();
        let mut parent = remote;
        if consume.linked {
            parent = without_span(&parent);
            if producer.is_valid() {
                links.push(Link::new(producer, Vec::new(), 0));
            }
        }
        let own = of_message(&message.subject, template, message.headers.as_ref());
        let start = Start { subject: &message.subject, consume, links, own, count: 1 };
        self.run(start, &parent, work).await
    }

    /// Processes messages together under one CONSUMER span: the root of a new trace, or a child of the active span if there is one,
    /// with a link to the producer of each message. The subject names the span.
    ///
    /// # Errors
    /// [`ProcessError`] with what the work returned, or with the text of its panic.
    pub async fn process_batch<T, E: Display>(
        &self,
        subject: &str,
        messages: &[Message],
        consume: &Consume,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ProcessError<E>> {
        let producers = messages.iter().map(|message| {
            let remote = self.remote(message.headers.as_ref());
            remote.span().span_context().clone()
        });
        let links = producers.filter(|producer| producer.is_valid());
        let links = links.map(|producer| Link::new(producer, Vec::new(), 0)).collect();
        let own = vec![KeyValue::new(names::MESSAGING_BATCH_COUNT, int(messages.len()))];
        let start = Start { subject, consume, links, own, count: messages.len() as u64 };
        self.run(start, &Context::current(), work).await
    }

    async fn run<T, E: Display>(
        &self,
        start: Start<'_>,
        parent: &Context,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ProcessError<E>> {
        let Start { subject, consume, links, own, count } = start;
        let template = consume.template.as_deref();
        let measured = self.shared("process", subject, template, consume.queue.as_deref());
        let mut attributes = measured.clone();
        attributes.extend(own);
        let builder = SpanBuilder::from_name(format!("process {}", template.unwrap_or(subject)))
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes)
            .with_links(links);
        let instruments = &self.core.instruments.messaging;
        let operation = Operation::start(&self.core, Point::Nats, builder, parent)
            .measured(&instruments.process_duration, measured);
        let context = operation.context().clone();
        let guarded = AssertUnwindSafe(work.with_context(context)).catch_unwind().await;
        let (outcome, result) = match guarded {
            Ok(result) => (outcome_of(&result), result.map_err(ProcessError::Failed)),
            Err(panic) => {
                self.core.contain(operation.context(), panic.as_ref());
                let text = panic_text(panic.as_ref()).to_owned();
                (outcome_of_panic(panic.as_ref()), Err(ProcessError::Panicked(text)))
            }
        };
        operation.end_with(outcome, |attributes| instruments.consumed.add(count, attributes));
        result
    }

    fn remote(&self, headers: Option<&HeaderMap>) -> Context {
        match headers {
            Some(headers) => self.core.extract(&HeaderExtractor(headers)),
            None => Context::new(),
        }
    }

    /// The attributes of span and metric: few values only.
    fn shared(
        &self,
        operation: &'static str,
        subject: &str,
        template: Option<&str>,
        queue: Option<&str>,
    ) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new(names::MESSAGING_SYSTEM, "nats"),
            KeyValue::new(names::MESSAGING_OPERATION_NAME, operation),
            KeyValue::new(names::MESSAGING_OPERATION_TYPE, operation),
        ];
        attributes.push(match template {
            Some(template) => KeyValue::new(names::MESSAGING_TEMPLATE, template.to_owned()),
            None => KeyValue::new(names::MESSAGING_DESTINATION, subject.to_owned()),
        });
        attributes.extend(queue.map(|group| KeyValue::new(names::MESSAGING_CONSUMER_GROUP, group.to_owned())));
        attributes.extend(self.server.iter().cloned());
        attributes
    }
}

struct Start<'a> {
    subject: &'a str,
    consume: &'a Consume,
    links: Vec<Link>,
    own: Vec<KeyValue>,
    count: u64,
}

/// The attributes of the span alone.
fn of_message(subject: &str, template: Option<&str>, headers: Option<&HeaderMap>) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    if template.is_some() {
        attributes.push(KeyValue::new(names::MESSAGING_DESTINATION, subject.to_owned()));
    }
    if let Some(id) = headers.and_then(|headers| headers.get(MESSAGE_ID)) {
        attributes.push(KeyValue::new(names::MESSAGING_MESSAGE_ID, id.as_str().to_owned()));
    }
    attributes
}

/// Reads message headers, whose names NATS leaves as they are.
struct HeaderExtractor<'a>(&'a HeaderMap);

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(async_nats::HeaderValue::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_ref()).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let values: Vec<_> = self.0.get_all(key).map(async_nats::HeaderValue::as_str).collect();
        (!values.is_empty()).then_some(values)
    }
}

struct HeaderInjector<'a>(&'a mut HeaderMap);

impl Injector for HeaderInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key, value);
    }
}
