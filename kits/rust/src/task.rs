//! Work of the service itself: spans, child tasks and detached tasks.
//!
//! The active context is thread-local, so a task started with plain `tokio::spawn` loses it. A context held by a background task
//! keeps the request's span open. The three ways here avoid both: a child task carries the context with it and ends with its own
//! span; a detached task keeps only the identity of its origin, as a link, and the baggage.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{Link, SpanBuilder, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use tokio::task::JoinHandle;

use crate::TELEMETRY;
use crate::core::{Core, Point};
use crate::kit::Kit;
use crate::names;
use crate::observed::Observed;
use crate::operation::{Operation, Outcome, PANIC, error_type, panic_text};

/// The outcome of a result: `error.type` is the error's type, the description its text.
pub(crate) fn outcome_of<T, E: Display>(result: &Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(error) => Outcome::Failure { kind: error_type::<E>().into(), description: error.to_string() },
    }
}

impl Kit {
    /// Spawns a child task: a span under the active one, which the task carries across threads. Panics as `tokio::spawn` does when
    /// there is no runtime. For work that may fail use [`try_spawn`](Kit::try_spawn).
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if !TELEMETRY {
            return tokio::spawn(future);
        }
        let operation = self.task(&name.into(), &Context::current(), false);
        tokio::spawn(contain(Arc::clone(self.core()), operation, future, |_| Outcome::Success))
    }

    /// Like [`spawn`](Kit::spawn); an error marks the span, with `error.type`.
    pub fn try_spawn<F, T, E>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Display + Send + 'static,
    {
        if !TELEMETRY {
            return tokio::spawn(future);
        }
        let operation = self.task(&name.into(), &Context::current(), false);
        tokio::spawn(contain(Arc::clone(self.core()), operation, future, outcome_of))
    }

    /// Runs blocking or CPU-heavy work on tokio's blocking threads, under a span that is a child of the active one.
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        name: impl Into<Cow<'static, str>>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        if !TELEMETRY {
            return tokio::task::spawn_blocking(work);
        }
        let operation = self.task(&name.into(), &Context::current(), false);
        let core = Arc::clone(self.core());
        tokio::task::spawn_blocking(move || {
            let _active = operation.context().clone().attach();
            match catch_unwind(AssertUnwindSafe(work)) {
                Ok(output) => {
                    operation.end(Outcome::Success);
                    output
                }
                Err(panic) => {
                    core.contain(operation.context(), panic.as_ref());
                    operation.end(outcome_of_panic(panic.as_ref()));
                    resume_unwind(panic)
                }
            }
        })
    }

    /// Spawns work that outlives the request: a new trace whose root is linked to the active span. Baggage is kept; the live span
    /// is not, so the request's span ends on time. For work that may fail use [`try_detach`](Kit::try_detach).
    pub fn detach<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.detached(&name.into(), future, |_| Outcome::Success)
    }

    /// Like [`detach`](Kit::detach); an error marks the span, with `error.type`.
    pub fn try_detach<F, T, E>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Display + Send + 'static,
    {
        self.detached(&name.into(), future, outcome_of)
    }

    fn detached<F>(&self, name: &str, future: F, outcome: fn(&F::Output) -> Outcome) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let running = Running::enter(Arc::clone(self.core()));
        if !TELEMETRY {
            return tokio::spawn(async move {
                let _running = running;
                future.await
            });
        }
        let operation = self.task(name, &Context::current(), true);
        let work = contain(Arc::clone(self.core()), operation, future, outcome);
        tokio::spawn(async move {
            let _running = running;
            work.await
        })
    }

    /// Waits until no detached task runs. Call it before what they need is closed and before the runtime ends, which cancels them.
    /// False when time ran out.
    pub async fn drain(&self, timeout: Duration) -> bool {
        let mut detached = self.core().detached.subscribe();
        let idle = detached.wait_for(|running| *running == 0);
        tokio::time::timeout(timeout, idle).await.is_ok()
    }

    pub(crate) fn task(&self, name: &str, origin: &Context, detached: bool) -> Operation {
        let task_name = KeyValue::new(names::TASK_NAME, name.to_owned());
        let attributes = vec![task_name.clone(), KeyValue::new(names::TASK_DETACHED, detached)];
        let counted = attributes.len();
        let span_attributes = if detached { attributes.clone() } else { vec![task_name] };
        let mut builder =
            SpanBuilder::from_name(name.to_owned()).with_kind(SpanKind::Internal).with_attributes(span_attributes);
        let mut parent = origin.clone();
        if detached {
            parent = without_span(origin);
            let span_context = origin.span().span_context().clone();
            if span_context.is_valid() {
                builder = builder.with_links(vec![Link::new(span_context, Vec::new(), 0)]);
            }
        }
        if !self.core().switches.task.is_on() {
            return Operation::idle(&parent);
        }
        let instruments = &self.core().instruments;
        Operation::start(self.core(), Point::Task, builder, &parent)
            .measured(&instruments.task_duration, attributes)
            .counted(&instruments.task_active, counted)
    }
}

/// Counts a detached task for as long as it lives.
struct Running(Arc<Core>);

impl Running {
    fn enter(core: Arc<Core>) -> Self {
        core.detached.send_modify(|running| *running += 1);
        Running(core)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.detached.send_modify(|running| *running = running.saturating_sub(1));
    }
}

/// The baggage of a context and nothing else of it.
pub(crate) fn without_span(cx: &Context) -> Context {
    let baggage = cx.baggage();
    if baggage.is_empty() {
        return Context::new();
    }
    let pairs = baggage.iter().map(|(key, (value, metadata))| {
        opentelemetry::baggage::KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone())
    });
    Context::new().with_baggage(pairs)
}

/// Drives a future in its operation's context. A panic is told before it goes on to whoever waits: tokio hands it to the join handle.
async fn contain<F: Future>(
    core: Arc<Core>,
    operation: Operation,
    future: F,
    outcome: fn(&F::Output) -> Outcome,
) -> F::Output {
    let told = async {
        let output = AssertUnwindSafe(future).catch_unwind().await;
        output.unwrap_or_else(|panic| {
            core.contain(&Context::current(), panic.as_ref());
            resume_unwind(panic)
        })
    };
    Observed::running(operation, told, outcome).await
}

pub(crate) fn outcome_of_panic(panic: &(dyn Any + Send)) -> Outcome {
    Outcome::Failure { kind: PANIC.into(), description: format!("panic: {}", panic_text(panic)) }
}
