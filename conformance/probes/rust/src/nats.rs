//! NATS: messages through a real server.

use std::fmt::Error;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use throughline::nats::{Client, Consume, Outgoing};

use crate::{PATIENCE, Scene};

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let url = &scene.backends["nats"];
    let connection = async_nats::connect(url).await.unwrap();
    let mut inbox = connection.subscribe("orders.created").await.unwrap();
    connection.flush().await.unwrap();
    let client = Client::new(&scene.kit, connection).server(url);
    let fine = async { Ok::<_, Error>(()) };
    let child = Consume::child();
    match scenario {
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
        "nats-batch-error" => {
            let batch = [send(&client, &mut inbox).await];
            let work = async { Err::<(), _>("no stock") };
            client.process_batch("orders.created", &batch, &child, work).await.unwrap_err();
        }
        "nats-left" => {
            let message = send(&client, &mut inbox).await;
            let work = std::future::pending::<Result<(), Error>>();
            tokio::time::timeout(Duration::from_millis(10), client.process(&message, &child, work)).await.unwrap_err();
        }
        "nats-without-producer" => {
            client.connection().publish("orders.created", "{}".into()).await.unwrap();
            let message = next(&mut inbox).await;
            scene.kit.span("loop").run(async { client.process(&message, &child, fine).await }).await.unwrap();
        }
        _ => return false,
    }
    true
}

async fn send(client: &Client, inbox: &mut Subscriber) -> Message {
    let message = Outgoing::new("orders.created", "{}".into()).header("Nats-Msg-Id", "o-17");
    client.publish_message(message).await.unwrap();
    next(inbox).await
}

pub(crate) async fn next(inbox: &mut Subscriber) -> Message {
    tokio::time::timeout(PATIENCE, inbox.next()).await.unwrap().unwrap()
}
