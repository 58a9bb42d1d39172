//! NATS, against a fake server that speaks enough of the protocol to pass messages on.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt};
use support::{Bench, attribute, attributes, is_child, is_root, status};
use throughline::nats::{Client, Consume, Outgoing, ProcessError};
use throughline::opentelemetry;

async fn start(bench: &Bench) -> (Client, Subscriber) {
    let address = support::fake_nats::serve().await;
    let connection = async_nats::connect(&address).await.unwrap();
    let inbox = connection.subscribe("orders.created").await.unwrap();
    connection.flush().await.unwrap();
    (Client::new(&bench.kit, connection).server(&format!("nats://{address}")), inbox)
}

async fn send(client: &Client, inbox: &mut Subscriber, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    for _ in 0..count {
        client.publish("orders.created", "{}".into()).await.unwrap();
        messages.push(inbox.next().await.unwrap());
    }
    messages
}

#[tokio::test]
async fn a_message_is_processed_in_its_producers_trace() {
    let bench = Bench::new();
    let (client, mut inbox) = start(&bench).await;
    let message = Outgoing::new("orders.created", "{}".into()).header("Nats-Msg-Id", "o-17").header("x", "kept");
    client.publish_message(message).await.unwrap();
    let message = inbox.next().await.unwrap();
    assert_eq!(message.headers.as_ref().unwrap().get("x").unwrap().as_str(), "kept");
    let work = async { Ok::<_, std::fmt::Error>(Context::current().span().span_context().span_id()) };
    let seen = client.process(&message, &Consume::child().queue("mail"), work).await.unwrap();

    let sent = bench.span("send orders.created");
    let processed = bench.span("process orders.created");
    assert!(is_child(&processed, &sent));
    assert_eq!(seen, processed.span_context.span_id());
    assert_eq!((sent.span_kind.clone(), processed.span_kind.clone()), (SpanKind::Producer, SpanKind::Consumer));
    let port = attribute(&sent, "server.port").unwrap();
    let mut expected = vec![
        "messaging.destination.name=orders.created".to_owned(),
        "messaging.message.id=o-17".to_owned(),
        "messaging.operation.name=send".to_owned(),
        "messaging.operation.type=send".to_owned(),
        "messaging.system=nats".to_owned(),
        "server.address=127.0.0.1".to_owned(),
        format!("server.port={port}"),
    ];
    assert_eq!(attributes(&sent), expected);
    expected.insert(0, "messaging.consumer.group.name=mail".to_owned());
    expected[3] = "messaging.operation.name=process".to_owned();
    expected[4] = "messaging.operation.type=process".to_owned();
    assert_eq!(attributes(&processed), expected);
    assert_eq!(bench.point("messaging.client.sent.messages", &[]), Some(1.0));
    assert_eq!(bench.point("messaging.client.operation.duration", &[]), Some(1.0));
    assert_eq!(bench.point("messaging.client.consumed.messages", &[]), Some(1.0));
    assert_eq!(bench.point("messaging.process.duration", &[]), Some(1.0));
}

#[tokio::test]
async fn linked_messages_begin_traces_of_their_own() {
    let bench = Bench::new();
    let (client, mut inbox) = start(&bench).await;
    let message = send(&client, &mut inbox, 1).await.remove(0);
    let consume = Consume::linked().template("orders.{event}");
    client.process(&message, &consume, async { Ok::<_, std::fmt::Error>(()) }).await.unwrap();
    let processed = bench.span("process orders.{event}");
    assert!(is_root(&processed));
    let links: Vec<_> = processed.links.iter().map(|link| link.span_context.span_id()).collect();
    assert_eq!(links, [bench.span("send orders.created").span_context.span_id()]);
    assert_eq!(attribute(&processed, "messaging.destination.template").as_deref(), Some("orders.{event}"));
    assert_eq!(attribute(&processed, "messaging.destination.name").as_deref(), Some("orders.created"));
}

#[tokio::test]
async fn a_batch_is_one_root_with_a_link_to_every_producer() {
    let bench = Bench::new();
    let (client, mut inbox) = start(&bench).await;
    let batch = send(&client, &mut inbox, 3).await;
    let work = async { Ok::<_, std::fmt::Error>(()) };
    client.process_batch("orders.created", &batch, &Consume::linked(), work).await.unwrap();
    let processed = bench.span("process orders.created");
    assert!(is_root(&processed));
    assert_eq!(attribute(&processed, "messaging.batch.message_count").as_deref(), Some("3"));
    let spans = bench.spans();
    let mut sent: Vec<_> = spans
        .iter()
        .filter(|span| span.span_kind == SpanKind::Producer)
        .map(|span| span.span_context.span_id())
        .collect();
    let mut links: Vec<_> = processed.links.iter().map(|link| link.span_context.span_id()).collect();
    sent.sort_by_key(|id| id.to_string());
    links.sort_by_key(|id| id.to_string());
    assert_eq!(links, sent);
    assert_eq!(bench.point("messaging.client.consumed.messages", &[]), Some(3.0));
}

#[tokio::test]
async fn failures_and_panics_are_contained() {
    let bench = Bench::new();
    let (client, mut inbox) = start(&bench).await;
    let message = send(&client, &mut inbox, 1).await.remove(0);
    let failing = async { Err::<(), _>("no stock") };
    let result = client.process(&message, &Consume::child().template("fails"), failing).await;
    assert_eq!(result, Err(ProcessError::Failed("no stock")));
    let panicking = async { if message.payload.len() == 2 { panic!("deliberate") } else { Err::<(), _>("never") } };
    let result = client.process(&message, &Consume::child().template("panics"), panicking).await;
    assert_eq!(result, Err(ProcessError::Panicked("deliberate".to_owned())));
    assert_eq!(status(&bench.span("process fails")), "error: no stock");
    let panicked = bench.span("process panics");
    assert_eq!(
        (status(&panicked).as_str(), attribute(&panicked, "error.type").as_deref()),
        ("error: panic: deliberate", Some("panic"))
    );
    let attributes = [("error.type", "panic"), ("messaging.destination.template", "panics")];
    assert_eq!(bench.point("messaging.client.consumed.messages", &attributes), Some(1.0));
}

#[tokio::test]
async fn a_message_without_headers_begins_a_trace() {
    let bench = Bench::new();
    let (client, mut inbox) = start(&bench).await;
    client.connection().publish("orders.created", "{}".into()).await.unwrap();
    let message = inbox.next().await.unwrap();
    client.process(&message, &Consume::child(), async { Ok::<_, std::fmt::Error>(()) }).await.unwrap();
    assert!(is_root(&bench.span("process orders.created")));
}
