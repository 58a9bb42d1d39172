//! A request to an axum router. The community's layer emits less than the kit: no address, port and user agent of the span's own contract,
//! no exemplars, and it ends with the response's head, while the kit watches the body to its end.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use axum::routing::get;
use criterion::Criterion;
use futures_util::FutureExt;
use opentelemetry::global;
use opentelemetry_instrumentation_tower::http::server::Layer;
use opentelemetry_sdk::trace::Sampler;
use tower::ServiceExt;
use tower::util::MapResponseLayer;

use crate::{ThreadCpu, kits, meters, sdk};

pub(crate) fn benches(c: &mut Criterion<ThreadCpu>) {
    let router = || Router::new().route("/orders/{id}", get(|| async {}));
    let mut group = c.benchmark_group("server");
    let mut request = |name: &str, app: Router| {
        group.bench_function(name, |b| {
            b.iter(|| {
                let request = Request::get("/orders/7").header("host", "shop").body(Body::empty()).unwrap();
                app.clone().oneshot(request).now_or_never().unwrap().unwrap()
            });
        });
    };
    request("bare", router());
    // What axum asks for any layer at all, whatever it does: the route is boxed once more. And for one that has something of its own, which
    // axum boxes and clones for each request.
    request("any-layer", router().layer(MapResponseLayer::new(|response: Response| response)));
    let own = Arc::new(());
    let map = move |response: Response| {
        std::hint::black_box(&own);
        response
    };
    request("any-layer-with-state", router().layer(MapResponseLayer::new(map)));
    for (name, kit) in kits() {
        request(name, router().layer(kit.http_layer()));
    }
    global::set_meter_provider(meters());
    for (name, sampler) in [("tower-unsampled", Sampler::AlwaysOff), ("tower-sampled", Sampler::AlwaysOn)] {
        global::set_tracer_provider(sdk(sampler));
        request(name, router().layer(Layer::new()));
    }
}
