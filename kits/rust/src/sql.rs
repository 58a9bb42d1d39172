//! SQL: query execution for sqlx, which has no hooks of its own. A query's future is run inside a CLIENT span.

use std::sync::Arc;

use opentelemetry::trace::{FutureExt as _, SpanBuilder, SpanKind};
use opentelemetry::{Context, KeyValue};

use crate::attributes::int;
use crate::core::{Core, Point};
use crate::kit::Kit;
use crate::names;
use crate::operation::{Operation, Outcome, transport_error};
use crate::runtime::up_down;
use crate::sql_text::Statement;

const SYSTEM: &str = "postgresql";

/// A database queries are sent to: the attributes they share. Clone it freely.
#[derive(Clone)]
pub struct Database {
    core: Arc<Core>,
    shared: Arc<[KeyValue]>,
    name: &'static str,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// One query about to be run.
#[must_use = "a query is traced when run() is awaited"]
#[derive(Debug)]
pub struct Query<'a> {
    database: &'a Database,
    text: &'a str,
}

impl Kit {
    /// Describes a PostgreSQL database as sqlx connects to it.
    ///
    /// ```no_run
    /// # async fn example(kit: throughline::Kit, pool: sqlx::PgPool) -> Result<(), sqlx::Error> {
    /// const INSERT: &str = "INSERT INTO orders (id, total_cents) VALUES ($1, $2)";
    /// let database = kit.postgres(&pool.connect_options());
    /// let insert = sqlx::query(INSERT).bind("o-17").bind(1250_i64);
    /// database.query(INSERT).run(insert.execute(&pool)).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn postgres(&self, options: &sqlx::postgres::PgConnectOptions) -> Database {
        let mut shared = vec![KeyValue::new(names::DB_SYSTEM_NAME, SYSTEM)];
        if let Some(name) = options.get_database() {
            shared.push(KeyValue::new(names::DB_NAMESPACE, name.to_owned()));
        }
        shared.push(KeyValue::new(names::SERVER_ADDRESS, options.get_host().to_owned()));
        shared.push(KeyValue::new(names::SERVER_PORT, i64::from(options.get_port())));
        Database { core: Arc::clone(self.core()), shared: shared.into(), name: SYSTEM }
    }
}

impl Database {
    /// Names the query that is about to run. Literals in the text are replaced before it is told; arguments are never told.
    pub fn query<'a>(&'a self, text: &'a str) -> Query<'a> {
        Query { database: self, text }
    }
}

impl Kit {
    /// Reports the connections of a pool with every collection of metrics: `db.client.connection.count` by state, and
    /// `db.client.connection.max`. The name must be unique in the process; the pool is kept until the kit shuts down.
    pub fn observe_pool<DB: sqlx::Database>(&self, pool: &sqlx::Pool<DB>, name: &str) {
        let Some(meter) = self.meter_of(names::SCOPE_SQL) else {
            return;
        };
        let pool_name = KeyValue::new(names::DB_POOL_NAME, name.to_owned());
        let states = ["idle", "used"].map(|state| [pool_name.clone(), KeyValue::new(names::DB_POOL_STATE, state)]);
        let watched = pool.clone();
        up_down(&meter, &names::METRIC_DB_CLIENT_CONNECTION_COUNT)
            .with_callback(move |observer| {
                let (all, idle) = (i64::from(watched.size()), int(watched.num_idle()));
                let [of_idle, of_used] = &states;
                observer.observe(idle.min(all), of_idle);
                observer.observe((all - idle).max(0), of_used);
            })
            .build();
        let most = i64::from(pool.options().get_max_connections());
        up_down(&meter, &names::METRIC_DB_CLIENT_CONNECTION_MAX)
            .with_callback(move |observer| observer.observe(most, std::slice::from_ref(&pool_name)))
            .build();
    }
}

impl Query<'_> {
    /// Runs a future that executes this query. `RowNotFound` is an answer, not an error of the span.
    ///
    /// # Errors
    /// Whatever the future returns.
    pub async fn run<T>(self, future: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
        let mut operation = self.start();
        let context = operation.context().clone();
        let result = future.with_context(context).await;
        let outcome = match &result {
            Ok(_) | Err(sqlx::Error::RowNotFound) => Outcome::Success,
            Err(error) => fail(&mut operation, error),
        };
        operation.end(outcome);
        result
    }

    fn start(&self) -> Operation {
        let core = &self.database.core;
        if !core.switches.sql.is_on() {
            return Operation::idle(&Context::current());
        }
        let statement = Statement::parse(self.text);
        let mut measured = self.database.shared.to_vec();
        let parts = [(names::DB_OPERATION_NAME, &statement.operation), (names::DB_QUERY_SUMMARY, &statement.summary)];
        for (key, value) in parts {
            if !value.is_empty() {
                measured.push(KeyValue::new(key, value.clone()));
            }
        }
        let mut attributes = measured.clone();
        // BEGIN says no more as a text.
        if !statement.text.eq_ignore_ascii_case(&statement.operation) {
            attributes.push(KeyValue::new(names::DB_QUERY_TEXT, statement.text));
        }
        let name = match statement.summary.as_str() {
            "" => self.database.name.to_owned(),
            summary => summary.to_owned(),
        };
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(attributes);
        Operation::start(core, Point::Sql, builder, &Context::current())
            .measured(&core.instruments.db_duration, measured)
    }
}

fn fail(operation: &mut Operation, error: &sqlx::Error) -> Outcome {
    if let sqlx::Error::Database(database) = error {
        if let Some(code) = database.code() {
            let description = if is_tellable(&code) { database.message().to_owned() } else { String::new() };
            operation.set_measured(names::DB_STATUS_CODE, code.to_string());
            return Outcome::Failure { kind: code.into_owned().into(), description };
        }
        return Outcome::failure("sqlx::Error::Database");
    }
    let kind = match error {
        sqlx::Error::PoolTimedOut => "timeout",
        other => transport_error(other).unwrap_or("sqlx::Error"),
    };
    // Such errors may quote values, so only their kind is told.
    Outcome::failure(kind)
}

/// Classes of SQLSTATE whose messages name constraints and resources. In others, such as 22 (data exceptions) and 42 (syntax errors),
/// they may quote values and parts of the statement.
fn is_tellable(code: &str) -> bool {
    let class = code.get(..2).unwrap_or_default();
    code.len() == 5 && ["08", "23", "25", "40", "53", "55", "57"].contains(&class)
}
