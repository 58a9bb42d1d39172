//! The probe makes what `spec/scenarios` describes happen, with the Rust kit and nothing but its public interface, and exports as any
//! service does. The runner (`conformance/kits`) tells it what to do, one JSON object a line, and reads one line for each.
#![allow(clippy::unwrap_used)] // What cannot be played must be loud.

mod control;
mod grpc;
mod http;
mod jetstream;
mod kafka;
mod nats;
mod redis;
mod relay;
mod sql;
mod tell;
mod work;

use std::collections::HashMap;
use std::io::{self, Write};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use throughline::{Config, Kit, SignalStats};
use tokio::io::{AsyncBufReadExt, BufReader};

/// How long a scenario waits for what must happen, on however busy a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Where one scenario plays: a kit of its own, and the addresses of what the runner started (postgres, nats).
pub(crate) struct Scene {
    pub(crate) kit: Kit,
    pub(crate) backends: HashMap<String, String>,
    lines: Lines,
}

/// What the runner says: begin a scene with these variables, perform a scenario in it, flush, or end it.
#[derive(Deserialize)]
struct Order {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    scenario: String,
    #[serde(default)]
    variables: HashMap<String, String>,
}

#[derive(Serialize, Default)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<HashMap<&'static str, Account>>,
}

/// What became of one signal, as both probes tell it.
#[derive(Serialize)]
struct Account {
    created: u64,
    exported: u64,
    queued: u64,
    dropped: HashMap<&'static str, u64>,
}

impl From<SignalStats> for Account {
    fn from(stats: SignalStats) -> Self {
        let lost = stats.dropped;
        let dropped = [
            ("queue_full", lost.queue_full),
            ("byte_limit", lost.byte_limit),
            ("circuit_open", lost.circuit_open),
            ("timeout", lost.timeout),
            ("export_failed", lost.export_failed),
            ("rejected", lost.rejected),
            ("shutdown", lost.shutdown),
        ];
        Account {
            created: stats.created,
            exported: stats.exported,
            queued: stats.queued,
            dropped: dropped.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// Keeps the lines of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8_lossy(line).trim_end().to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes the behaviour of a scenario happen. False when it is not known.
async fn play(scenario: &str, scene: &Scene) -> bool {
    match scenario.split('-').next() {
        Some("control") => control::play(scenario, scene).await,
        Some("http") => http::play(scenario, scene).await,
        Some("grpc") => grpc::play(scenario, scene).await,
        Some("sql") => sql::play(scenario, scene).await,
        Some("nats") => nats::play(scenario, scene).await,
        Some("jetstream") => jetstream::play(scenario, scene).await,
        Some("kafka") => kafka::play(scenario, scene).await,
        Some("redis") => redis::play(scenario, scene).await,
        Some("relay") => relay::play(scenario, scene).await,
        Some("log" | "meter") => tell::play(scenario, scene).await,
        Some("span" | "spawn" | "detach" | "job") if scenario.ends_with("-secret") => tell::play(scenario, scene).await,
        Some("span" | "spawn" | "detach" | "job") => work::play(scenario, scene).await,
        _ => false,
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let backends: HashMap<String, String> = serde_json::from_str(&std::env::var("PROBE_BACKENDS").unwrap()).unwrap();
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut scene = None;
    while let Some(line) = orders.next_line().await.unwrap() {
        let order: Order = serde_json::from_str(&line).unwrap();
        let mut answer = Answer::default();
        match order.what.as_str() {
            "begin" => {
                let lines = Lines::default();
                let config = Config::builder("probe").version("1.2.3").environment("test").variables(order.variables);
                let config = config.log_writer(lines.clone());
                let kit = throughline::init(config.build()).unwrap_or_else(|error| {
                    answer.error = Some(error.to_string());
                    error.into_kit()
                });
                scene = Some(Scene { kit, backends: backends.clone(), lines });
            }
            "perform" => {
                let scene = scene.as_ref().unwrap();
                match AssertUnwindSafe(play(&order.scenario, scene)).catch_unwind().await {
                    Ok(true) => {}
                    Ok(false) => answer.error = Some("nothing here plays this scenario".to_owned()),
                    Err(_) => answer.error = Some("the scenario panicked: see the log".to_owned()),
                }
            }
            "flush" => blocking(scene.as_ref(), |kit| _ = kit.flush(Duration::from_secs(10))).await,
            _ => {
                blocking(scene.as_ref(), |kit| _ = kit.shutdown(Duration::from_secs(10))).await;
                if let Some(Scene { kit, lines, .. }) = scene.take() {
                    let stats = kit.stats();
                    let signals = [("spans", stats.spans), ("logs", stats.logs), ("metrics", stats.metrics)];
                    answer.stats = Some(signals.into_iter().map(|(name, stats)| (name, stats.into())).collect());
                    answer.lines.clone_from(&lines.0.lock().unwrap());
                }
            }
        }
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&answer).unwrap()).unwrap();
        out.flush().unwrap();
    }
}

/// Flushing waits, and the scene's tasks must go on meanwhile. What could not be sent is the scenario's business.
async fn blocking(scene: Option<&Scene>, f: impl FnOnce(&Kit) + Send + 'static) {
    if let Some(kit) = scene.map(|scene| scene.kit.clone()) {
        tokio::task::spawn_blocking(move || f(&kit)).await.unwrap();
    }
}
