//! SQL: sqlx on a PostgreSQL with a table of one order. sqlx has no hooks, so a query is a future like any other.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::Scene;

const SLEEP: &str = "SELECT pg_sleep(20)";
const INSERT: &str = "INSERT INTO orders (id, note) VALUES ($1, 'secret')";

pub(crate) async fn play(scenario: &str, scene: &Scene) -> bool {
    let options: PgConnectOptions = scene.backends["postgres"].parse().unwrap();
    let options = options.options([("search_path", "probe_rust")]); // the other probe has a schema of its own
    let database = scene.kit.postgres(&options);
    let mut conn = prepared(&options).await;
    let _ = match scenario {
        "sql-ok" => {
            let text = "SELECT * FROM orders WHERE id = $1 AND note <> 'secret'";
            database.query(text).run(sqlx::query(text).bind(1).fetch_all(&mut conn)).await.map(|_| ())
        }
        "sql-no-rows" => {
            let text = "SELECT id FROM orders WHERE id = $1";
            database.query(text).run(sqlx::query(text).bind(404).fetch_one(&mut conn)).await.map(|_| ())
        }
        "sql-duplicate" => database.query(INSERT).run(sqlx::query(INSERT).bind(1).execute(&mut conn)).await.map(|_| ()),
        "sql-error-that-quotes-a-value" => {
            let text = "SELECT 'secret'::int FROM orders";
            database.query(text).run(conn.execute(text)).await.map(|_| ())
        }
        "sql-statement-timeout" => {
            let limit = "SET statement_timeout = 50";
            database.query(limit).run(conn.execute(limit)).await.unwrap();
            database.query(SLEEP).run(conn.execute(SLEEP)).await.map(|_| ())
        }
        "sql-canceled" => {
            let sleeping = database.query(SLEEP).run(conn.execute(SLEEP));
            tokio::time::timeout(Duration::from_millis(50), sleeping).await.unwrap_err();
            return true; // the connection still waits
        }
        "sql-connection-lost" => {
            let text = "SELECT pg_terminate_backend(pg_backend_pid())";
            database.query(text).run(conn.execute(text)).await.unwrap_err();
            return true;
        }
        "sql-rollback" => {
            database.query("BEGIN").run(conn.execute("BEGIN")).await.unwrap();
            database.query(INSERT).run(sqlx::query(INSERT).bind(1).execute(&mut conn)).await.unwrap_err();
            database.query("ROLLBACK").run(conn.execute("ROLLBACK")).await.map(|_| ())
        }
        "sql-pool" => {
            let pool = PgPoolOptions::new().max_connections(4).connect_with(options).await.unwrap();
            while pool.num_idle() != 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            scene.kit.observe_pool(&pool, "orders");
            Ok(())
        }
        "sql-transaction" => {
            database.query("BEGIN").run(conn.execute("BEGIN")).await.unwrap();
            database.query(INSERT).run(sqlx::query(INSERT).bind(2).execute(&mut conn)).await.unwrap();
            database.query("COMMIT").run(conn.execute("COMMIT")).await.map(|_| ())
        }
        _ => return false,
    };
    conn.close().await.unwrap();
    true
}

async fn prepared(options: &PgConnectOptions) -> PgConnection {
    let mut conn = options.connect().await.unwrap();
    conn.execute("DROP SCHEMA IF EXISTS probe_rust CASCADE; CREATE SCHEMA probe_rust").await.unwrap();
    conn.execute("CREATE TABLE orders (id int PRIMARY KEY, note text)").await.unwrap();
    conn.execute("INSERT INTO orders VALUES (1, 'first')").await.unwrap();
    conn
}
