//! Spans end once, work may be detached anywhere, and baggage is not told.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use support::{Bench, attributes};
use throughline::opentelemetry;

#[tokio::test]
async fn a_span_ends_once() {
    let bench = Bench::new();
    bench
        .kit
        .span("work")
        .attribute(KeyValue::new("n", 1))
        .observe(async {
            let context = Context::current();
            context.span().set_attribute(KeyValue::new("n", 2));
            context.span().end();
            context.span().set_attribute(KeyValue::new("n", 3));
        })
        .await;
    assert_eq!(bench.spans().len(), 1);
    assert_eq!(attributes(&bench.span("work")), ["n=2"]);
}

#[tokio::test]
async fn work_may_be_detached_where_the_caller_is_gone() {
    let bench = Bench::new();
    let kit = bench.kit.clone();
    let request = kit.span("request").observe(async {
        drop(kit.detach("audit", async {}));
        std::future::pending::<()>().await;
    });
    tokio::time::timeout(Duration::from_millis(10), request).await.unwrap_err();
    assert!(kit.drain(Duration::from_secs(5)).await);
    let link = bench.span("audit").links.links.remove(0).span_context;
    assert_eq!(link, bench.span("request").span_context);
}

#[tokio::test]
async fn baggage_is_kept_and_not_told() {
    let bench = Bench::new();
    let kit = bench.kit.clone();
    let guard = Context::new().with_baggage([KeyValue::new("tenant", "hushhush")]).attach();
    let work =
        kit.span("request").observe(async { Some(kit.detach("audit", async { Context::current().baggage().len() })) });
    let kept = futures_util::FutureExt::now_or_never(work).flatten().unwrap();
    drop(guard);
    assert_eq!(kept.await.unwrap(), 1);
    let told = format!("{:?} {:?} {:?}", bench.spans(), bench.memory.metrics(), bench.memory.logs());
    assert!(told.contains("audit") && !told.contains("hushhush"), "{told}");
}
