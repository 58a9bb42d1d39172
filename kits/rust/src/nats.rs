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
use std::sync::Arc;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures_util::TryFutureExt;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{FutureExt as _, SpanContext, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use crate::core::{Core, Point};
use crate::http_names::split_host;
use crate::kit::Kit;
pub use crate::messaging::{Consume, ProcessError};
use crate::messaging::{Destination, Messaging};
use crate::names;
use crate::operation::Operation;
use crate::task::outcome_of;

const MESSAGE_ID: &str = "Nats-Msg-Id";

/// A NATS connection whose messages are traced. Clone it freely.
#[derive(Clone)]
pub struct Client {
    messaging: Messaging,
    connection: async_nats::Client,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", &self.messaging.server).finish_non_exhaustive()
    }
}

/// A message to publish.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub(crate) subject: String,
    template: Option<Cow<'static, str>>,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
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

    /// Starts its span and puts the trace context into its headers.
    pub(crate) fn send(&mut self, messaging: &Messaging) -> Operation {
        let to = Destination { name: &self.subject, template: self.template.as_deref(), group: None };
        let own = message_id(Some(&self.headers)).into_iter().collect();
        messaging.send(to, own, &mut HeaderInjector(&mut self.headers))
    }
}

impl Client {
    /// Traces what is published and processed through this value. The connection stays usable beside it.
    #[must_use]
    pub fn new(kit: &Kit, connection: async_nats::Client) -> Self {
        Client { messaging: messaging(kit), connection }
    }

    /// The server's URL or `host:port`, for `server.address` and `server.port`.
    #[must_use]
    pub fn server(mut self, url: &str) -> Self {
        self.messaging.server = server_of(url);
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
    pub async fn publish_message(&self, mut message: Outgoing) -> Result<(), async_nats::PublishError> {
        let operation = message.send(&self.messaging);
        let Outgoing { subject, headers, payload, .. } = message;
        let result = self.connection.publish_with_headers(subject, headers, payload);
        let result = result.with_context(operation.context().clone()).await;
        self.messaging.sent(operation, outcome_of(&result));
        result
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
        let headers = message.headers.as_ref();
        let own = message_id(headers).into_iter().collect();
        let remote = remote(&self.messaging.core, headers);
        let one = self.messaging.one(Destination::of(&message.subject, consume), own, remote, consume);
        self.messaging.process(one, work.map_err(ProcessError::Failed)).await
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
        let producers = producers(&self.messaging.core, messages.iter().map(|message| message.headers.as_ref()));
        let batch = self.messaging.batch(Destination::of(subject, consume), &producers, messages.len());
        self.messaging.process(batch, work.map_err(ProcessError::Failed)).await
    }
}

pub(crate) fn messaging(kit: &Kit) -> Messaging {
    Messaging { core: Arc::clone(kit.core()), point: Point::Nats, system: "nats", server: Arc::new([]) }
}

pub(crate) fn server_of(url: &str) -> Arc<[KeyValue]> {
    let host = url.split_once("://").map_or(url, |(_, host)| host);
    split_host(host, Some(4222)).into()
}

pub(crate) fn remote(core: &Core, headers: Option<&HeaderMap>) -> Context {
    match headers {
        Some(headers) => core.extract(&HeaderExtractor(headers)),
        None => Context::new(),
    }
}

pub(crate) fn producers<'a>(core: &Core, headers: impl Iterator<Item = Option<&'a HeaderMap>>) -> Vec<SpanContext> {
    headers.map(|headers| remote(core, headers).span().span_context().clone()).collect()
}

/// For the span alone.
pub(crate) fn message_id(headers: Option<&HeaderMap>) -> Option<KeyValue> {
    let id = headers.and_then(|headers| headers.get(MESSAGE_ID))?;
    Some(KeyValue::new(names::MESSAGING_MESSAGE_ID, id.as_str().to_owned()))
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
