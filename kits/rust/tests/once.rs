//! Spans are made once: beside the layers of other libraries, and where a layer of the kit stands in another. One test, because the
//! global provider is one for the process.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::get;
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{FutureExt as _, SpanBuilder, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use throughline::testing::Memory;
use throughline::{Config, Kit, opentelemetry, opentelemetry_sdk};
use tower::{Layer, Service, ServiceExt, service_fn};

/// A span of a library that is not the kit.
fn another(tracer: &BoxedTracer, kind: SpanKind, attribute: &'static str) -> Context {
    let builder = SpanBuilder::from_name("another").with_kind(kind);
    Context::new().with_span(tracer.build(builder.with_attributes([KeyValue::new(attribute, "x")])))
}

/// What the traces look like since last time.
struct Traces {
    kit: Kit,
    memory: Memory,
    seen: usize,
}

impl Traces {
    fn expect(&mut self, active: Option<&Context>, names: &[&str]) {
        if let Some(active) = active {
            active.span().end();
        }
        self.kit.flush(Duration::from_secs(1)).expect("flushed");
        let spans = self.memory.spans();
        let new: Vec<_> = spans[self.seen..].iter().map(|span| span.name.as_ref()).collect();
        self.seen = spans.len();
        assert_eq!(new, names, "in the order of their ends");
    }

    fn measured(&self, name: &str) -> u64 {
        let newest = self.memory.metrics().pop().expect("metrics");
        let metrics = newest.scope_metrics().flat_map(|scope| scope.metrics());
        let mut counts = 0;
        for metric in metrics.filter(|metric| metric.name() == name) {
            if let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = metric.data() {
                counts += histogram.data_points().map(|point| point.count()).sum::<u64>();
            }
        }
        counts
    }
}

async fn ask(app: Router, path: &str) {
    let response = app.oneshot(Request::get(path).body(Body::empty()).expect("request")).await.expect("response");
    axum::body::to_bytes(response.into_body(), 100).await.expect("body");
}

#[tokio::test]
async fn a_span_is_made_once() {
    let memory = Memory::new();
    let kit = throughline::init(Config::builder("orders").memory(memory.clone()).global(true).build()).unwrap();
    let tracer = global::tracer("another library");
    let mut traces = Traces { kit: kit.clone(), memory, seen: 0 };

    let inside = kit.clone();
    let order = move || async move { inside.span("inside").observe(async {}).await };
    let bare = Router::new().route("/order", get(order));
    let app = bare.clone().layer(kit.http_layer());

    let server = another(&tracer, SpanKind::Server, "http.request.method");
    ask(app.clone(), "/order").with_context(server.clone()).await;
    traces.expect(Some(&server), &["inside", "another"]);
    let spans = traces.memory.spans();
    assert_eq!(
        spans[0].parent_span_id,
        spans[1].span_context.span_id(),
        "what is inside is a child of the span that was made"
    );

    let work = another(&tracer, SpanKind::Internal, "app.part");
    ask(app.clone(), "/order").with_context(work.clone()).await;
    traces.expect(Some(&work), &["inside", "GET /order", "another"]);

    ask(app.layer(kit.http_layer()), "/order").await;
    traces.expect(None, &["inside", "GET /order"]);
    assert_eq!(traces.measured("http.server.request.duration"), 3);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/order", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, bare).await });
    let client = reqwest::Client::new();
    for (attribute, names) in
        [("http.request.method", &["inside", "another"][..]), ("db.system.name", &["inside", "GET", "another"])]
    {
        let active = another(&tracer, SpanKind::Client, attribute);
        let call = async { kit.send(client.get(&url)).run().await.unwrap().bytes().await };
        call.with_context(active.clone()).await.unwrap();
        traces.expect(Some(&active), names);
    }
    assert_eq!(traces.measured("http.client.request.duration"), 2);

    let database = kit.postgres(&sqlx::postgres::PgConnectOptions::new().host("db"));
    let query = database.query("SELECT 1 FROM orders").run(async { Ok(()) });
    let active = another(&tracer, SpanKind::Client, "db.system.name");
    query.with_context(active.clone()).await.unwrap();
    traces.expect(Some(&active), &["another"]);
    assert_eq!(traces.measured("db.client.operation.duration"), 1);

    grpc(&kit, &tracer, &mut traces).await;
}

async fn grpc(kit: &Kit, tracer: &BoxedTracer, traces: &mut Traces) {
    let answer = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let request = || Request::post("/shop.Stock/Count").body(Body::empty()).expect("request");
    let (server, client) = (kit.grpc_server_layer(), kit.grpc_client_layer("stock:9092"));

    let active = another(tracer, SpanKind::Server, "rpc.system");
    let guard = active.clone().attach();
    let call = server.layer(answer).call(request());
    drop(guard);
    drop(call.with_context(active.clone()).await);
    traces.expect(Some(&active), &["another"]);

    let active = another(tracer, SpanKind::Client, "rpc.system");
    let guard = active.clone().attach();
    let call = client.layer(answer).call(request());
    drop(guard);
    drop(call.with_context(active.clone()).await);
    traces.expect(Some(&active), &["another"]);

    for side in ["server", "client"] {
        assert_eq!(traces.measured(&format!("rpc.{side}.call.duration")), 1);
    }
}
