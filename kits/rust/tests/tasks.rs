//! Context follows child tasks, not detached ones, and every end of a task is told.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use support::{Bench, attribute, attributes, is_child, is_root, status};
use throughline::opentelemetry;

#[derive(Debug, thiserror::Error)]
#[error("card declined")]
struct Declined;

#[tokio::test]
async fn a_span_ends_with_the_outcome_of_its_work() {
    let bench = Bench::new();
    let kit = &bench.kit;
    kit.span("good").attribute(KeyValue::new("n", 1)).run(async { Ok::<_, Declined>(()) }).await.unwrap();
    kit.span("bad").run(async { Err::<(), _>(Declined) }).await.unwrap_err();
    kit.span("plain").observe(async {}).await;

    let good = bench.span("good");
    assert_eq!((status(&good).as_str(), attributes(&good)), ("unset", vec!["n=1".to_owned()]));
    let bad = bench.span("bad");
    assert_eq!(status(&bad), "error: card declined");
    assert_eq!(attribute(&bad, "error.type").as_deref(), Some("tasks::Declined"));
    assert_eq!(status(&bench.span("plain")), "unset");
}

#[tokio::test]
async fn spans_nest_across_await_points_and_do_not_leak_to_neighbours() {
    let bench = Bench::new();
    let kit = &bench.kit;
    let work = |outer: &'static str, inner: &'static str| async move {
        kit.span(outer)
            .observe(async {
                tokio::task::yield_now().await;
                kit.span(inner).observe(tokio::task::yield_now()).await;
            })
            .await;
    };
    tokio::join!(work("outer a", "inner a"), work("outer b", "inner b"));
    assert!(is_child(&bench.span("inner a"), &bench.span("outer a")));
    assert!(is_child(&bench.span("inner b"), &bench.span("outer b")));
    assert!(is_root(&bench.span("outer a")) && is_root(&bench.span("outer b")));
    assert!(!Context::current().has_active_span());
}

#[tokio::test]
async fn a_future_dropped_by_a_timeout_ends_its_span_as_canceled() {
    let bench = Bench::new();
    let slow = bench.kit.span("slow").observe(std::future::pending::<()>());
    assert!(tokio::time::timeout(Duration::from_millis(10), slow).await.is_err());
    let span = bench.span("slow");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("canceled"));
    assert_eq!(status(&span), "error: ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_tasks_carry_the_context_to_other_threads() {
    let bench = Bench::new();
    let kit = bench.kit.clone();
    let inner = kit.clone();
    kit.span("request")
        .observe(async {
            let asynchronous = kit.spawn("async child", {
                let kit = kit.clone();
                async move { kit.span("grandchild").observe(tokio::task::yield_now()).await }
            });
            let blocking = kit.spawn_blocking("blocking child", move || {
                let current = Context::current().span().span_context().clone();
                drop(inner);
                current
            });
            asynchronous.await.unwrap();
            let seen = blocking.await.unwrap();
            assert_eq!(seen.span_id(), bench.span("blocking child").span_context.span_id());
        })
        .await;
    let request = bench.span("request");
    let child = bench.span("async child");
    assert!(is_child(&child, &request));
    assert!(is_child(&bench.span("blocking child"), &request));
    assert!(is_child(&bench.span("grandchild"), &child));
    assert_eq!(attributes(&child), ["task.name=async child"]);
    let measured = [("task.name", "async child"), ("task.detached", "false")];
    assert_eq!(bench.point("kit.task.duration", &measured), Some(1.0));
    assert_eq!(bench.point("kit.task.active", &measured), Some(0.0));
}

#[tokio::test]
async fn detached_work_is_a_trace_of_its_own_linked_to_its_origin_with_its_baggage() {
    let bench = Bench::new();
    let kit = bench.kit.clone();
    let (release, wait) = tokio::sync::oneshot::channel::<()>();
    let context = Context::new().with_baggage([KeyValue::new("tenant", "blue")]);
    let guard = context.attach();
    let mut task = None;
    let request = kit.span("request").observe(async {
        task = Some(kit.detach("audit", async move {
            wait.await.unwrap();
            Context::current().baggage().get("tenant").map(ToString::to_string)
        }));
    });
    futures_util::FutureExt::now_or_never(request).unwrap();
    let task = task.unwrap();
    drop(guard);

    // The request's span has ended although the detached task still runs.
    let request = bench.span("request");
    assert_eq!(bench.point("kit.task.active", &[("task.name", "audit")]), Some(1.0));
    release.send(()).unwrap();
    assert_eq!(task.await.unwrap().as_deref(), Some("blue"));

    let audit = bench.span("audit");
    assert!(is_root(&audit));
    assert_ne!(audit.span_context.trace_id(), request.span_context.trace_id());
    let links: Vec<_> = audit.links.iter().map(|link| &link.span_context).collect();
    assert_eq!(links, [&request.span_context]);
    assert_eq!(attributes(&audit), ["task.detached=true", "task.name=audit"]);
    assert_eq!(bench.point("kit.task.active", &[("task.name", "audit")]), Some(0.0));
}

#[tokio::test]
async fn a_panic_in_a_task_is_told_and_reaches_whoever_waits() {
    let bench = Bench::new();
    let spawned = bench.kit.spawn("spawned", async { panic!("deliberate") });
    let detached = bench.kit.detach("detached", async { panic!("deliberate") });
    let blocking = bench.kit.spawn_blocking("blocking", || panic!("deliberate"));
    assert!(spawned.await.unwrap_err().is_panic());
    assert!(detached.await.unwrap_err().is_panic());
    assert!(blocking.await.unwrap_err().is_panic());
    for name in ["spawned", "detached", "blocking"] {
        let span = bench.span(name);
        assert_eq!(attribute(&span, "error.type").as_deref(), Some("panic"), "{name}");
        assert!(status(&span).starts_with("error: "), "{name}");
        assert_eq!(bench.point("kit.task.active", &[("task.name", name)]), Some(0.0));
    }
    assert_eq!(status(&bench.span("spawned")), "error: panic: deliberate");
    let logs = bench.memory.logs();
    let record = &logs.first().unwrap().record;
    assert_eq!(record.event_name(), Some("exception"));
    assert!(record.trace_context().is_some());
}

#[tokio::test]
async fn an_aborted_task_ends_as_canceled() {
    let bench = Bench::new();
    let task = bench.kit.spawn("aborted", std::future::pending::<()>());
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(attribute(&bench.span("aborted"), "error.type").as_deref(), Some("canceled"));
}

#[tokio::test]
async fn detached_tasks_can_be_waited_for() {
    let bench = Bench::new();
    let kit = &bench.kit;
    assert!(kit.drain(Duration::ZERO).await);
    let task = kit.detach("short", tokio::time::sleep(Duration::from_millis(50)));
    let stuck = kit.detach("stuck", std::future::pending::<()>());
    assert!(!kit.drain(Duration::from_millis(100)).await);
    assert!(task.is_finished());
    stuck.abort();
    assert!(kit.drain(Duration::from_secs(5)).await);
    drop(kit.detach("panics", async { panic!("deliberate") }));
    assert!(kit.drain(Duration::from_secs(5)).await);
}
