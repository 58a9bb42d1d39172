//! Orders in PostgreSQL. The server may be an embedded one with a single connection, so nothing is prepared under a name and the
//! pool is as small as it is told to be.

use std::time::Duration;

use serde::Serialize;
use shop_base::NewOrder;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Row};
use throughline::{Database, Kit};

const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, customer text NOT NULL, total_cents bigint NOT NULL, \
     status text NOT NULL, created_at timestamptz NOT NULL DEFAULT now())",
    "CREATE TABLE IF NOT EXISTS order_items (order_id text NOT NULL REFERENCES orders (id), sku text NOT NULL, \
     quantity integer NOT NULL)",
    "CREATE TABLE IF NOT EXISTS audit (order_id text NOT NULL, what text NOT NULL, at timestamptz NOT NULL DEFAULT now())",
];
const INSERT_ORDER: &str = "INSERT INTO orders (id, customer, total_cents, status) VALUES ($1, $2, $3, 'created')";
const INSERT_ITEM: &str = "INSERT INTO order_items (order_id, sku, quantity) VALUES ($1, $2, $3)";
const INSERT_AUDIT: &str = "INSERT INTO audit (order_id, what) VALUES ($1, $2)";
const SELECT_ORDER: &str = "SELECT id, customer, total_cents, status FROM orders WHERE id = $1";

/// The database of orders. Clones share the pool.
#[derive(Clone)]
pub(crate) struct Store {
    pool: PgPool,
    database: Database,
}

/// Body of `GET /orders/{id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    order_id: String,
    customer: String,
    total_cents: i64,
    status: String,
}

impl Store {
    /// Prepares the pool; connects when first used.
    pub(crate) fn open(kit: &Kit, url: &str, connections: u32) -> Result<Self, sqlx::Error> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.statement_cache_capacity(0).disable_statement_logging();
        let database = kit.postgres(&options);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy_with(options);
        Ok(Store { pool, database })
    }

    pub(crate) async fn create_tables(&self) -> Result<(), sqlx::Error> {
        for table in TABLES {
            let create = sqlx::query(table).persistent(false).execute(&self.pool);
            self.database.query(table).run(create).await?;
        }
        Ok(())
    }

    pub(crate) async fn insert(&self, id: &str, order: &NewOrder) -> Result<(), sqlx::Error> {
        let mut transaction = self.database.query("BEGIN").run(self.pool.begin()).await?;
        let insert = sqlx::query(INSERT_ORDER).persistent(false).bind(id).bind(&order.customer).bind(order.total_cents);
        self.database.query(INSERT_ORDER).run(insert.execute(&mut *transaction)).await?;
        for item in &order.items {
            let insert = sqlx::query(INSERT_ITEM).persistent(false).bind(id).bind(&item.sku).bind(item.quantity);
            self.database.query(INSERT_ITEM).run(insert.execute(&mut *transaction)).await?;
        }
        self.database.query("COMMIT").run(transaction.commit()).await
    }

    pub(crate) async fn find(&self, id: &str) -> Result<Option<Order>, sqlx::Error> {
        let select = sqlx::query(SELECT_ORDER).persistent(false).bind(id);
        let Some(row) = self.database.query(SELECT_ORDER).run(select.fetch_optional(&self.pool)).await? else {
            return Ok(None);
        };
        Ok(Some(Order {
            order_id: row.try_get("id")?,
            customer: row.try_get("customer")?,
            total_cents: row.try_get("total_cents")?,
            status: row.try_get("status")?,
        }))
    }

    pub(crate) async fn audit(&self, order_id: &str, what: &str) -> Result<(), sqlx::Error> {
        let insert = sqlx::query(INSERT_AUDIT).persistent(false).bind(order_id).bind(what);
        self.database.query(INSERT_AUDIT).run(insert.execute(&self.pool)).await?;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}
