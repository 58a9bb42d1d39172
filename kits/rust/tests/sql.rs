//! SQL spans. What a query's future does is the driver's business, so these need no database.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use sqlx::error::{DatabaseError, ErrorKind};
use support::{Bench, attribute, attributes, is_child, status};
use throughline::Database;
use throughline::opentelemetry::trace::SpanKind;

const SELECT: &str = "SELECT * FROM orders WHERE id = $1 AND note <> 'secret'";

fn database(bench: &Bench) -> Database {
    bench.kit.postgres(&"postgres://ann:pw@db.example:5433/shop".parse().unwrap())
}

#[tokio::test]
async fn a_query_is_a_client_span_without_its_values() {
    let bench = Bench::new();
    let database = database(&bench);
    bench.kit.span("request").observe(async { database.query(SELECT).run(async { Ok(7) }).await }).await.unwrap();
    let span = bench.span("SELECT orders");
    assert!(is_child(&span, &bench.span("request")));
    assert_eq!(span.span_kind, SpanKind::Client);
    let expected = [
        "db.namespace=shop",
        "db.operation.name=SELECT",
        "db.query.summary=SELECT orders",
        "db.query.text=SELECT * FROM orders WHERE id = $1 AND note <> ?",
        "db.system.name=postgresql",
        "server.address=db.example",
        "server.port=5433",
    ];
    assert_eq!(attributes(&span), expected);
    assert_eq!(bench.point("db.client.operation.duration", &[("db.query.summary", "SELECT orders")]), Some(1.0));
}

#[tokio::test]
async fn no_rows_is_an_answer() {
    let bench = Bench::new();
    let query = database(&bench);
    query.query(SELECT).run(async { Err::<(), _>(sqlx::Error::RowNotFound) }).await.unwrap_err();
    let span = bench.span("SELECT orders");
    assert_eq!((status(&span).as_str(), attribute(&span, "error.type")), ("unset", None));
}

#[tokio::test]
async fn errors_are_named_by_the_database_or_by_their_kind() {
    let bench = Bench::new();
    let database = database(&bench);
    let refuse = |error: sqlx::Error| async { Err::<(), _>(error) };
    database.query("INSERT INTO orders").run(refuse(sqlx::Error::Database(Box::new(Duplicate)))).await.unwrap_err();
    database.query("UPDATE orders").run(refuse(sqlx::Error::PoolTimedOut)).await.unwrap_err();
    let io = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    database.query("DELETE FROM orders").run(refuse(sqlx::Error::Io(io))).await.unwrap_err();

    let duplicate = bench.span("INSERT orders");
    assert_eq!(attribute(&duplicate, "db.response.status_code").as_deref(), Some("23505"));
    assert_eq!(attribute(&duplicate, "error.type").as_deref(), Some("23505"));
    assert_eq!(status(&duplicate), "error: duplicate key");
    assert_eq!(attribute(&bench.span("UPDATE orders"), "error.type").as_deref(), Some("timeout"));
    let refused = bench.span("DELETE orders");
    assert_eq!(attribute(&refused, "error.type").as_deref(), Some("connection_refused"));
    assert_eq!(status(&refused), "error: ");
}

#[derive(Debug)]
struct Duplicate;

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("duplicate key")
    }
}

impl Error for Duplicate {}

impl DatabaseError for Duplicate {
    fn message(&self) -> &str {
        "duplicate key"
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some("23505".into())
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::UniqueViolation
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
