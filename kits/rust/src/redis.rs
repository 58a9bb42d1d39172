//! Redis: a connection of redis-rs that traces its commands. All of `AsyncCommands`, pipelines and transactions go through it.
//!
//! ```no_run
//! use redis::AsyncCommands;
//! # async fn example(kit: throughline::Kit) -> redis::RedisResult<()> {
//! let client = redis::Client::open("redis://127.0.0.1:6379/0")?;
//! let mut redis = kit.redis(client.get_connection_info(), client.get_multiplexed_async_connection().await?);
//! let price: Option<i64> = redis.get("price:17").await?;
//! # let _ = price;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use opentelemetry::trace::{FutureExt as _, SpanBuilder, SpanKind};
use opentelemetry::{Context, KeyValue};
use redis::aio::ConnectionLike;
use redis::{Arg, Cmd, ConnectionAddr, ConnectionInfo, Pipeline, RedisError, RedisFuture, Value};

use crate::attributes::int;
use crate::core::{Core, Point};
use crate::kit::Kit;
use crate::names;
use crate::operation::{Operation, Outcome, transport_error};

/// A connection whose commands are CLIENT spans named after the command. Keys and values are not told: both may be anybody's data.
#[derive(Clone)]
pub struct Connection<C> {
    core: Arc<Core>,
    shared: Arc<[KeyValue]>,
    inner: C,
}

impl<C> std::fmt::Debug for Connection<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl Kit {
    /// Traces a connection of redis-rs, of any kind. Dialling is not part of it.
    #[must_use]
    pub fn redis<C: ConnectionLike>(&self, info: &ConnectionInfo, connection: C) -> Connection<C> {
        let mut shared = vec![
            KeyValue::new(names::DB_SYSTEM_NAME, "redis"),
            KeyValue::new(names::DB_NAMESPACE, connection.get_db().to_string()),
        ];
        if let ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } = info.addr() {
            shared.push(KeyValue::new(names::SERVER_ADDRESS, host.clone()));
            shared.push(KeyValue::new(names::SERVER_PORT, i64::from(*port)));
        }
        Connection { core: Arc::clone(self.core()), shared: shared.into(), inner: connection }
    }
}

impl<C> Connection<C> {
    fn start(&self, name: String, own: Option<KeyValue>) -> Operation {
        if !self.core.switches.redis.is_on() {
            return Operation::idle(&Context::current());
        }
        let mut measured = self.shared.to_vec();
        measured.push(KeyValue::new(names::DB_OPERATION_NAME, name.clone()));
        let mut attributes = measured.clone();
        attributes.extend(own);
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(attributes);
        Operation::start(&self.core, Point::Redis, builder, &Context::current())
            .measured(&self.core.instruments.redis_duration, measured)
    }
}

impl<C: ConnectionLike + Send> ConnectionLike for Connection<C> {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        let mut operation = self.start(command_name(cmd), None);
        Box::pin(async move {
            let context = operation.context().clone();
            let result = self.inner.req_packed_command(cmd).with_context(context).await;
            let outcome = match &result {
                Ok(Value::ServerError(error)) => refused(&mut operation, error.code()),
                Ok(_) => Outcome::Success,
                Err(error) => failed(&mut operation, error),
            };
            operation.end(outcome);
            result
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let commands = pipeline.cmd_iter().count();
        let own = (commands > 1).then(|| KeyValue::new(names::DB_BATCH_SIZE, int(commands)));
        let mut operation = self.start(pipeline_name(pipeline), own);
        Box::pin(async move {
            let context = operation.context().clone();
            let result = self.inner.req_packed_commands(pipeline, offset, count).with_context(context).await;
            let outcome = match &result {
                Ok(answers) => match answers.iter().find_map(refusal) {
                    Some(code) => refused(&mut operation, code),
                    None => Outcome::Success,
                },
                Err(error) => failed(&mut operation, error),
            };
            operation.end(outcome);
            result
        })
    }

    fn get_db(&self) -> i64 {
        self.inner.get_db()
    }
}

fn command_name(cmd: &Cmd) -> String {
    match cmd.args_iter().next() {
        Some(Arg::Simple(name)) => String::from_utf8_lossy(name).to_ascii_uppercase(),
        _ => "_OTHER".to_owned(),
    }
}

/// PIPELINE or MULTI, with the command's name if all are the same.
fn pipeline_name(pipeline: &Pipeline) -> String {
    let kind = if pipeline.is_transaction() { "MULTI" } else { "PIPELINE" };
    let commands: BTreeSet<_> = pipeline.cmd_iter().map(command_name).collect();
    match commands.first() {
        Some(name) if commands.len() == 1 => format!("{kind} {name}"),
        _ => kind.to_owned(),
    }
}

/// The first command of a pipeline, or of a transaction inside it, that was refused.
fn refusal(answer: &Value) -> Option<&str> {
    match answer {
        Value::ServerError(error) => Some(error.code()),
        Value::Array(answers) => answers.iter().find_map(refusal),
        _ => None,
    }
}

/// Names an error by the word Redis begins it with, such as WRONGTYPE. The rest may quote the command.
fn refused(operation: &mut Operation, code: &str) -> Outcome {
    operation.set_measured(names::DB_STATUS_CODE, code.to_owned());
    Outcome::failure(code.to_owned())
}

fn failed(operation: &mut Operation, error: &RedisError) -> Outcome {
    match error.code() {
        Some(code) => refused(operation, code),
        None if error.is_timeout() => Outcome::failure("timeout"),
        None if error.is_connection_dropped() => Outcome::failure("connection_reset"),
        None => Outcome::failure(transport_error(error).unwrap_or("redis::RedisError")),
    }
}
