//! What is read when metrics are collected: the runtime and pools.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use support::Bench;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runtime_is_in_the_metrics() {
    let bench = Bench::new();
    bench.kit.observe_runtime(&tokio::runtime::Handle::current());
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(ended);
    assert_eq!(bench.point("rust.tokio.workers", &[]), Some(2.0));
    assert!(bench.point("rust.tokio.tasks", &[]) >= Some(1.0));
    assert!(bench.point("rust.tokio.global_queue.depth", &[]).is_some());
    assert!(bench.point("rust.tokio.worker.busy_time", &[]).is_some());
    end.send(()).unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_pool_is_in_the_metrics() {
    let bench = Bench::new();
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(7);
    let pool = options.connect_lazy("postgres://nobody@127.0.0.1:1/nothing").unwrap();
    bench.kit.observe_pool(&pool, "main");
    let name = ("db.client.connection.pool.name", "main");
    assert_eq!(bench.point("db.client.connection.max", &[name]), Some(7.0));
    for state in ["idle", "used"] {
        let point = bench.point("db.client.connection.count", &[name, ("db.client.connection.state", state)]);
        assert_eq!(point, Some(0.0), "{state}");
    }
}
