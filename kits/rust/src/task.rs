//! Work of the service itself: spans, child tasks and detached tasks.
//!
//! The active context is thread-local, so a task started with plain `tokio::spawn` loses it. A context held by a background task
//! keeps the request's span open. The three ways here avoid both: a child task carries the context with it and ends with its own
//! span; a detached task keeps only the identity of its origin, as a link, and the baggage.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{Link, SpanBuilder, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use pin_project_lite::pin_project;
use tokio::task::JoinHandle;

use crate::core::{Core, Point};
use crate::kit::Kit;
use crate::names;
use crate::operation::{Operation, Outcome, PANIC, error_type, panic_text};

/// A span about to be started. Nothing happens before [`run`](Span::run) or [`observe`](Span::observe).
#[must_use = "a span starts when run() or observe() is awaited"]
pub struct Span(
    /// None when nothing is traced. Boxed, because then this is all there is to move about, and in the futures it becomes part of.
    Option<Box<Stage>>,
);

enum Stage {
    Described { core: Arc<Core>, name: Cow<'static, str>, attributes: Vec<KeyValue> },
    Running(Operation),
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.0.as_deref() {
            Some(Stage::Described { name, .. }) => Some(name),
            _ => None,
        };
        f.debug_struct("Span").field("name", &name).finish_non_exhaustive()
    }
}

impl Span {
    /// Adds an attribute.
    #[inline]
    pub fn attribute(mut self, attribute: KeyValue) -> Self {
        if let Some(Stage::Described { attributes, .. }) = self.0.as_deref_mut() {
            attributes.push(attribute);
        }
        self
    }

    /// Runs a fallible future inside the span. An error makes the span's status an error, with `error.type`; so do a panic and
    /// being dropped before completion.
    ///
    /// # Errors
    /// Whatever the future returns.
    pub fn run<T, E: Display>(self, future: impl Future<Output = Result<T, E>>) -> impl Future<Output = Result<T, E>> {
        Observed { future, outcome: outcome_of, stage: self.0, begun: false }
    }

    /// Runs a future that cannot fail inside the span.
    pub fn observe<T>(self, future: impl Future<Output = T>) -> impl Future<Output = T> {
        Observed { future, outcome: |_: &T| Outcome::Success, stage: self.0, begun: false }
    }
}

pin_project! {
    /// A future inside a span. Written by hand, because a span that is off must not cost a state machine around the future.
    struct Observed<F, O> {
        #[pin]
        future: F,
        outcome: O,
        // None when nothing is recorded, and when all was said.
        stage: Option<Box<Stage>>,
        begun: bool,
    }
}

/// Starts what was described.
fn begin(stage: Option<Box<Stage>>) -> Option<Box<Stage>> {
    let Some(mut stage) = stage else {
        // A live span of somebody else may stay active no more than the kit's own: the future could end it.
        let live = Context::map_current(|active| active.has_active_span() && active.span().is_recording());
        return live.then(|| Box::new(Stage::Running(Operation::idle(&Context::current()))));
    };
    if let Stage::Described { core, name, attributes } = &mut *stage {
        let (name, attributes) = (std::mem::take(name), std::mem::take(attributes));
        let describe = || SpanBuilder::from_name(name).with_attributes(attributes);
        let parent = Context::current();
        *stage = Stage::Running(Operation::start_described(core, Point::Task, SpanKind::Internal, &parent, describe));
    }
    Some(stage)
}

impl<F: Future, O: Fn(&F::Output) -> Outcome> Future for Observed<F, O> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !std::mem::replace(this.begun, true) {
            *this.stage = begin(this.stage.take());
        }
        let Some(Stage::Running(operation)) = this.stage.as_deref_mut() else {
            return this.future.poll(cx);
        };
        let _active = operation.context().clone().attach();
        let future = this.future;
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                operation.finish((this.outcome)(&output));
                Poll::Ready(output)
            }
            Err(panic) => {
                operation.finish(outcome_of_panic(panic.as_ref()));
                resume_unwind(panic)
            }
        }
    }
}

/// The outcome of a result: `error.type` is the error's type, the description its text.
pub(crate) fn outcome_of<T, E: Display>(result: &Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Outcome::Success,
        Err(error) => Outcome::Failure { kind: error_type::<E>().into(), description: error.to_string() },
    }
}

impl Kit {
    /// A span for a part of the service's own work, a child of the active one.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # let kit = throughline::init(throughline::Config::builder("orders").build()).unwrap();
    /// let cents = kit.span("price basket").run(async { Ok::<_, std::fmt::Error>(1250) }).await;
    /// assert_eq!(cents, Ok(1250));
    /// # });
    /// ```
    pub fn span(&self, name: impl Into<Cow<'static, str>>) -> Span {
        let described = |core| Box::new(Stage::Described { core, name: name.into(), attributes: Vec::new() });
        Span(self.core().is_tracing().then(|| described(Arc::clone(self.core()))))
    }

    /// Spawns a child task: a span under the active one, which the task carries across threads. Panics as `tokio::spawn` does when
    /// there is no runtime. For work that may fail use [`try_spawn`](Kit::try_spawn).
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
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
        let operation = self.task(&name.into(), &Context::current(), false);
        tokio::spawn(contain(Arc::clone(self.core()), operation, future, outcome_of))
    }

    /// Runs blocking or CPU-heavy work on tokio's blocking threads, under a span that is a child of the active one.
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        name: impl Into<Cow<'static, str>>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
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
        let operation = self.task(name, &Context::current(), true);
        let running = Running::enter(Arc::clone(self.core()));
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
    let stage = Some(Box::new(Stage::Running(operation)));
    Observed { future: told, outcome, stage, begun: true }.await
}

pub(crate) fn outcome_of_panic(panic: &(dyn Any + Send)) -> Outcome {
    Outcome::Failure { kind: PANIC.into(), description: format!("panic: {}", panic_text(panic)) }
}
