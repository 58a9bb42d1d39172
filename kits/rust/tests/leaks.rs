//! Nothing runs on after the end. Alone in its process, whose threads it counts.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::until;
use throughline::Config;

/// The names of the threads of the kit and its SDK.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with("OpenTelemetry") || name.starts_with("throughline")).collect()
}

#[tokio::test]
async fn nothing_runs_after_shutdown() {
    let receiver = support::receiver::Receiver::start();
    let handle = tokio::runtime::Handle::current();
    let kit =
        throughline::init(Config::builder("test").endpoint(&receiver.url).variables(support::NO_VARIABLES).build());
    let kit = kit.unwrap();
    kit.try_spawn("child", async { Ok::<_, std::fmt::Error>(()) }).await.unwrap().unwrap();
    let stuck = kit.detach("stuck", std::future::pending::<()>());
    until("the sight of the kit's threads", || !threads().is_empty()).await; // they name themselves
    assert_eq!(handle.metrics().num_alive_tasks(), 1);
    stuck.abort();
    assert!(kit.drain(Duration::from_secs(5)).await);
    kit.shutdown(Duration::from_secs(5)).unwrap();
    until("the end of the kit's threads", || threads().is_empty()).await;
    assert_eq!(handle.metrics().num_alive_tasks(), 0);
}
