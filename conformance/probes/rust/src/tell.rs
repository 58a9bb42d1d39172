//! What a service tells of its own: log records, metrics, and spans with secrets in every place.

use std::fmt::Error;

use throughline::opentelemetry::{Array, KeyValue, Value};
use tracing::{debug, error, info, warn};
use tracing_subscriber::prelude::*;

use crate::Scene;

const SECRET: &str = "password=hunter2";

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let kit = &scene.kit;
    match scenario {
        "log-levels" => logged(scene, log_levels).await,
        "log-secret" => logged(scene, log_secret).await,
        "log-no-span" => written(scene, || info!(target: "probe.orders", port = 8080, "listening")),
        "meter-own" => measure(scene, "tea"),
        "meter-secret" => measure(scene, "Bearer abc123def"),
        "span-secret" => {
            let urls = Value::Array(Array::String(vec!["https://api.example.com/v1?token=abc123".into()]));
            let span = kit
                .span(format!("log in with {SECRET}"))
                .attribute(KeyValue::new("password", "hunter2"))
                .attribute(KeyValue::new("note", "card 4111111111111111"))
                .attribute(KeyValue::new("urls", urls))
                .attribute(KeyValue::new("card", 4_111_111_111_111_111));
            span.run(async { Err::<(), _>(format!("cannot log in with {SECRET}")) }).await.unwrap_err();
        }
        "spawn-panic-secret" => {
            let task = kit.try_spawn("log in", async { panic!("cannot log in with {SECRET}") as Result<(), Error> });
            task.await.unwrap_err();
        }
        _ => return false,
    }
    true
}

async fn logged(scene: &Scene, write: fn()) {
    scene.kit.span("request").observe(async { written(scene, write) }).await;
}

fn written(scene: &Scene, write: fn()) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(scene.kit.log_layer()), write);
}

fn log_levels() {
    debug!(target: "probe.orders", "too quiet");
    info!(name: "order.created", target: "probe.orders", { order.id = 17 }, "order created");
    warn!(target: "probe.orders", sku = "tea", share = 0.5, ordered = false, "stock is low");
    error!(target: "probe.orders", { error.type = "_OTHER", error = "timed out" }, "payment failed");
}

fn log_secret() {
    error!(
        target: "probe.orders",
        {
            error.type = "declined",
            error = "card 4111111111111111 declined",
            authorization = "Basic QWxhZGRpbg==",
            url = "https://api.example.com/v1?token=abc123",
        },
        "cannot log in with {SECRET}"
    );
}

/// Measures something of the service's, outside of any span.
fn measure(scene: &Scene, product: &'static str) {
    let meter = scene.kit.meter("probe.orders");
    let of = [KeyValue::new("product", product), KeyValue::new("session.token", "t-1")];
    meter.u64_counter("orders.sold").with_unit("{order}").with_description("Orders sold.").build().add(2, &of);
    let open = meter.i64_up_down_counter("orders.open").with_unit("{order}");
    open.with_description("Orders not yet sent.").build().add(-1, &of);
    let worth = meter.f64_histogram("orders.worth").with_unit("{euro}").with_description("What orders are worth.");
    worth.with_boundaries(vec![10.0, 100.0]).build().record(42.5, &of);
    let warmth = meter.f64_gauge("tea.temperature").with_unit("Cel").with_description("How warm the tea is.");
    warmth.build().record(61.5, &of);
}
