//! A service's life: start in order, run until SIGTERM or SIGINT, stop in reverse, flush.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use throughline::nats::{Client, Consume};
use throughline::{Config, InitError, Kit};
use tokio::sync::watch;
use tracing::Level;

use crate::faults::{self, Change, Switches};

const VERSION: &str = "1.0.0";
const PATIENCE: Duration = Duration::from_secs(60);
const FLUSH: Duration = Duration::from_secs(5);

/// Whatever keeps a service from working; told once, in `run`.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Handed to a service's own code. Clones share everything.
#[derive(Clone, Debug)]
pub struct Service {
    /// Telemetry.
    pub kit: Kit,
    /// The message bus.
    pub bus: Client,
    /// The faults that are on.
    pub faults: Arc<Switches>,
    stop: watch::Receiver<bool>,
}

/// Reads a variable with a default; an empty one counts as unset.
#[must_use]
pub fn env(name: &str, fallback: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| fallback.to_owned())
}

/// Starts a service, runs `main` until it has drained after a signal, and flushes within 5 s.
pub fn run<F>(name: &'static str, main: impl FnOnce(Service) -> F) -> ExitCode
where
    F: Future<Output = Result<(), Error>>,
{
    let config = Config::builder(name)
        .version(VERSION)
        .environment("demo")
        .metric_interval(Duration::from_secs(5))
        .log_level_of("async_nats", Level::WARN)
        .build();
    let kit = throughline::init(config).unwrap_or_else(InitError::report);
    kit.install_logs();
    let result = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::from)
        .and_then(|runtime| runtime.block_on(live(kit.clone(), main)));
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %error, "the service failed");
            ExitCode::FAILURE
        }
    };
    if let Err(error) = kit.shutdown(FLUSH) {
        tracing::warn!(%error, "telemetry was left behind");
    }
    code
}

async fn live<F>(kit: Kit, main: impl FnOnce(Service) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let stop = on_signal(&kit);
    let url = env("SHOP_NATS_URL", "nats://127.0.0.1:4222");
    let connection = until_up("nats", stop.clone(), || async_nats::connect(&url)).await?;
    let bus = Client::new(&kit, connection).server(&url);
    let service = Service { kit, bus, faults: Arc::default(), stop };
    service.listen_for_faults().await?;
    main(service.clone()).await?;
    let _ = tokio::time::timeout(Duration::from_secs(2), service.bus.connection().drain()).await;
    Ok(())
}

fn on_signal(kit: &Kit) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let terminated = kit.terminated();
    tokio::spawn(async move {
        terminated.await;
        let _ = sender.send(true);
    });
    receiver
}

impl Service {
    /// Ends when the service should stop.
    pub async fn stopped(&self) {
        let mut stop = self.stop.clone();
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Tries until something the service needs is there, for up to 60 s.
    ///
    /// # Errors
    /// The last error, or that the service was stopped.
    pub async fn until_up<T, E, F>(&self, what: &str, attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, E>>,
        E: Display,
    {
        until_up(what, self.stop.clone(), attempt).await
    }

    async fn listen_for_faults(&self) -> Result<(), Error> {
        let mut messages = self.bus.connection().subscribe(faults::SUBJECT).await?;
        let service = self.clone();
        tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                let work = async {
                    let change: Change = serde_json::from_slice(&message.payload)?;
                    service.faults.apply(change);
                    tracing::info!(fault = change.fault.name(), on = change.on, "fault switched");
                    Ok::<_, serde_json::Error>(())
                };
                if let Err(error) = service.bus.process(&message, &Consume::child(), work).await {
                    tracing::warn!(%error, "a fault was not switched");
                }
            }
        });
        Ok(())
    }
}

async fn until_up<T, E, F>(
    what: &str,
    mut stop: watch::Receiver<bool>,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, E>>,
    E: Display,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if Instant::now() > deadline {
            return Err(format!("{what} did not come up: {error}").into());
        }
        tracing::info!(%error, r#for = what, "waiting");
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Err(format!("stopped while waiting for {what}").into()),
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
    }
}
