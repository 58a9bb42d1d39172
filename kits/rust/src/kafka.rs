//! Kafka: produce, fetch, process. With [rskafka] directly; other clients bring their headers themselves, see
//! [`Client::send`] and [`Record`].
//!
//! ```no_run
//! use rskafka::client::partition::{Compression, PartitionClient};
//! use throughline::kafka::{Client, Consume, Record};
//! # async fn example(kit: throughline::Kit, orders: PartitionClient, record: rskafka::record::Record)
//! # -> Result<(), rskafka::client::error::Error> {
//! let kafka = Client::new(&kit);
//! kafka.produce(&orders, vec![record], Compression::NoCompression).await?;
//!
//! let (records, _) = kafka.fetch(&orders, 0, 1..1_000_000, 1_000).await?;
//! for record in &records {
//!     let work = async { Ok::<_, std::fmt::Error>(()) };
//!     let _ = kafka.process(&Record::of(&orders, record), &Consume::child().queue("mail"), work).await;
//! }
//! # Ok(())
//! # }
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use futures_util::TryFutureExt;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{FutureExt as _, SpanContext, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use rskafka::client::error::Error;
use rskafka::client::partition::{Compression, PartitionClient};
use rskafka::record::RecordAndOffset;

use crate::core::Point;
use crate::kit::Kit;
pub use crate::messaging::{Consume, ProcessError};
use crate::messaging::{Destination, Messaging, Started};
use crate::names;
use crate::operation::{Operation, Outcome, error_type, transport_error};

/// Kafka whose records are traced. Clone it freely.
#[derive(Clone)]
pub struct Client {
    messaging: Messaging,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("kafka::Client")
    }
}

/// A record that was fetched, whatever the client.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    headers: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Record<'a> {
    /// A record of any client.
    pub fn new(
        topic: &'a str,
        partition: i32,
        offset: i64,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let headers = headers.into_iter().map(|(key, value)| (key, String::from_utf8_lossy(value))).collect();
        Record { topic, partition, offset, headers }
    }

    /// A record of rskafka.
    #[must_use]
    pub fn of(from: &'a PartitionClient, record: &'a RecordAndOffset) -> Self {
        let headers = record.record.headers.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
        Record::new(from.topic(), from.partition(), record.offset, headers)
    }
}

/// Where a record came to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}

impl Client {
    /// Traces what is produced and processed through this value.
    #[must_use]
    pub fn new(kit: &Kit) -> Self {
        let core = Arc::clone(kit.core());
        Client { messaging: Messaging { core, point: Point::Kafka, system: "kafka", server: Arc::new([]) } }
    }

    /// Produces records, each under a PRODUCER span of its own, and returns their offsets.
    ///
    /// # Errors
    /// As `PartitionClient::produce`.
    pub async fn produce(
        &self,
        to: &PartitionClient,
        mut records: Vec<rskafka::record::Record>,
        compression: Compression,
    ) -> Result<Vec<i64>, Error> {
        let start = |record: &mut rskafka::record::Record| self.start(to.topic(), &mut Headers(&mut record.headers));
        let operations: Vec<_> = records.iter_mut().map(start).collect();
        let result = to.produce(records, compression).await;
        for (at, operation) in operations.into_iter().enumerate() {
            if let Some(offset) = result.as_ref().ok().and_then(|offsets| offsets.get(at).copied()) {
                set(&operation, Position { partition: to.partition(), offset });
            }
            self.messaging.sent(operation, outcome_of(&result));
        }
        result
    }

    /// Produces one record with any client, under a PRODUCER span: `produce` is given the headers to add, and says where the record
    /// came to lie.
    ///
    /// # Errors
    /// What `produce` returns.
    pub async fn send<F, E>(
        &self,
        topic: &str,
        produce: impl FnOnce(BTreeMap<String, Vec<u8>>) -> F,
    ) -> Result<Position, E>
    where
        F: Future<Output = Result<Position, E>>,
        E: StdError + 'static,
    {
        let mut headers = BTreeMap::new();
        let operation = self.start(topic, &mut Headers(&mut headers));
        let result = produce(headers).with_context(operation.context().clone()).await;
        if let Ok(position) = &result {
            set(&operation, *position);
        }
        self.messaging.sent(operation, outcome_of(&result));
        result
    }

    fn start(&self, topic: &str, headers: &mut Headers) -> Operation {
        self.messaging.send(Destination { name: topic, template: None, group: None }, Vec::new(), headers)
    }

    /// Fetches records as `PartitionClient::fetch_records` does. What it brings has a CLIENT span, linked to the producers.
    ///
    /// # Errors
    /// As `PartitionClient::fetch_records`.
    pub async fn fetch(
        &self,
        from: &PartitionClient,
        offset: i64,
        bytes: Range<i32>,
        wait_max_ms: i32,
    ) -> Result<(Vec<RecordAndOffset>, i64), Error> {
        let started = Started::now();
        let result = from.fetch_records(offset, bytes, wait_max_ms).await;
        if let Ok((records, _)) = &result
            && !records.is_empty()
        {
            let seen: Vec<_> = records.iter().map(|record| Record::of(from, record)).collect();
            let topic = Destination { name: from.topic(), template: None, group: None };
            self.messaging.received(topic, started, &self.producers(&seen), records.len());
        }
        result
    }

    /// Processes one record under a CONSUMER span. Panics are contained, so the next record can follow.
    ///
    /// # Errors
    /// [`ProcessError`] with what the work returned, or with the text of its panic.
    pub async fn process<T, E: Display>(
        &self,
        record: &Record<'_>,
        consume: &Consume,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ProcessError<E>> {
        let own = position(Position { partition: record.partition, offset: record.offset }).to_vec();
        let one = self.messaging.one(Destination::of(record.topic, consume), own, self.remote(record), consume);
        self.messaging.process(one, work.map_err(ProcessError::Failed)).await
    }

    /// Processes records together under one CONSUMER span: the root of a new trace, or a child of the active span if there is one, with
    /// a link to the producer of each record.
    ///
    /// # Errors
    /// [`ProcessError`] with what the work returned, or with the text of its panic.
    pub async fn process_batch<T, E: Display>(
        &self,
        topic: &str,
        records: &[Record<'_>],
        consume: &Consume,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ProcessError<E>> {
        let producers = self.producers(records);
        let batch = self.messaging.batch(Destination::of(topic, consume), &producers, records.len());
        self.messaging.process(batch, work.map_err(ProcessError::Failed)).await
    }

    fn remote(&self, record: &Record<'_>) -> Context {
        self.messaging.core.extract(record)
    }

    fn producers(&self, records: &[Record<'_>]) -> Vec<SpanContext> {
        records.iter().map(|record| self.remote(record).span().span_context().clone()).collect()
    }
}

/// Where a record lies. Its key stays out: it may be anybody's name.
fn position(at: Position) -> [KeyValue; 2] {
    [
        KeyValue::new(names::MESSAGING_PARTITION, at.partition.to_string()),
        KeyValue::new(names::MESSAGING_KAFKA_OFFSET, at.offset),
    ]
}

fn set(operation: &Operation, at: Position) {
    for KeyValue { key, value, .. } in position(at) {
        operation.set(key, value);
    }
}

/// A broker's error has the name the protocol has for it.
fn outcome_of<T, E: StdError + 'static>(result: &Result<T, E>) -> Outcome {
    let Err(error) = result else {
        return Outcome::Success;
    };
    if let Some(Error::ServerError { protocol_error, .. }) = (error as &dyn std::any::Any).downcast_ref() {
        let name = shouted(&format!("{protocol_error:?}"));
        return Outcome::Failure { description: name.clone(), kind: name.into() };
    }
    let kind = transport_error(error).unwrap_or_else(error_type::<E>);
    Outcome::Failure { kind: kind.into(), description: error.to_string() }
}

/// `UnknownTopicOrPartition` as Kafka writes it, `UNKNOWN_TOPIC_OR_PARTITION`.
fn shouted(camel: &str) -> String {
    let mut name = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

impl Extractor for Record<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_ref())
    }

    fn keys(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| *name).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let found = self.headers.iter().filter(|(name, _)| *name == key);
        let values: Vec<_> = found.map(|(_, value)| value.as_ref()).collect();
        (!values.is_empty()).then_some(values)
    }
}

struct Headers<'a>(&'a mut BTreeMap<String, Vec<u8>>);

impl Injector for Headers<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value.into_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_named_as_the_protocol_names_them() {
        assert_eq!(shouted("UnknownTopicOrPartition"), "UNKNOWN_TOPIC_OR_PARTITION");
        assert_eq!(shouted("NotLeaderOrFollower"), "NOT_LEADER_OR_FOLLOWER");
    }
}
