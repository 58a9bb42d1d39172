//! SQL: what a query's future does is the driver's business, so the database is a fake that answers as PostgreSQL does.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};

use crate::support::Bench;

const INSERT: &str = "INSERT INTO orders (id, note) VALUES ($1, 'secret')";

pub(crate) async fn produce(edge: &str, bench: &Bench) -> bool {
    let database = bench.kit.postgres(&"postgres://postgres:pw@127.0.0.1:5432/postgres".parse().unwrap());
    let fine = async || Ok(());
    let fails = async |code, message| Err::<(), _>(sqlx::Error::Database(Box::new(Fake(code, message))));
    let _ = match edge {
        "sql-ok" => {
            let query = "SELECT * FROM orders WHERE id = $1 AND note <> 'secret'";
            database.query(query).run(fine()).await
        }
        "sql-no-rows" => {
            let none = async { Err(sqlx::Error::RowNotFound) };
            database.query("SELECT id FROM orders WHERE id = $1").run(none).await
        }
        "sql-duplicate" => {
            let message = "duplicate key value violates unique constraint \"orders_pkey\"";
            database.query(INSERT).run(fails("23505", message)).await
        }
        "sql-error-that-quotes-a-value" => {
            let message = "invalid input syntax for type integer: \"secret\"";
            database.query("SELECT 'secret'::int FROM orders").run(fails("22P02", message)).await
        }
        "sql-transaction" => {
            database.query("BEGIN").run(fine()).await.unwrap();
            database.query(INSERT).run(fine()).await.unwrap();
            database.query("COMMIT").run(fine()).await
        }
        _ => return false,
    };
    true
}

/// SQLSTATE and message.
#[derive(Debug)]
struct Fake(&'static str, &'static str);

impl fmt::Display for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

impl Error for Fake {}

impl DatabaseError for Fake {
    fn message(&self) -> &str {
        self.1
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.0.into())
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }

    fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
        self
    }
}
