//! HTTP servers and clients over real connections.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::stream;
use opentelemetry_sdk::trace::SpanData;
use support::{Bench, attribute, attributes, is_child, is_root, status, until};
use throughline::opentelemetry::trace::SpanKind;

async fn serve(bench: &Bench) -> String {
    let app = Router::new()
        .route("/orders/{id}", get(|| async { "an order" }))
        .route("/broken", get(|| async { (StatusCode::BAD_GATEWAY, "no") }))
        .route("/panic", get(|| async { panic!("deliberate") as () }))
        .route("/slow", get(|| async { std::future::pending::<()>().await }))
        .route("/stream", get(|| async { Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()) }))
        .route(
            "/breaks",
            get(|| async {
                let parts = stream::unfold(0, |part| async move {
                    match part {
                        0 => Some((Ok(Bytes::from("part")), 1)),
                        _ => {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            Some((Err(std::io::Error::other("deliberate")), 2))
                        }
                    }
                });
                Body::from_stream(parts)
            }),
        )
        .layer(bench.kit.http_layer())
        .route("/public", get(|| async { "hello" }).layer(bench.kit.http_layer().public()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

fn server(bench: &Bench) -> SpanData {
    let spans = bench.spans();
    let mut found = spans.into_iter().filter(|span| span.span_kind == SpanKind::Server);
    let span = found.next().expect("a server span");
    assert!(found.next().is_none(), "one server span");
    span
}

#[tokio::test]
async fn a_request_is_one_trace_of_client_and_server() {
    let bench = Bench::new();
    let url = serve(&bench).await;
    let client = reqwest::Client::builder().user_agent("tests").build().unwrap();
    let request = client.get(format!("{url}/orders/17?card=4111"));
    let response = bench.kit.send(request).template("/orders/{id}").resend_count(2).run().await.unwrap();
    assert_eq!(response.url().path(), "/orders/17");
    assert_eq!(response.text().await.unwrap(), "an order");

    let port = url.rsplit(':').next().unwrap();
    let call = bench.spans().into_iter().find(|span| span.span_kind == SpanKind::Client).unwrap();
    assert_eq!(call.name, "GET /orders/{id}");
    let expected = [
        "http.request.method=GET".to_owned(),
        "http.request.resend_count=2".to_owned(),
        "http.response.status_code=200".to_owned(),
        "network.protocol.version=1.1".to_owned(),
        "server.address=127.0.0.1".to_owned(),
        format!("server.port={port}"),
        format!("url.full={url}/orders/17"),
        "url.template=/orders/{id}".to_owned(),
    ];
    assert_eq!(attributes(&call), expected);

    let served = server(&bench);
    assert!(is_child(&served, &call));
    assert_eq!(served.name, "GET /orders/{id}");
    let expected = [
        "client.address=127.0.0.1".to_owned(),
        "http.request.method=GET".to_owned(),
        "http.response.status_code=200".to_owned(),
        "http.route=/orders/{id}".to_owned(),
        "network.protocol.version=1.1".to_owned(),
        "server.address=127.0.0.1".to_owned(),
        format!("server.port={port}"),
        "url.path=/orders/17".to_owned(),
        "url.scheme=http".to_owned(),
        "user_agent.original=tests".to_owned(),
    ];
    assert_eq!(attributes(&served), expected);
    assert_eq!((status(&call).as_str(), status(&served).as_str()), ("unset", "unset"));
    assert_eq!(served.instrumentation_scope.name(), "throughline/http");
    assert_eq!(served.instrumentation_scope.schema_url(), Some("https://opentelemetry.io/schemas/1.44.0"));

    let route = [("http.route", "/orders/{id}"), ("http.response.status_code", "200")];
    assert_eq!(bench.point("http.server.request.duration", &route), Some(1.0));
    assert_eq!(bench.point("http.client.request.duration", &[("url.template", "/orders/{id}")]), Some(1.0));
    assert_eq!(bench.point("http.server.active_requests", &[]), Some(0.0));
}

#[tokio::test]
async fn only_the_servers_own_failures_are_errors_of_the_server() {
    let bench = Bench::new();
    let url = serve(&bench).await;
    let client = reqwest::Client::new();
    let get = |path: &str| bench.kit.send(client.get(format!("{url}{path}"))).run();
    drop(get("/broken").await.unwrap());
    drop(get("/nowhere").await.unwrap());
    let spans = bench.spans();
    let find = |kind: SpanKind, code: &str| {
        let mut all = spans.iter();
        let code = Some(code.to_owned());
        all.find(|span| span.span_kind == kind && attribute(span, "http.response.status_code") == code).unwrap()
    };
    let broken = find(SpanKind::Server, "502");
    assert_eq!((status(broken).as_str(), attribute(broken, "error.type").as_deref()), ("error: ", Some("502")));
    let missing = find(SpanKind::Server, "404");
    assert_eq!((status(missing).as_str(), attribute(missing, "error.type")), ("unset", None));
    assert_eq!(missing.name, "GET");
    for code in ["502", "404"] {
        let call = find(SpanKind::Client, code);
        assert_eq!((status(call).as_str(), attribute(call, "error.type").as_deref()), ("error: ", Some(code)));
    }
    let failed = [("error.type", "502"), ("http.route", "/broken")];
    assert_eq!(bench.point("http.server.request.duration", &failed), Some(1.0));
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_span_and_the_gauge() {
    let bench = Bench::new();
    let url = serve(&bench).await;
    let client = reqwest::Client::new();
    for (path, kind) in [("/slow", "canceled"), ("/stream", "broken_response")] {
        let request = client.get(format!("{url}{path}")).timeout(Duration::from_millis(100)).send();
        let response = request.await;
        if let Ok(response) = response {
            assert!(response.bytes().await.is_err());
        }
        let mut found = None;
        until("the server's span", || {
            let spans = bench.spans();
            found = spans.into_iter().find(|span| span.name == format!("GET {path}"));
            found.is_some()
        })
        .await;
        let span = found.unwrap();
        assert_eq!(attribute(&span, "error.type").as_deref(), Some(kind));
        assert_eq!(status(&span), "error: ");
        assert_eq!(bench.point("http.server.active_requests", &[]), Some(0.0));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_broken_response_on_both_sides() {
    let bench = Bench::new();
    let url = serve(&bench).await;
    let response = bench.kit.send(reqwest::Client::new().get(format!("{url}/breaks"))).run().await.unwrap();
    assert!(response.bytes().await.is_err());
    for span in bench.spans() {
        assert_eq!(attribute(&span, "error.type").as_deref(), Some("broken_response"), "{}", span.name);
        assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("200"));
    }
    assert_eq!(bench.spans().len(), 2);
}

#[tokio::test]
async fn a_panic_in_a_handler_is_told_and_closes_the_connection_only() {
    let bench = Bench::new();
    let url = serve(&bench).await;
    let client = reqwest::Client::new();
    assert!(client.get(format!("{url}/panic")).send().await.is_err());
    let span = server(&bench);
    assert_eq!((span.name.as_ref(), status(&span).as_str()), ("GET /panic", "error: "));
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("panic"));
    assert_eq!(bench.point("http.server.active_requests", &[]), Some(0.0));
    let logs = bench.memory.logs();
    let told = logs.first().unwrap().record.trace_context().unwrap().span_id;
    assert_eq!(told, span.span_context.span_id());
    assert!(client.get(format!("{url}/orders/1")).send().await.is_ok());
}

#[tokio::test]
async fn transport_failures_have_names() {
    let bench = Bench::new();
    let refused = support::receiver::refusing();
    let client = reqwest::Client::new();
    bench.kit.send(client.get(refused)).run().await.unwrap_err();
    let silent = client.post(support::receiver::blackhole()).timeout(Duration::from_millis(50));
    bench.kit.send(silent).run().await.unwrap_err();
    assert_eq!(attribute(&bench.span("GET"), "error.type").as_deref(), Some("connection_refused"));
    assert_eq!(attribute(&bench.span("POST"), "error.type").as_deref(), Some("timeout"));
}

#[tokio::test]
async fn strangers_are_linked_to_and_not_followed_at_public_edges() {
    let bench = Bench::new();
    let url = serve(&bench).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let client = reqwest::Client::new();
    client.get(format!("{url}/public")).header("traceparent", parent).send().await.unwrap();
    let span = server(&bench);
    assert!(is_root(&span));
    let links: Vec<_> = span.links.iter().map(|link| link.span_context.trace_id().to_string()).collect();
    assert_eq!(links, ["0af7651916cd43dd8448eb211c80319c"]);
    assert_ne!(span.span_context.trace_id().to_string(), links[0]);
}

#[tokio::test]
async fn a_kit_that_records_nothing_still_passes_the_trace_on() {
    let idle = throughline::Config::builder("idle").variables([("OTEL_SDK_DISABLED", "true")]).build();
    let idle = throughline::init(idle).unwrap();
    let bench = Bench::new();
    let url = serve(&bench).await;
    bench
        .kit
        .span("origin")
        .observe(async {
            let request = reqwest::Client::new().get(format!("{url}/orders/1"));
            idle.send(request).run().await.unwrap();
        })
        .await;
    assert!(is_child(&server(&bench), &bench.span("origin")));
}
