//! Kafka: records through a broker.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::time::Duration;

use rskafka::chrono::DateTime;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::record::{Record, RecordAndOffset};
use throughline::kafka::{Client, Consume, Position, Record as Received};

use crate::Scene;

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let broker = ClientBuilder::new(vec![scene.backends["kafka"].clone()]).build().await.unwrap();
    let orders = broker.partition_client("orders", 0, UnknownTopicHandling::Error).await.unwrap();
    let kafka = Client::new(&scene.kit);
    let fine = async { Ok::<_, Error>(()) };
    let child = Consume::child();
    match scenario {
        "kafka-child" => {
            let record = sent(&kafka, &orders).await;
            kafka.process(&Received::of(&orders, &record), &child.queue("mail"), fine).await.unwrap();
        }
        "kafka-linked" => {
            let record = sent(&kafka, &orders).await;
            kafka.process(&Received::of(&orders, &record), &Consume::linked(), fine).await.unwrap();
        }
        "kafka-handler-error" => {
            let record = sent(&kafka, &orders).await;
            let work = async { Err::<(), _>("no stock") };
            kafka.process(&Received::of(&orders, &record), &child, work).await.unwrap_err();
        }
        "kafka-handler-panic" => {
            let record = sent(&kafka, &orders).await;
            let work = async { panic!("deliberate") as Result<(), Error> };
            kafka.process(&Received::of(&orders, &record), &child, work).await.unwrap_err();
        }
        "kafka-batch" => {
            let first = produce(&kafka, &orders, 2).await;
            let (records, _) = kafka.fetch(&orders, first, 1..1_000_000, 20_000).await.unwrap();
            let seen: Vec<_> = records.iter().map(|record| Received::of(&orders, record)).collect();
            kafka.process_batch("orders", &seen, &child, fine).await.unwrap();
        }
        "kafka-batch-panic" => {
            let record = sent(&kafka, &orders).await;
            let work = async { panic!("deliberate") as Result<(), Error> };
            kafka.process_batch("orders", &[Received::of(&orders, &record)], &child, work).await.unwrap_err();
        }
        "kafka-left" => {
            let record = sent(&kafka, &orders).await;
            let received = Received::of(&orders, &record);
            let work = kafka.process(&received, &child, std::future::pending::<Result<(), Error>>());
            tokio::time::timeout(Duration::from_millis(10), work).await.unwrap_err();
        }
        "kafka-refused" => {
            let lost = kafka.send("nowhere", |headers| async {
                let nowhere = broker.partition_client("nowhere", 0, UnknownTopicHandling::Error).await?;
                let offsets = nowhere.produce(vec![record(headers)], Compression::NoCompression).await?;
                Ok::<_, rskafka::client::error::Error>(Position { partition: 0, offset: offsets[0] })
            });
            lost.await.unwrap_err();
        }
        "kafka-without-producer" => {
            let plain = Received::new("orders", 0, 0, []);
            scene.kit.span("loop").run(kafka.process(&plain, &child, fine)).await.unwrap();
        }
        _ => return false,
    }
    true
}

fn record(headers: BTreeMap<String, Vec<u8>>) -> Record {
    Record {
        key: Some(b"ada".to_vec()),
        value: Some(b"{}".to_vec()),
        headers,
        timestamp: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    }
}

/// Sends records with telemetry and returns the offset of the first.
async fn produce(kafka: &Client, orders: &PartitionClient, count: usize) -> i64 {
    let records = vec![record(BTreeMap::new()); count];
    kafka.produce(orders, records, Compression::NoCompression).await.unwrap()[0]
}

pub(crate) async fn sent(kafka: &Client, orders: &PartitionClient) -> RecordAndOffset {
    let offset = produce(kafka, orders, 1).await;
    orders.fetch_records(offset, 1..1_000_000, 20_000).await.unwrap().0.remove(0)
}
