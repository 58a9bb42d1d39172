//! The service's own work: spans, child tasks, detached tasks.

use std::time::Duration;

use throughline::opentelemetry::KeyValue;
use throughline::{Kit, Origin};
use tokio::task::JoinHandle;

use crate::Scene;

#[derive(Debug, thiserror::Error)]
#[error("card declined")]
struct Declined;

async fn work(how: &str) -> Result<(), Declined> {
    match how {
        "panic" => panic!("deliberate"),
        "error" => Err(Declined),
        // Given up when nobody waits any more.
        "wait" => std::future::pending().await,
        _ => Ok(()),
    }
}

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let kit = &scene.kit;
    let span = || kit.span("charge card").attribute(KeyValue::new("attempt", 1));
    match scenario {
        "span-ok" => span().run(work("ok")).await.unwrap(),
        "span-error" => _ = span().run(work("error")).await.unwrap_err(),
        "span-timeout" => {
            let never = tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>());
            span().run(never).await.unwrap_err();
        }
        "span-canceled" => {
            let given_up = tokio::time::timeout(Duration::from_millis(10), span().run(work("wait")));
            given_up.await.unwrap_err();
        }
        "span-panic" => {
            let kit = kit.clone();
            let span = kit.span("charge card").attribute(KeyValue::new("attempt", 1));
            tokio::spawn(async move { span.run(work("panic")).await }).await.unwrap_err();
        }
        "spawn-ok" => in_request(kit, |kit| kit.try_spawn("send mail", work("ok"))).await,
        "spawn-error" => in_request(kit, |kit| kit.try_spawn("send mail", work("error"))).await,
        "spawn-panic" => in_request(kit, |kit| kit.try_spawn("send mail", work("panic"))).await,
        "spawn-timeout" => in_request(kit, |kit| kit.try_spawn("send mail", in_time(work("wait")))).await,
        "spawn-canceled" => in_request(kit, |kit| given_up(kit.try_spawn("send mail", work("wait")))).await,
        "spawn-blocking" => in_request(kit, |kit| kit.spawn_blocking("resize", || ())).await,
        "spawn-blocking-panic" => in_request(kit, |kit| kit.spawn_blocking("resize", || panic!("deliberate"))).await,
        "detach-timeout" => in_request(kit, |kit| kit.try_detach("audit", in_time(work("wait")))).await,
        "detach-canceled" => in_request(kit, |kit| given_up(kit.try_detach("audit", work("wait")))).await,
        "detach-ok" => in_request(kit, |kit| kit.try_detach("audit", work("ok"))).await,
        "detach-error" => in_request(kit, |kit| kit.try_detach("audit", work("error"))).await,
        "detach-panic" => in_request(kit, |kit| kit.try_detach("audit", work("panic"))).await,
        "job-child" => _ = kit.work(&queued(kit).await, "resize", work("ok")).await,
        "job-linked" => _ = kit.work_linked(&queued(kit).await, "resize", work("ok")).await,
        "job-error" => _ = kit.work(&queued(kit).await, "resize", work("error")).await,
        "job-canceled" => {
            let origin = queued(kit).await;
            let job = kit.work(&origin, "resize", work("wait"));
            tokio::time::timeout(Duration::from_millis(10), job).await.unwrap_err();
        }
        "job-linked-timeout" => _ = kit.work_linked(&queued(kit).await, "resize", in_time(work("wait"))).await,
        "job-panic" => _ = kit.work(&queued(kit).await, "resize", work("panic")).await,
        _ => return false,
    }
    true
}

/// Fails when its time is up.
fn in_time<F: Future>(work: F) -> tokio::time::Timeout<F> {
    tokio::time::timeout(Duration::from_millis(10), work)
}

fn given_up<T>(task: JoinHandle<T>) -> JoinHandle<T> {
    task.abort();
    task
}

async fn in_request<T>(kit: &Kit, start: impl FnOnce(&Kit) -> JoinHandle<T>) {
    kit.span("request").observe(async { _ = start(kit).await }).await;
}

/// The origin of a job whose request is over before it is done.
async fn queued(kit: &Kit) -> Origin {
    kit.span("request").observe(async { Origin::current() }).await
}
