//! The test in the guide, word for word: doctests do not run tests.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use throughline::Config;
use throughline::opentelemetry::KeyValue;
use throughline::testing::Memory;
use tower::ServiceExt;

#[tokio::test]
async fn an_order_is_one_trace() {
    let memory = Memory::new();
    let kit = throughline::init(Config::builder("test").memory(memory.clone()).build()).unwrap();
    let basket = kit.clone();
    let create = move || async move {
        basket.span("price basket").observe(async {}).await;
        StatusCode::CREATED
    };
    let app = Router::new().route("/orders", post(create)).layer(kit.http_layer());
    let request = Request::post("/orders").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    drop(response); // the span ends with the body

    kit.flush(Duration::from_secs(1)).unwrap();
    assert_eq!(memory.tree(), "POST /orders\n  price basket\n");
    let server = memory.spans().into_iter().find(|span| span.name == "POST /orders").unwrap();
    assert!(server.attributes.contains(&KeyValue::new("http.response.status_code", 201)));
}

#[test]
fn the_guide_has_this_test() {
    let Ok(guide) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide-rust.md")) else {
        return; // the crate is alone, without the repository
    };
    let block = guide.split("```rust\n").find(|block| block.starts_with("#[tokio::test]"));
    let test = block.and_then(|block| block.split("```").next()).expect("a block that is a test");
    assert!(include_str!("guide.rs").contains(test), "docs/guide-rust.md and tests/guide.rs differ");
}
