//! JetStream: messages through streams of a real server.

use std::fmt::Error;

use async_nats::jetstream::consumer::pull::Config as ConsumerConfig;
use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Message};
use futures_util::StreamExt;
use throughline::jetstream::JetStream;
use throughline::nats::Consume;

use crate::{PATIENCE, Scene};

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let (stream, mail) = stored(scene).await;
    let fine = async { Ok::<_, Error>(()) };
    let child = Consume::child();
    match scenario {
        "jetstream-ack" => {
            let message = send(&stream, &mail).await;
            stream.process(&message, &child.queue("mail"), fine).await.unwrap();
        }
        "jetstream-linked" => {
            let message = send(&stream, &mail).await;
            stream.process(&message, &Consume::linked().template("stored.{event}"), fine).await.unwrap();
        }
        "jetstream-nak" => {
            let message = send(&stream, &mail).await;
            stream.process(&message, &child, async { Err::<(), _>("no stock") }).await.unwrap_err();
        }
        "jetstream-term" => {
            let message = send(&stream, &mail).await;
            let work = async { Err::<(), _>("not JSON") };
            stream.process_unless(&message, &child, |_| true, work).await.unwrap_err();
        }
        "jetstream-panic" => {
            let message = send(&stream, &mail).await;
            stream.process(&message, &child, async { panic!("deliberate") as Result<(), Error> }).await.unwrap_err();
        }
        "jetstream-batch" => {
            let batch = [send(&stream, &mail).await, send(&stream, &mail).await];
            stream.process_batch("stored.created", &batch, &child, fine).await.unwrap();
        }
        "jetstream-batch-nak" => {
            let batch = [send(&stream, &mail).await];
            let work = async { Err::<(), _>("no stock") };
            stream.process_batch("stored.created", &batch, &child, work).await.unwrap_err();
        }
        "jetstream-redelivered" => {
            let message = send(&stream, &mail).await;
            stream.process(&message, &child, async { Err::<(), _>("no stock") }).await.unwrap_err();
            stream.process(&take(&mail).await, &child, fine).await.unwrap();
        }
        "jetstream-ack-fails" => {
            let message = told_to_nobody(send(&stream, &mail).await);
            stream.process(&message, &child, fine).await.unwrap_err();
        }
        "jetstream-nak-fails" => {
            let message = told_to_nobody(send(&stream, &mail).await);
            stream.process(&message, &child, async { Err::<(), _>("no stock") }).await.unwrap_err();
        }
        "jetstream-no-stream" => {
            stream.publish("nowhere", "{}".into()).await.unwrap_err();
        }
        _ => return false,
    }
    true
}

/// An empty stream, and its consumer.
pub(crate) async fn stored(scene: &Scene) -> (JetStream, Consumer<pull::Config>) {
    let url = &scene.backends["nats"];
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let _ = context.delete_stream("stored").await;
    let stored = Config {
        name: "stored".into(),
        subjects: vec!["stored.*".into()],
        storage: StorageType::Memory,
        ..Config::default()
    };
    let consumer = ConsumerConfig { durable_name: Some("mail".into()), ..ConsumerConfig::default() };
    let mail = context.create_stream(stored).await.unwrap().create_consumer(consumer).await.unwrap();
    (JetStream::new(&scene.kit, context).server(url), mail)
}

/// A message whose stream cannot be told what became of it.
fn told_to_nobody(mut message: Message) -> Message {
    message.message.reply = None;
    message
}

async fn send(stream: &JetStream, mail: &Consumer<pull::Config>) -> Message {
    stream.publish("stored.created", "{}".into()).await.unwrap();
    take(mail).await
}

pub(crate) async fn take(mail: &Consumer<pull::Config>) -> Message {
    let mut batch = mail.fetch().max_messages(1).expires(PATIENCE).messages().await.unwrap();
    tokio::time::timeout(PATIENCE, batch.next()).await.unwrap().unwrap().unwrap()
}
