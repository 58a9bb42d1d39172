//! NATS: messages through a fake server.

use std::fmt::Error;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use throughline::nats::{Client, Consume, Outgoing};

use crate::support::{Bench, fake_nats};

pub(crate) async fn produce(edge: &str, bench: &Bench) -> bool {
    let address = fake_nats::serve().await;
    let connection = async_nats::connect(&address).await.unwrap();
    let mut inbox = connection.subscribe("orders.created").await.unwrap();
    connection.flush().await.unwrap();
    let client = Client::new(&bench.kit, connection).server(&format!("nats://{address}"));
    let fine = async { Ok::<_, Error>(()) };
    let child = Consume::child();
    match edge {
        "nats-child" => {
            let message = send(&client, &mut inbox).await;
            client.process(&message, &child.queue("mail"), fine).await.unwrap();
        }
        "nats-linked" => {
            let message = send(&client, &mut inbox).await;
            client.process(&message, &Consume::linked().template("orders.{event}"), fine).await.unwrap();
        }
        "nats-handler-error" => {
            let message = send(&client, &mut inbox).await;
            client.process(&message, &child, async { Err::<(), _>("no stock") }).await.unwrap_err();
        }
        "nats-handler-panic" => {
            let message = send(&client, &mut inbox).await;
            client.process(&message, &child, async { panic!("deliberate") as Result<(), Error> }).await.unwrap_err();
        }
        "nats-batch" => {
            let batch = [send(&client, &mut inbox).await, send(&client, &mut inbox).await];
            client.process_batch("orders.created", &batch, &child, fine).await.unwrap();
        }
        "nats-without-producer" => {
            client.connection().publish("orders.created", "{}".into()).await.unwrap();
            let message = inbox.next().await.unwrap();
            bench.kit.span("loop").run(async { client.process(&message, &child, fine).await }).await.unwrap();
        }
        _ => return false,
    }
    true
}

async fn send(client: &Client, inbox: &mut Subscriber) -> Message {
    let message = Outgoing::new("orders.created", "{}".into()).header("Nats-Msg-Id", "o-17");
    client.publish_message(message).await.unwrap();
    inbox.next().await.unwrap()
}
