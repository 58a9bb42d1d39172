//! Remote control: what the platform says while the service runs, and the kill file an operator has beside it. One thread does both;
//! nothing of it is ever on the path of a request.

mod acceptance;
mod client;
pub(crate) mod document;
mod reader;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::metrics::{Counter, Meter};
use tokio::sync::oneshot;

pub(crate) use acceptance::PublicKey;
use acceptance::{Acceptance, Compile};
use client::{Client, Steered};
use document::{Document, Limits};

use crate::core::Core;
use crate::limits::SteeredLimits;
use crate::names;
use crate::redact::{Redaction, ValueRule};
use crate::resource::KIT_VERSION;
use crate::sampling::Sampler;
use crate::switches::Said;

/// How often the kill file is looked for.
const KILL_FILE_EVERY: Duration = Duration::from_secs(1);

/// What configuration and environment say about remote control.
#[derive(Debug, Clone, Default)]
pub(crate) struct ControlSettings {
    /// Base URL of the platform; without one nothing is asked for.
    pub(crate) endpoint: Option<String>,
    pub(crate) key: Option<PublicKey>,
    pub(crate) kill_file: Option<PathBuf>,
}

/// What a kit is steered with.
pub(crate) struct Helm {
    pub(crate) core: Arc<Core>,
    pub(crate) sampler: Sampler,
    pub(crate) limits: Arc<SteeredLimits>,
    pub(crate) redaction: Arc<Redaction>,
    pub(crate) environment: String,
    pub(crate) instance: String,
    pub(crate) meter: Meter,
}

/// The thread that listens; dropping this ends it.
pub(crate) struct Steering {
    _stop: oneshot::Sender<()>,
}

impl Steering {
    /// Begins to listen. The kill file is looked at before the first span. `None` when there is nothing to listen to.
    pub(crate) fn start(settings: &ControlSettings, helm: Helm) -> Option<Steering> {
        let kill_file = settings.kill_file.clone();
        if let Some(file) = &kill_file {
            look_for(file, &helm.core);
        }
        if kill_file.is_none() && settings.endpoint.is_none() {
            return None;
        }
        let core = Arc::clone(&helm.core);
        let client = client(settings, helm);
        let (stop, stopped) = oneshot::channel();
        let work = move || listen(client, kill_file.as_deref(), &core, stopped);
        let spawned = thread::Builder::new().name("throughline-control".into()).spawn(work);
        spawned.ok().map(|_| Steering { _stop: stop })
    }
}

fn client(settings: &ControlSettings, helm: Helm) -> Option<Client<Rudder>> {
    let endpoint = settings.endpoint.as_deref()?;
    let redaction = Arc::clone(&helm.redaction);
    let compile: Compile = Box::new(move |said| redaction.check(&said.keys, &value_rules(said)));
    let acceptance = Acceptance {
        service: helm.core.service.clone(),
        environment: helm.environment.clone(),
        key: settings.key.clone(),
        applied: 0,
        compile: Some(compile),
    };
    let url = client::url(endpoint, &acceptance, &helm.instance, &format!("rust/{KIT_VERSION}"))?;
    let revision = Arc::new(AtomicI64::new(0));
    let observed = Arc::clone(&revision);
    let (in_force, not_accepted) = (names::METRIC_KIT_CONTROL_REVISION, names::METRIC_KIT_CONTROL_REFUSED);
    let _ = helm
        .meter
        .i64_observable_gauge(in_force.name)
        .with_description(in_force.description)
        .with_unit(in_force.unit)
        .with_callback(move |observer| observer.observe(observed.load(Ordering::Relaxed), &[]))
        .build();
    let refused = helm
        .meter
        .u64_counter(not_accepted.name)
        .with_description(not_accepted.description)
        .with_unit(not_accepted.unit)
        .build();
    Client::new(
        url,
        acceptance,
        Rudder {
            core: helm.core,
            sampler: helm.sampler,
            limits: helm.limits,
            redaction: helm.redaction,
            revision,
            refused,
        },
    )
    .ok()
}

/// The thread's life: ends when the kit does.
fn listen(client: Option<Client<Rudder>>, kill_file: Option<&Path>, core: &Arc<Core>, stopped: oneshot::Receiver<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    // What the HTTP client does is not the service's work.
    let _quiet = Context::enter_telemetry_suppressed_scope();
    let asking = async {
        match client {
            Some(client) => client.run().await,
            None => std::future::pending().await,
        }
    };
    let watching = async {
        let Some(file) = kill_file else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(KILL_FILE_EVERY).await;
            look_for(file, core);
        }
    };
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => {}
            () = asking => {}
            () = watching => {}
        }
    });
}

/// Switches off while the file is there. One that cannot be looked at counts as absent.
fn look_for(file: &Path, core: &Core) {
    let killed = file.exists();
    if core.switches.kill(killed) {
        let message = if killed { "the kill file switches telemetry off" } else { "telemetry is on again" };
        core.diagnostics.tell(message, message, 0, &file.display().to_string());
    }
}

fn value_rules(said: &document::Redaction) -> Vec<ValueRule> {
    said.values.iter().map(|(regex, with)| ValueRule { regex: regex.clone(), with: with.clone() }).collect()
}

/// Turns documents into what they ask for.
struct Rudder {
    core: Arc<Core>,
    sampler: Sampler,
    limits: Arc<SteeredLimits>,
    redaction: Arc<Redaction>,
    revision: Arc<AtomicI64>,
    refused: Counter<u64>,
}

impl Steered for Rudder {
    fn apply(&mut self, document: Option<Document>) {
        let document = document.map(Arc::new);
        self.sampler.steer(document.as_ref().and_then(|document| document.sampling.as_ref()));
        let limits = document.as_ref().map(|document| &document.limits);
        let said = |limit: fn(&Limits) -> Option<i64>| limits.and_then(limit).unwrap_or(0);
        let [length, count] = [said(|limits| limits.attribute_length), said(|limits| limits.attributes_per_span)]
            .map(|limit| usize::try_from(limit).unwrap_or(0));
        let queue_bytes = said(|limits| limits.queue_bytes);
        self.limits.set(length, count, u64::try_from(queue_bytes).unwrap_or(0));
        let (keys, values) = match document.as_ref().and_then(|document| document.redaction.as_ref()) {
            Some(said) => (said.keys.as_slice(), value_rules(said)),
            None => (&[][..], Vec::new()),
        };
        let _ = self.redaction.set(keys, &values); // it was tried before it was accepted
        self.core.levels.follow(document.as_ref().map(|document| &document.levels));
        let said = document.clone().map(|document| document as Arc<dyn Said>);
        self.core.switches.follow(said);
        self.revision.store(document.map_or(0, |document| document.revision), Ordering::Relaxed);
    }

    fn refused(&mut self, problem: &str) {
        self.refused.add(1, &[]);
        let message = "a control document was refused; what was in force stays";
        self.core.diagnostics.tell("control", message, 0, problem);
    }
}
