//! Remote control against a platform that keeps requests waiting, and the kill file.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::Request;
use support::{Bench, attribute, until};
use throughline::Config;
use throughline::Sampling;
use throughline::testing::Memory;
use tokio::sync::watch;
use tower::{ServiceBuilder, ServiceExt as _};

/// A fake platform that serves one document.
#[derive(Clone)]
struct Platform {
    document: watch::Sender<String>,
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    url: String,
}

impl Platform {
    async fn start(document: &str) -> Platform {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let platform = Platform { document: watch::Sender::new(document.to_owned()), asked: Arc::default(), url };
        let app = Router::new().route("/v1/kit/config", get(config)).with_state(platform.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        platform
    }

    fn say(&self, document: &str) {
        self.document.send_replace(document.to_owned());
    }

    fn last(&self) -> (String, HeaderMap) {
        self.asked.lock().unwrap().last().cloned().unwrap()
    }

    fn bench(&self, change: impl FnOnce(throughline::ConfigBuilder) -> throughline::ConfigBuilder) -> Bench {
        let memory = Memory::new();
        let config = Config::builder("test").variables([("X", "y")]).memory(memory.clone());
        let kit = throughline::init(change(config.control_endpoint(&self.url)).build()).unwrap();
        Bench { kit, memory }
    }
}

async fn config(State(platform): State<Platform>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    platform.asked.lock().unwrap().push((query.unwrap(), headers.clone()));
    let mut changes = platform.document.subscribe();
    let mut document = changes.borrow_and_update().clone();
    if document.is_empty() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let known = headers.get("if-none-match").map(|value| value.to_str().unwrap().to_owned());
    if known == Some(etag(&document)) && headers.contains_key("prefer") {
        if tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.is_err() {
            return StatusCode::NOT_MODIFIED.into_response();
        }
        document.clone_from(&changes.borrow());
    }
    ([("etag", etag(&document))], document).into_response()
}

fn etag(document: &str) -> String {
    format!("\"{}\"", document.len() * 1000 + document.bytes().map(usize::from).sum::<usize>())
}

async fn answer(_: Request<String>) -> Result<http::Response<String>, std::convert::Infallible> {
    Ok(http::Response::new(String::new()))
}

fn revision(bench: &Bench) -> Option<f64> {
    bench.point("kit.control.revision", &[])
}

async fn probe(bench: &Bench) -> usize {
    let before = bench.spans().len();
    bench.kit.span("probe").observe(async {}).await;
    bench.spans().len() - before
}

#[tokio::test(flavor = "multi_thread")]
async fn sampling_follows_the_platform() {
    let platform = Platform::start(r#"{"v":1,"revision":7,"sampling":{"default":0}}"#).await;
    let bench = platform.bench(|config| config.environment("staging").sampling(Sampling::probability(1.0)));
    until("revision 7", || revision(&bench) == Some(7.0)).await;
    assert_eq!(probe(&bench).await, 0);
    let (query, headers) = platform.asked.lock().unwrap().first().cloned().unwrap();
    assert!(query.starts_with("service=test&env=staging&instance="), "{query}");
    assert!(query.ends_with("&sdk=rust%2F0.1.0"), "{query}");
    assert_eq!(headers.get("x-throughline-revision").unwrap(), "0");
    until("a request that waits", || platform.last().1.get("prefer").is_some_and(|wait| wait == "wait=25")).await;
    assert_eq!(platform.last().1.get("x-throughline-revision").unwrap(), "7");

    let changed = Instant::now();
    platform.say(r#"{"v":1,"revision":8,"sampling":{"default":1}}"#);
    until("revision 8", || revision(&bench) == Some(8.0)).await;
    assert!(changed.elapsed() < Duration::from_secs(2), "{:?}", changed.elapsed());
    assert_eq!(probe(&bench).await, 1);
    assert_eq!(bench.spans()[0].span_context.trace_state().header(), "ot=th:0");

    platform.say(r#"{"v":1,"revision":9,"sampling":{"default":"none"}}"#);
    until("the refusal", || bench.point("kit.control.refused", &[]) == Some(1.0)).await;
    assert_eq!((revision(&bench), probe(&bench).await), (Some(8.0), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_platform_is_gone_the_last_document_lives_out_its_time() {
    let platform = Platform::start(r#"{"v":1,"revision":7,"ttl_s":2,"sampling":{"default":0}}"#).await;
    let bench = platform.bench(|config| config);
    until("revision 7", || revision(&bench) == Some(7.0)).await;
    platform.say("");
    assert_eq!(probe(&bench).await, 0, "given up at once");
    until("the code's own settings", || revision(&bench) == Some(0.0)).await;
    assert_eq!(probe(&bench).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_signed_documents_count_where_a_key_is_given() {
    let platform = Platform::start(r#"{"v":1,"revision":7,"enabled":false}"#).await;
    let bench = platform.bench(|config| config.control_key("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="));
    until("the refusal", || bench.point("kit.control.refused", &[]) == Some(1.0)).await;
    assert!(bench.kit.is_enabled());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switched_off_edge_passes_the_trace_on() {
    let platform = Platform::start(r#"{"v":1,"revision":7,"instrumentations":{"http":false}}"#).await;
    let bench = platform.bench(|config| config);
    let kit = bench.kit.clone();
    let carried = move |_: Request<String>| {
        let kit = kit.clone();
        async move {
            let mut headers = http::HeaderMap::new();
            let request = kit.send(reqwest::Client::new().get("http://127.0.0.1:9/")).run();
            let _ = request.await; // nothing listens; it is not recorded either
            let current = throughline::opentelemetry::Context::current();
            use throughline::opentelemetry::propagation::TextMapPropagator as _;
            let mut carrier = std::collections::HashMap::new();
            throughline::Propagator::new().inject_context(&current, &mut carrier);
            headers.insert("carried", carrier["traceparent"].parse().unwrap());
            let mut response = http::Response::new(String::new());
            *response.headers_mut() = headers;
            Ok::<_, std::convert::Infallible>(response)
        }
    };
    until("revision 7", || revision(&bench) == Some(7.0)).await;
    let service = ServiceBuilder::new().layer(bench.kit.http_layer().any_body()).service_fn(carried);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = Request::builder().uri("/").header("traceparent", parent).body(String::new()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.headers()["carried"], parent);
    drop(response);
    assert_eq!(bench.spans().len(), 0);
    assert_eq!(bench.point("http.server.request.duration", &[]), None);
    assert_eq!(bench.point("http.client.request.duration", &[]), None);

    platform.say(r#"{"v":1,"revision":8,"signals":{"traces":false}}"#);
    until("revision 8", || revision(&bench) == Some(8.0)).await;
    let service = ServiceBuilder::new().layer(bench.kit.http_layer().any_body());
    let service = service.service_fn(answer);
    drop(service.oneshot(Request::new(String::new())).await);
    assert_eq!(bench.spans().len(), 0);
    assert_eq!(bench.point("http.server.request.duration", &[]), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_and_limits_follow_the_platform() {
    use throughline::opentelemetry::KeyValue;
    let platform = Platform::start(r#"{"v":1,"revision":7,"limits":{"attr_value_len":16},"logs":{"level":"error","overrides":{"control::db":"debug"}}}"#).await;
    let bench = platform.bench(|config| config.log_writer(std::io::sink()));
    assert!(bench.kit.install_logs());
    let say = || {
        tracing::info!(target: "control", "quiet");
        tracing::debug!(target: "control::db::pool", "loud");
    };
    let count = |bench: &Bench| {
        bench.kit.flush(Duration::from_secs(5)).unwrap();
        bench.memory.logs().len()
    };
    until("revision 7", || revision(&bench) == Some(7.0)).await;
    let before = count(&bench);
    say();
    assert_eq!(count(&bench) - before, 1);
    let span = bench.kit.span("work").attribute(KeyValue::new("text", "0123456789abcdefgh"));
    span.observe(async {}).await;
    assert_eq!(attribute(&bench.span("work"), "text").unwrap(), "0123456789abcdef");
    platform.say(r#"{"v":1,"revision":8}"#);
    until("revision 8", || revision(&bench) == Some(8.0)).await;
    let before = count(&bench);
    say();
    assert_eq!(count(&bench) - before, 1, "the code's own level is info");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kill_file_switches_off_and_on() {
    let file = std::env::temp_dir().join(format!("throughline-kill-{}", std::process::id()));
    std::fs::write(&file, "").unwrap();
    let memory = Memory::new();
    let variables = [("THROUGHLINE_KILL_FILE", file.to_str().unwrap())];
    let config = Config::builder("test").variables(variables).memory(memory.clone()).build();
    let bench = Bench { kit: throughline::init(config).unwrap(), memory };
    assert!(!bench.kit.is_enabled());
    assert_eq!(probe(&bench).await, 0);
    std::fs::remove_file(&file).unwrap();
    until("telemetry", || bench.kit.is_enabled()).await;
    assert_eq!(probe(&bench).await, 1);
}

#[tokio::test]
async fn what_is_not_sampled_is_measured() {
    let memory = Memory::new();
    let config = Config::builder("test").variables([("X", "y")]).sampling(Sampling::probability(0.0));
    let bench = Bench { kit: throughline::init(config.memory(memory.clone()).build()).unwrap(), memory };
    let service = ServiceBuilder::new().layer(bench.kit.http_layer().any_body());
    let service = service.service_fn(answer);
    for _ in 0..10 {
        drop(service.clone().oneshot(Request::new(String::new())).await);
    }
    assert_eq!(bench.point("http.server.request.duration", &[]), Some(10.0));
    assert_eq!(bench.spans().len(), 0);
}

#[tokio::test]
async fn throughline_disabled_is_for_good() {
    let config = Config::builder("test").variables([("THROUGHLINE_DISABLED", "1")]).build();
    assert!(!throughline::init(config).unwrap().is_enabled());
}

/// A platform that lowers what may wait takes effect while the receiver is away.
#[tokio::test]
async fn queue_bytes_follow_the_platform() {
    let document = r#"{"v":1,"revision":7,"instrumentations":{"probe":false},"limits":{"queue_bytes":65536}}"#;
    let platform = Platform::start(document).await;
    let config = Config::builder("test").variables([("X", "y")]).endpoint(support::receiver::blackhole());
    let kit = throughline::init(config.control_endpoint(&platform.url).build()).unwrap();
    until("revision 7", || !kit.switch("probe").is_on()).await;
    for _ in 0..50 {
        let attribute = throughline::opentelemetry::KeyValue::new("text", "x".repeat(4096));
        kit.span("work").attribute(attribute).observe(async {}).await;
    }
    // 4096 bytes of text, 32 + 4 of the attribute, 256 + 4 of the span: 14 of them fit.
    let spans = kit.stats().spans;
    assert_eq!((spans.queued, spans.dropped.byte_limit), (14, 36), "{spans:?}");
    let _ = kit.shutdown(Duration::from_millis(100));
}
