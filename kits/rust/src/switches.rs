//! What is switched on and off while the service runs. Whoever asks pays one atomic load.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;

use crate::TELEMETRY;
use crate::kit::Kit;

/// An instrumentation that can be switched off while the service runs. Made by [`Kit::switch`]; clones are the same switch.
#[derive(Debug, Clone)]
pub struct Switch(Arc<AtomicBool>);

impl Switch {
    pub(crate) fn new(on: bool) -> Self {
        Switch(Arc::new(AtomicBool::new(on)))
    }

    /// Whether to record. When it is off an instrumentation calls what it wraps directly and passes the context on.
    #[must_use]
    #[inline]
    pub fn is_on(&self) -> bool {
        TELEMETRY && self.0.load(Ordering::Relaxed)
    }

    fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }
}

impl Kit {
    /// The switch of an instrumentation, such as `http.server`. Names have dots: whoever switches `http` off means all that begins with
    /// `http.` too. Use it for instrumentation of your own; the kit's has its switches built in.
    #[must_use]
    pub fn switch(&self, instrumentation: &str) -> Switch {
        self.core().switches.get(instrumentation)
    }
}

/// Bounds the board. Instrumentations beyond it share a switch that only obeys what is said about everything.
const SWITCHES_MAX: usize = 128;
const OTHER: &str = "";

/// What the switches follow: whether the signals and an instrumentation are on.
pub(crate) trait Said: Send + Sync {
    fn signals(&self) -> [bool; 3];
    fn is_on(&self, instrumentation: &str) -> bool;
}

/// All switches of a kit.
pub(crate) struct Switches {
    /// False for a kit that never records: nothing can be switched on.
    pub(crate) live: bool,
    pub(crate) all: Switch,
    pub(crate) traces: Switch,
    pub(crate) metrics: Switch,
    pub(crate) logs: Switch,
    pub(crate) http_server: Switch,
    pub(crate) http_client: Switch,
    pub(crate) grpc_server: Switch,
    pub(crate) grpc_client: Switch,
    pub(crate) sql: Switch,
    pub(crate) nats_publish: Switch,
    pub(crate) nats_process: Switch,
    pub(crate) kafka_publish: Switch,
    pub(crate) kafka_process: Switch,
    pub(crate) redis: Switch,
    pub(crate) task: Switch,
    board: Mutex<Board>,
}

struct Board {
    switches: HashMap<String, Switch>,
    /// The kit records at all.
    live: bool,
    /// The local emergency switch.
    killed: bool,
    said: Option<Arc<dyn Said>>,
}

impl Board {
    fn is_on(&self, name: &str) -> bool {
        self.live && !self.killed && self.said.as_ref().is_none_or(|said| said.is_on(name))
    }

    fn get(&mut self, name: &str) -> Switch {
        let full = self.switches.len() >= SWITCHES_MAX && !self.switches.contains_key(name);
        let name = if full { OTHER } else { name };
        let on = self.is_on(name);
        self.switches.entry(name.to_owned()).or_insert_with(|| Switch::new(on)).clone()
    }
}

impl Switches {
    /// `live` is false for a kit that never records.
    pub(crate) fn new(live: bool) -> Self {
        let mut board = Board { switches: HashMap::new(), live, killed: false, said: None };
        Switches {
            live,
            all: Switch::new(live),
            traces: Switch::new(live),
            metrics: Switch::new(live),
            logs: Switch::new(live),
            http_server: board.get("http.server"),
            http_client: board.get("http.client"),
            grpc_server: board.get("grpc.server"),
            grpc_client: board.get("grpc.client"),
            sql: board.get("sql"),
            nats_publish: board.get("nats.publish"),
            nats_process: board.get("nats.process"),
            kafka_publish: board.get("kafka.publish"),
            kafka_process: board.get("kafka.process"),
            redis: board.get("redis"),
            task: board.get("task"),
            board: Mutex::new(board),
        }
    }

    fn get(&self, name: &str) -> Switch {
        self.board.lock().map_or_else(|_| Switch::new(false), |mut board| board.get(name))
    }

    /// Follows a document, or the code's own settings again.
    pub(crate) fn follow(&self, said: Option<Arc<dyn Said>>) {
        self.change(|board| board.said = said);
    }

    /// Sets the local emergency switch; true when that changes something.
    pub(crate) fn kill(&self, killed: bool) -> bool {
        let mut changed = false;
        self.change(|board| changed = std::mem::replace(&mut board.killed, killed) != killed);
        changed
    }

    fn change(&self, change: impl FnOnce(&mut Board)) {
        let Ok(mut board) = self.board.lock() else {
            return;
        };
        change(&mut board);
        let on = board.is_on(OTHER);
        let [traces, metrics, logs] = board.said.as_ref().map_or([true; 3], |said| said.signals());
        self.all.set(on);
        self.traces.set(on && traces);
        self.metrics.set(on && metrics);
        self.logs.set(on && logs);
        for (name, switch) in &board.switches {
            switch.set(board.is_on(name));
        }
    }
}

/// Holds metrics back while they are off. They go on being summed up, so nothing is missing when they are sent again.
#[derive(Debug)]
pub(crate) struct Switched<E> {
    pub(crate) inner: E,
    pub(crate) on: Switch,
}

impl<E: PushMetricExporter> PushMetricExporter for Switched<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if self.on.is_on() { self.inner.export(metrics).await } else { Ok(()) }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
