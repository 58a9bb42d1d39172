//! Proves that this kit emits what `spec/scenarios/edges.json` expects of every kit: each behaviour is produced over real connections,
//! and all its spans, metrics and logs are compared. The Go kit has the same test. Databases alone are played: sqlx has no hooks, so a
//! query is a future like any other.
#![allow(missing_docs, clippy::unwrap_used)]

mod canonical;
mod grpc;
mod http;
mod nats;
mod sql;
#[path = "../support/mod.rs"]
mod support;
mod work;

use std::time::Duration;

use serde_json::Value;
use support::Bench;

/// Makes the behaviour of an edge happen, with the kit of the bench. False when the edge is not known.
async fn produce(edge: &str, bench: &Bench) -> bool {
    match edge.split('-').next() {
        Some("http") => http::produce(edge, bench).await,
        Some("grpc") => grpc::produce(edge, bench).await,
        Some("sql") => sql::produce(edge, bench).await,
        Some("nats") => nats::produce(edge, bench).await,
        Some("span" | "spawn" | "detach") => work::produce(edge, bench).await,
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_edge_emits_what_is_expected_of_all_kits() {
    let specification: Value = serde_json::from_str(include_str!("../../../../spec/scenarios/edges.json")).unwrap();
    let edges = specification["edges"].as_array().unwrap();
    assert!(edges.len() > 40);
    let mut wrong = Vec::new();
    for edge in edges {
        let (id, spans) = (edge["id"].as_str().unwrap(), edge["spans"].as_array().unwrap().len());
        let bench = Bench::new();
        if !produce(id, &bench).await {
            wrong.push(format!("{id}: nothing produces it"));
            continue;
        }
        // Some spans end after the peer has its answer; then a little for any that should not be there.
        for _ in 0..200 {
            if bench.spans().len() >= spans {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let found = canonical::telemetry(&bench);
        for part in ["spans", "metrics", "logs"] {
            if !matches(&found[part], &edge[part]) {
                wrong.push(format!("{id}: {part}\n got {}\nwant {}", found[part], edge[part]));
            }
        }
        wrong.extend(
            canonical::check_definitions(&specification, &bench).into_iter().map(|text| format!("{id}: {text}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `<text>` in `want` stands for anything a language words its own way.
fn matches(got: &Value, want: &Value) -> bool {
    match (got, want) {
        (Value::String(got), Value::String(want)) => match want.split_once("<text>") {
            Some((before, after)) => got.len() > want.len() - 6 && got.starts_with(before) && got.ends_with(after),
            None => got == want,
        },
        (Value::Array(got), Value::Array(want)) => {
            got.len() == want.len() && got.iter().zip(want).all(|(got, want)| matches(got, want))
        }
        (Value::Object(got), Value::Object(want)) => {
            got.len() == want.len() && want.iter().all(|(key, want)| got.get(key).is_some_and(|got| matches(got, want)))
        }
        _ => got == want,
    }
}
