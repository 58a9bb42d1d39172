//! HTTP: axum and reqwest over real connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode};
use axum::routing::{any, post};
use futures_util::stream::{self, StreamExt};
use throughline::HttpLayer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::{PATIENCE, Scene};

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let layer = scene.kit.http_layer();
    match scenario {
        "http-server-200" => request(server(StatusCode::OK, layer).await, "GET", "/orders/17?card=4111").await,
        "http-server-404" => request(server(StatusCode::NOT_FOUND, layer).await, "GET", "/orders/17").await,
        "http-server-500" => request(server(StatusCode::INTERNAL_SERVER_ERROR, layer).await, "GET", "/orders/17").await,
        "http-server-panic" => request(panicking(layer).await, "GET", "/orders/17").await,
        "http-server-unknown-method" => request(server(StatusCode::OK, layer).await, "BREW", "/orders/17").await,
        "http-server-no-route" => request(server(StatusCode::OK, layer).await, "GET", "/nowhere").await,
        "http-server-method-not-allowed" => {
            let routes = post(|| async {}).put(|| async {});
            request(serve(Router::new().route("/orders/{id}", routes).layer(layer)).await, "DELETE", "/orders/17")
                .await;
        }
        "http-server-public" => request(server(StatusCode::OK, layer.public()).await, "GET", "/orders/17").await,
        "http-server-left-before-response" => {
            let begun = Arc::new(Notify::new());
            let url = slow(layer, Arc::clone(&begun)).await;
            tokio::select! {
                () = request(url, "GET", "/orders/17") => {}
                () = begun.notified() => {} // and away
            }
        }
        "http-server-left-in-body" => request(endless(layer).await, "GET", "/orders/17").await,
        "http-server-time-limit" => request(limited(layer).await, "GET", "/orders/17").await,
        "http-server-twice" => {
            let app = Router::new().route("/orders/{id}", any(async || StatusCode::OK));
            request(serve(app.layer(layer.clone()).layer(layer)).await, "GET", "/orders/17").await;
        }
        "http-server-stream" => request(in_pieces(layer, false).await, "GET", "/orders/17").await,
        "http-server-panic-in-body" => request(in_pieces(layer, true).await, "GET", "/orders/17").await,
        "http-server-left-detached" => left_detached(scene, layer).await,
        "http-server-debug" => {
            let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
            let headers = [("traceparent", traceparent), ("tracestate", "tl=debug:incident-42")];
            request_with(server(StatusCode::OK, layer).await, "GET", "/orders/17", &headers).await;
        }
        "http-server-secret" => {
            request(server(StatusCode::OK, layer).await, "GET", "/orders/4111111111111111?token=abc").await;
        }
        "http-client-secret" => {
            let url = server(StatusCode::OK, idle()).await + "/orders/4111111111111111?token=abc";
            call(scene, url, 20_000).await;
        }
        "http-client-stream" => call(scene, in_pieces(idle(), false).await + "/orders/17", 20_000).await,
        "http-client-body-dropped" => {
            let url = server(StatusCode::OK, idle()).await + "/orders/17";
            drop(scene.kit.send(reqwest::Client::new().get(url)).run().await.unwrap());
        }
        "http-client-canceled" => {
            let begun = Arc::new(Notify::new());
            let url = slow(idle(), Arc::clone(&begun)).await + "/orders/17";
            tokio::select! {
                () = call(scene, url, 20_000) => {}
                () = begun.notified() => {} // and away
            }
        }
        "http-client-200" => {
            let url = server(StatusCode::OK, idle()).await + "/orders/17?card=4111#me";
            let request = scene.kit.send(reqwest::Client::new().get(url));
            let response = request.template("/orders/{id}").resend_count(2).run().await.unwrap();
            response.bytes().await.unwrap();
        }
        "http-client-404" => call(scene, server(StatusCode::OK, idle()).await, 20_000).await,
        "http-client-refused" => call(scene, refusing(), 20_000).await,
        "http-client-unknown-host" => call(scene, "http://no-such-host.invalid:8080/".into(), 20_000).await,
        "http-client-timeout" => call(scene, blackhole().await, 50).await,
        "http-client-broken-body" => call(scene, breaking().await, 20_000).await,
        _ => return false,
    }
    true
}

/// A layer of a kit that records nothing.
pub(crate) fn idle() -> HttpLayer {
    let config = throughline::Config::builder("idle").variables([("OTEL_SDK_DISABLED", "true")]).build();
    throughline::init(config).unwrap().http_layer()
}

pub(crate) async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

async fn server(status: StatusCode, layer: HttpLayer) -> String {
    serve(Router::new().route("/orders/{id}", any(move || async move { status })).layer(layer)).await
}

async fn panicking(layer: HttpLayer) -> String {
    let handler = any(|| async { panic!("deliberate") as () });
    serve(Router::new().route("/orders/{id}", handler).layer(layer)).await
}

async fn slow(layer: HttpLayer, begun: Arc<Notify>) -> String {
    let handler = move || async move {
        begun.notify_one();
        std::future::pending::<()>().await;
    };
    serve(Router::new().route("/orders/{id}", any(handler)).layer(layer)).await
}

/// Answers 503 when its own time is up.
async fn limited(layer: HttpLayer) -> String {
    let handler = any(|| async {
        let waiting = std::future::pending::<()>();
        match tokio::time::timeout(Duration::from_millis(50), waiting).await {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    });
    serve(Router::new().route("/orders/{id}", handler).layer(layer)).await
}

/// Three pieces of a body, and a panic after them or not.
async fn in_pieces(layer: HttpLayer, panics: bool) -> String {
    let body = move || async move {
        let pieces = stream::iter(0..4).filter_map(move |piece| async move {
            assert!(piece < 3 || !panics, "deliberate");
            (piece < 3).then(|| Ok::<_, std::io::Error>(Bytes::from_static(b"chunk")))
        });
        Body::from_stream(pieces)
    };
    serve(Router::new().route("/orders/{id}", any(body)).layer(layer)).await
}

/// The client goes away; what the handler detached goes on.
async fn left_detached(scene: &Scene, layer: HttpLayer) {
    let (begun, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (audited, audit) = tokio::sync::oneshot::channel();
    let audited = Arc::new(std::sync::Mutex::new(Some(audited)));
    let (kit, told, left) = (scene.kit.clone(), Arc::clone(&begun), Arc::clone(&gone));
    let handler = move || async move {
        let task = kit.try_detach("audit", async move {
            left.notified().await;
            Ok::<_, std::fmt::Error>(())
        });
        let audited = audited.lock().unwrap().take();
        assert!(audited.unwrap().send(task).is_ok());
        told.notify_one();
        std::future::pending::<()>().await;
    };
    let url = serve(Router::new().route("/orders/{id}", any(handler)).layer(layer)).await;
    tokio::select! {
        () = request(url, "GET", "/orders/17") => {}
        () = begun.notified() => {} // and away
    }
    gone.notify_one();
    audit.await.unwrap().await.unwrap().unwrap();
}

async fn endless(layer: HttpLayer) -> String {
    let body =
        || async { Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 1 << 16])))) };
    serve(Router::new().route("/orders/{id}", any(body)).layer(layer)).await
}

/// Sends half of a body.
async fn breaking() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let _head = connection.read(&mut [0; 4096]).await.unwrap();
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await.unwrap();
    });
    url
}

/// A port nobody listens on: connections are refused.
pub(crate) fn refusing() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Accepts a connection and never answers.
async fn blackhole() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let _connection = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
    });
    url
}

async fn request(url: String, method: &str, path: &str) {
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request_with(url, method, path, &[("traceparent", traceparent)]).await;
}

/// Made by a client without telemetry that reads at most 1 MiB.
pub(crate) async fn request_with(url: String, method: &str, path: &str, headers: &[(&'static str, &str)]) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = reqwest::Client::new().request(method, url + path).header("user-agent", "edges").timeout(PATIENCE);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let Ok(mut response) = request.send().await else { return };
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > 1 << 20 {
            return;
        }
    }
}

pub(crate) async fn call(scene: &Scene, url: String, millis: u64) {
    let request = reqwest::Client::new().get(url).timeout(Duration::from_millis(millis));
    if let Ok(response) = scene.kit.send(request).run().await {
        let _ = response.bytes().await;
    }
}
