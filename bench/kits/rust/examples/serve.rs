//! A small service on the Rust kit, for the outage benchmark: a request is an HTTP span, a span within it, a log line, and some work.
//! bench/kits/go/serve is the same on the Go kit. It prints `ready URL`; at its end, on SIGTERM, the books are in the file BOOKS names.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use opentelemetry::KeyValue;
use throughline::{Config, Kit, SignalStats};

const WORK_BYTES: usize = 64 << 10;
const NOTE_BYTES: usize = 512;

struct Shop {
    kit: Kit,
    work: Vec<u8>,
    note: String,
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let kit = throughline::init(Config::builder("serve").log_writer(std::io::sink()).build()).unwrap();
    kit.install_logs();
    let terminated = kit.terminated();
    let shop = Shop { kit: kit.clone(), work: vec![0; WORK_BYTES], note: "x".repeat(NOTE_BYTES) };
    let app = Router::new().route("/orders/{id}", get(find)).layer(kit.http_layer()).with_state(Arc::new(shop));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("ready http://{}", listener.local_addr().unwrap());
    tokio::select! {
        served = axum::serve(listener, app) => served.unwrap(),
        () = terminated => {}
    }
    let stopped = kit.clone();
    let _ = tokio::task::spawn_blocking(move || stopped.shutdown(Duration::from_secs(5))).await;
    let stats = kit.stats();
    let content = format!(r#"{{"spans":{},"logs":{}}}"#, books(&stats.spans), books(&stats.logs));
    std::fs::write(std::env::var("BOOKS").unwrap(), content).unwrap();
}

async fn find(State(shop): State<Arc<Shop>>) -> String {
    let span = shop.kit.span("find order").attribute(KeyValue::new("note", shop.note.clone()));
    span.observe(async {
        let hash = black_box(&shop.work)
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        tracing::info!(hash = hash >> 1, "order found");
        format!("{hash:x}\n")
    })
    .await
}

/// Created, exported, dropped, queued.
fn books(stats: &SignalStats) -> String {
    format!("[{},{},{},{}]", stats.created, stats.exported, stats.dropped.total(), stats.queued)
}
