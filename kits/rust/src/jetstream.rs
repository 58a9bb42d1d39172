//! NATS JetStream: publish until stored, process and tell the stream what came of it.
//!
//! ```no_run
//! use throughline::jetstream::JetStream;
//! use throughline::nats::Consume;
//! # async fn example(kit: throughline::Kit, connection: async_nats::Client) -> Result<(), Box<dyn std::error::Error>> {
//! # let messages: Vec<async_nats::jetstream::Message> = Vec::new();
//! let stream = JetStream::new(&kit, async_nats::jetstream::new(connection)).server("nats://127.0.0.1:4222");
//! stream.publish("orders.created", "{}".into()).await?;
//! for message in messages {
//!     let work = async { Ok::<_, std::fmt::Error>(()) };
//!     let _ = stream.process(&message, &Consume::child().queue("mail"), work).await; // acknowledged
//! }
//! # Ok(())
//! # }
//! ```

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, resume_unwind};

use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{AckKind, Context, Message};
use bytes::Bytes;
use futures_util::FutureExt as _;
use opentelemetry::trace::FutureExt as _;

use crate::kit::Kit;
use crate::messaging::{Consume, Destination, Messaging, ProcessError};
use crate::nats::{Outgoing, message_id, messaging, producers, remote, server_of};
use crate::task::outcome_of;

/// Streams whose messages are traced. Clone it freely.
#[derive(Clone)]
pub struct JetStream {
    messaging: Messaging,
    context: Context,
}

impl std::fmt::Debug for JetStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JetStream").field("server", &self.messaging.server).finish_non_exhaustive()
    }
}

impl JetStream {
    /// Traces what is published and processed through this value. The context stays usable beside it.
    #[must_use]
    pub fn new(kit: &Kit, context: Context) -> Self {
        JetStream { messaging: messaging(kit), context }
    }

    /// The server's URL or `host:port`, for `server.address` and `server.port`.
    #[must_use]
    pub fn server(mut self, url: &str) -> Self {
        self.messaging.server = server_of(url);
        self
    }

    /// Publishes a message under a PRODUCER span that ends when the stream has stored it.
    ///
    /// # Errors
    /// As `async_nats::jetstream::Context::publish_with_headers`, and those of the acknowledgement.
    pub async fn publish(&self, subject: &str, payload: Bytes) -> Result<PublishAck, PublishError> {
        self.publish_message(Outgoing::new(subject, payload)).await
    }

    /// Like [`publish`](JetStream::publish), with headers or a template.
    ///
    /// # Errors
    /// As [`publish`](JetStream::publish).
    pub async fn publish_message(&self, mut message: Outgoing) -> Result<PublishAck, PublishError> {
        let operation = message.send(&self.messaging);
        let Outgoing { subject, headers, payload, .. } = message;
        let stored = async { self.context.publish_with_headers(subject, headers, payload).await?.await };
        let result = stored.with_context(operation.context().clone()).await;
        self.messaging.sent(operation, outcome_of(&result));
        result
    }

    /// Processes one message under a CONSUMER span and then tells the stream: ack when the work succeeds, nak when it fails or panics,
    /// so that the message is delivered again. Telling is a CLIENT span of its own inside.
    ///
    /// # Errors
    /// [`ProcessError`] with what the work returned, with the text of its panic, or why the stream could not be told.
    pub async fn process<T, E: Display>(
        &self,
        message: &Message,
        consume: &Consume,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ProcessError<E>> {
        self.process_unless(message, consume, |_| false, work).await
    }

    /// Like [`process`](JetStream::process); a message whose error is `poison` would fail every time: it is terminated, not delivered
    /// again.
    ///
    /// # Errors
    /// As [`process`](JetStream::process).
    pub async fn process_unless<T, E: Display>(
        &self,
        message: &Message,
        consume: &Consume,
        poison: impl Fn(&E) -> bool,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ProcessError<E>> {
        let from = Destination::of(&message.subject, consume);
        let headers = message.headers.as_ref();
        let own = message_id(headers).into_iter().collect();
        let one = self.messaging.one(from, own, remote(&self.messaging.core, headers), consume);
        let settled = self.settled(from, std::slice::from_ref(message), poison, work);
        self.messaging.process(one, settled).await
    }

    /// Processes messages together under one CONSUMER span with a link to the producer of each, and then tells the stream the same of
    /// all of them, as [`process`](JetStream::process) does of one.
    ///
    /// # Errors
    /// As [`process`](JetStream::process).
    pub async fn process_batch<T, E: Display>(
        &self,
        subject: &str,
        messages: &[Message],
        consume: &Consume,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ProcessError<E>> {
        let from = Destination::of(subject, consume);
        let producers = producers(&self.messaging.core, messages.iter().map(|message| message.headers.as_ref()));
        let batch = self.messaging.batch(from, &producers, messages.len());
        self.messaging.process(batch, self.settled(from, messages, |_| false, work)).await
    }

    /// Runs work and tells the stream what came of it, a panic too, which then goes on.
    async fn settled<T, E: Display>(
        &self,
        from: Destination<'_>,
        messages: &[Message],
        poison: impl Fn(&E) -> bool,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ProcessError<E>> {
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(output)) => match self.tell(from, messages, "ack", AckKind::Ack).await {
                Ok(()) => Ok(output),
                Err(error) => Err(ProcessError::Unsettled(error.to_string())),
            },
            // The work's own error says more than that the stream could not be told; the span of telling has that one.
            Ok(Err(error)) => {
                let (name, kind) = if poison(&error) { ("term", AckKind::Term) } else { ("nak", AckKind::Nak(None)) };
                let _ = self.tell(from, messages, name, kind).await;
                Err(ProcessError::Failed(error))
            }
            Err(panic) => {
                let _ = self.tell(from, messages, "nak", AckKind::Nak(None)).await;
                resume_unwind(panic)
            }
        }
    }

    async fn tell(
        &self,
        from: Destination<'_>,
        messages: &[Message],
        name: &'static str,
        kind: AckKind,
    ) -> Result<(), async_nats::Error> {
        let operation = self.messaging.settle(from, name, messages.len());
        let mut result = Ok(());
        for message in messages {
            if let Err(error) = message.ack_with(kind).await {
                result = Err(error);
            }
        }
        operation.end(outcome_of(&result));
        result
    }
}
