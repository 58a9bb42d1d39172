//! The HTTP interface: see examples/shop/proto/README.md for the bodies.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use shop_base::shop_v1::inventory_client::InventoryClient;
use shop_base::shop_v1::{Item, ReserveRequest};
use shop_base::{NewOrder, OrderCreated, SUBJECT_ORDER_CREATED, Service};
use throughline::nats::Outgoing;
use tonic::transport::Channel;

use crate::store::Store;

/// What the handlers need.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) service: Service,
    pub(crate) store: Store,
    pub(crate) inventory: InventoryClient<throughline::GrpcClient<Channel>>,
}

pub(crate) fn router(shop: Shop) -> Router {
    let traced = shop.service.kit.http_layer();
    Router::new()
        .route("/orders", post(place))
        .route("/orders/{id}", get(find))
        .layer(traced)
        .route("/healthz", get(|| async { "ok" }))
        .with_state(Arc::new(shop))
}

/// A request that was not served; the cause is logged where it is known.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the database failed");
        Refusal(StatusCode::INTERNAL_SERVER_ERROR, "the order could not be kept".to_owned())
    }
}

async fn place(State(shop): State<Arc<Shop>>, Json(order): Json<NewOrder>) -> Result<Response, Refusal> {
    if order.customer.is_empty() || order.items.is_empty() || order.total_cents < 0 {
        tracing::warn!(customer = order.customer, "not an order");
        return Err(Refusal(StatusCode::BAD_REQUEST, "an order needs a customer and items".to_owned()));
    }
    let order_id = new_id();
    reserve(&shop, &order_id, &order).await?;
    shop.store.insert(&order_id, &order).await?;
    announce(&shop, &order_id, &order).await;
    audit(&shop, &order_id);
    tracing::info!(order_id, customer = order.customer, total_cents = order.total_cents, "order created");
    let body = json!({ "orderId": order_id, "totalCents": order.total_cents });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

async fn find(State(shop): State<Arc<Shop>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    match shop.store.find(&id).await? {
        Some(order) => {
            tracing::info!(order_id = id, "order found");
            Ok(Json(order).into_response())
        }
        None => {
            tracing::info!(order_id = id, "no such order");
            Err(Refusal(StatusCode::NOT_FOUND, format!("there is no order {id}")))
        }
    }
}

async fn reserve(shop: &Shop, order_id: &str, order: &NewOrder) -> Result<(), Refusal> {
    let items = order.items.iter().map(|item| Item { sku: item.sku.clone(), quantity: item.quantity });
    let request = ReserveRequest { order_id: order_id.to_owned(), items: items.collect() };
    match shop.inventory.clone().reserve(request).await {
        Ok(response) if response.get_ref().reserved => Ok(()),
        Ok(response) => {
            let reason = response.into_inner().reason;
            tracing::warn!(order_id, reason, "not reserved");
            Err(Refusal(StatusCode::CONFLICT, reason))
        }
        Err(status) => {
            tracing::error!(order_id, error = %status.message(), error.type = ?status.code(), "inventory failed");
            Err(Refusal(StatusCode::BAD_GATEWAY, "inventory did not answer".to_owned()))
        }
    }
}

/// The order stands even when nobody hears of it.
async fn announce(shop: &Shop, order_id: &str, order: &NewOrder) {
    let created = OrderCreated {
        order_id: order_id.to_owned(),
        customer: order.customer.clone(),
        total_cents: order.total_cents,
    };
    let payload = match serde_json::to_vec(&created) {
        Ok(payload) => payload,
        Err(error) => {
            tracing::error!(order_id, error = %error, "the order was not announced");
            return;
        }
    };
    let message = Outgoing::new(SUBJECT_ORDER_CREATED, payload.into()).header("Nats-Msg-Id", order_id);
    if let Err(error) = shop.service.bus.publish_message(message).await {
        tracing::error!(order_id, error = %error, "the order was not announced");
    }
}

/// Nobody waits for the audit: it runs in a trace of its own, linked to the order's.
fn audit(shop: &Shop, order_id: &str) {
    let (store, order_id) = (shop.store.clone(), order_id.to_owned());
    shop.service.kit.detach("audit order", async move {
        match store.audit(&order_id, "created").await {
            Ok(()) => tracing::info!(order_id, "order audited"),
            Err(error) => tracing::error!(order_id, error = %error, "the order was not audited"),
        }
    });
}

/// A random UUID-like id: enough for a shop.
fn new_id() -> String {
    let random = || RandomState::new().build_hasher().finish(); // the keys of hash maps are random
    let hex = format!("{:016x}{:016x}", random(), random());
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}
