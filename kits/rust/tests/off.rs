//! Without the feature `telemetry` the hooks are what they wrap. Run with `cargo test --no-default-features --test off`.
#![cfg(not(feature = "telemetry"))]
#![allow(missing_docs, clippy::unwrap_used)]

use std::any::type_name_of_val;
use std::fs;
use std::time::Duration;

use opentelemetry::KeyValue;
use throughline::{Config, Kit};
use tower::Layer;

use throughline::opentelemetry;

fn kit() -> Kit {
    throughline::init(Config::builder("orders").build()).unwrap()
}

#[derive(Debug, Clone, PartialEq)]
struct Service(u64);

#[test]
fn a_kit_starts_nothing() {
    let threads = || fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let before = threads();
    let kit = kit();
    assert!(!kit.is_enabled() && !kit.switch("own").is_on());
    assert_eq!(threads(), before);
    kit.shutdown(Duration::from_secs(1)).unwrap();
}

#[test]
fn a_span_around_a_future_is_the_future() {
    let kit = kit();
    let name = type_name_of_val(&work());
    let observed = kit.span("price").attribute(KeyValue::new("a", 1)).observe(work());
    assert_eq!((type_name_of_val(&observed), size_of_val(&observed)), (name, size_of_val(&work())));
    assert_eq!(size_of_val(&kit.span("price")), 0);
    let ran = kit.span("price").run(fallible());
    assert_eq!((type_name_of_val(&ran), size_of_val(&ran)), (type_name_of_val(&fallible()), size_of_val(&fallible())));
}

async fn work() -> u64 {
    tokio::task::yield_now().await;
    1
}

async fn fallible() -> Result<u64, std::fmt::Error> {
    tokio::task::yield_now().await;
    Ok(1)
}

#[test]
fn a_layered_service_is_the_service() {
    let kit = kit();
    let (http, any) = (kit.http_layer().public(), kit.http_layer().any_body());
    let (server, client) = (kit.grpc_server_layer(), kit.grpc_client_layer("pricing:9092"));
    assert_eq!([size_of_val(&http), size_of_val(&any), size_of_val(&server), size_of_val(&client)], [0; 4]);
    // The types are the same, or this would not compile.
    let layered: [Service; 4] =
        [http.layer(Service(1)), any.layer(Service(1)), server.layer(Service(1)), client.layer(Service(1))];
    assert_eq!(layered, [const { Service(1) }; 4]);
}

#[tokio::test]
async fn tasks_run_and_are_waited_for() {
    let kit = kit();
    assert_eq!(kit.spawn("a", work()).await.unwrap(), 1);
    assert_eq!(kit.try_spawn("b", fallible()).await.unwrap(), Ok(1));
    assert_eq!(kit.spawn_blocking("c", || 1).await.unwrap(), 1);
    let detached = kit.detach("d", tokio::time::sleep(Duration::from_millis(20)));
    assert!(kit.drain(Duration::from_secs(10)).await);
    assert!(detached.is_finished());
}
