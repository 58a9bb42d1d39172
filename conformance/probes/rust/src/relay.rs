//! What comes from the caller goes on, in whatever state the kit is: its trace and its baggage.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Error;

use async_nats::HeaderMap;
use axum::Router;
use axum::routing::any;
use rskafka::client::ClientBuilder;
use rskafka::client::partition::UnknownTopicHandling;
use throughline::kafka::{Client as Kafka, Record as Received};
use throughline::nats::{Client as Nats, Consume};
use throughline::opentelemetry::Context;
use throughline::opentelemetry::propagation::TextMapPropagator;
use throughline::opentelemetry::trace::FutureExt;
use throughline::{Origin, Propagator};
use tokio::sync::mpsc;

use crate::{Scene, grpc, http, jetstream, kafka, nats};

type Headers = HashMap<String, String>;

const FROM_CALLER: [(&str, &str); 2] =
    [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("baggage", "tenant=acme")];

fn called() -> Context {
    let headers: Headers = FROM_CALLER.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Propagator::new().extract_with_context(&Context::new(), &headers)
}

/// What a call made now would carry.
fn inside() -> Headers {
    let mut headers = Headers::new();
    Propagator::new().inject_context(&Context::current(), &mut headers);
    headers
}

fn relayed(headers: &Headers) {
    let traceparent = headers.get("traceparent").map_or("", String::as_str);
    let follows = traceparent.starts_with("00-0af7651916cd43dd8448eb211c80319c-");
    assert!(follows, "the caller's trace is lost: {traceparent:?}");
    relayed_baggage(headers);
}

fn relayed_baggage(headers: &Headers) {
    assert_eq!(headers.get("baggage").map(String::as_str), Some("tenant=acme"), "the caller's baggage is lost");
}

async fn checked() -> Result<(), Error> {
    relayed(&inside());
    Ok(())
}

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let kit = &scene.kit;
    match scenario {
        "relay-http-client" => http_client(scene).await,
        "relay-http-server" => http_server(scene).await,
        "relay-grpc-client" | "relay-grpc-server" => grpc_call(scenario, scene).await,
        "relay-nats" => message(scene).await,
        "relay-jetstream" => stored(scene).await,
        "relay-kafka" => record(scene).await,
        "relay-spawn" => {
            async { kit.try_spawn("send mail", checked()).await }.with_context(called()).await.unwrap().unwrap()
        }
        "relay-detach" => {
            let task = async {
                kit.try_detach("audit", async {
                    relayed_baggage(&inside());
                    Ok::<_, Error>(())
                })
                .await
            };
            task.with_context(called()).await.unwrap().unwrap();
        }
        "relay-job" => {
            let origin = async { Origin::current() }.with_context(called()).await;
            kit.work(&origin, "resize", checked()).await.unwrap();
        }
        _ => return false,
    }
    true
}

async fn http_client(scene: &Scene) {
    let (seen, mut headers) = mpsc::unbounded_channel();
    let handler = move |map: axum::http::HeaderMap| async move {
        let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap_or_default().to_owned())
        };
        seen.send(map.iter().map(text).collect::<Headers>()).unwrap();
    };
    let url = http::serve(Router::new().route("/", any(handler))).await;
    http::call(scene, url, 20_000).with_context(called()).await;
    relayed(&headers.recv().await.unwrap());
}

async fn http_server(scene: &Scene) {
    let (seen, mut headers) = mpsc::unbounded_channel();
    let handler = move || async move { seen.send(inside()).unwrap() };
    let app = Router::new().route("/orders/{id}", any(handler)).layer(scene.kit.http_layer());
    http::request_with(http::serve(app).await, "GET", "/orders/17", &FROM_CALLER).await;
    relayed(&headers.recv().await.unwrap());
}

async fn grpc_call(scenario: &str, scene: &Scene) {
    let (seen, mut headers) = mpsc::unbounded_channel();
    if scenario == "relay-grpc-client" {
        let health = grpc::Health::told(move |metadata| {
            let text = |name: &str| Some((name.to_owned(), metadata.get(name)?.to_str().ok()?.to_owned()));
            seen.send(["traceparent", "baggage"].into_iter().filter_map(text).collect::<Headers>()).unwrap();
        });
        let address = grpc::serve_plainly(health).await;
        grpc::unary(scene, &address, "").with_context(called()).await;
    } else {
        let address = grpc::serve(scene, grpc::Health::told(move |_| seen.send(inside()).unwrap())).await;
        let mut request = grpc::ask("");
        for (name, value) in FROM_CALLER {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        grpc::plain_unary(&address, request).await;
    }
    relayed(&headers.recv().await.unwrap());
}

fn headers_of(headers: Option<&HeaderMap>) -> Headers {
    let text = |name: &str| Some((name.to_owned(), headers?.get(name)?.to_string()));
    ["traceparent", "baggage"].into_iter().filter_map(text).collect()
}

async fn message(scene: &Scene) {
    let url = &scene.backends["nats"];
    let connection = async_nats::connect(url).await.unwrap();
    let mut inbox = connection.subscribe("orders.created").await.unwrap();
    connection.flush().await.unwrap();
    let client = Nats::new(&scene.kit, connection).server(url);
    client.publish("orders.created", "{}".into()).with_context(called()).await.unwrap();
    let received = nats::next(&mut inbox).await;
    relayed(&headers_of(received.headers.as_ref()));
    client.process(&received, &Consume::child(), checked()).await.unwrap();
}

async fn stored(scene: &Scene) {
    let (stream, mail) = jetstream::stored(scene).await;
    stream.publish("stored.created", "{}".into()).with_context(called()).await.unwrap();
    let received = jetstream::take(&mail).await;
    relayed(&headers_of(received.headers.as_ref()));
    stream.process(&received, &Consume::child(), checked()).await.unwrap();
}

async fn record(scene: &Scene) {
    let broker = ClientBuilder::new(vec![scene.backends["kafka"].clone()]).build().await.unwrap();
    let orders = broker.partition_client("orders", 0, UnknownTopicHandling::Error).await.unwrap();
    let client = Kafka::new(&scene.kit);
    let received = kafka::sent(&client, &orders).with_context(called()).await;
    let headers: &BTreeMap<String, Vec<u8>> = &received.record.headers;
    relayed(&headers.iter().map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned())).collect());
    client.process(&Received::of(&orders, &received), &Consume::child(), checked()).await.unwrap();
}
