//! What the Rust services of the shop have in common: the generated gRPC code, the fault switches, and an orderly start and end.

pub mod faults;
mod service;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
pub mod shop_v1;

pub use service::{Error, Service, env, run};

use serde::{Deserialize, Serialize};

/// NATS subject of [`OrderCreated`], from orders to notifier.
pub const SUBJECT_ORDER_CREATED: &str = "orders.created";
/// NATS subject of [`Reserved`], from inventory to worker.
pub const SUBJECT_RESERVED: &str = "inventory.reserved";
/// NATS subject of [`Restock`], from worker to inventory.
pub const SUBJECT_RESTOCK: &str = "inventory.restock";

/// So many of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Which product.
    pub sku: String,
    /// How many.
    pub quantity: i32,
}

/// Body of `POST /orders`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewOrder {
    /// Who buys.
    pub customer: String,
    /// What.
    pub items: Vec<Item>,
    /// For how much, as pricing quoted it.
    pub total_cents: i64,
}

/// An order exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderCreated {
    /// Which order.
    pub order_id: String,
    /// Who bought.
    pub customer: String,
    /// For how much.
    pub total_cents: i64,
}

/// Goods were taken from the shelf.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reserved {
    /// For which order.
    pub order_id: String,
    /// Which goods.
    pub items: Vec<Item>,
}

/// Goods to put on the shelf.
#[derive(Debug, Clone, Serialize)]
pub struct Restock {
    /// Which goods.
    pub items: Vec<Item>,
}
