//! Jobs in queues of a process: what they remember of the request that put them there, and how a worker does them.

use std::borrow::Cow;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt as _, TraceContextExt};

use crate::kit::Kit;
use crate::operation::panic_text;
use crate::task::{outcome_of, outcome_of_panic, without_span};

/// What a job in a queue remembers of the request that put it there: the identity of its span, and its baggage. The request's span is
/// not kept open by it, however long it waits.
///
/// ```
/// use throughline::Origin;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # let kit = throughline::init(throughline::Config::builder("orders").build()).unwrap();
/// let (queue, mut jobs) = tokio::sync::mpsc::channel(8);
/// queue.send((Origin::current(), 17)).await.unwrap(); // in the request
/// # drop(queue);
/// while let Some((origin, order)) = jobs.recv().await {
///     let work = async { Ok::<_, std::fmt::Error>(order + 1) };
///     let done = kit.work(&origin, "resize", work).await; // in a worker
///     assert_eq!(done, Ok(18));
/// }
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct Origin(Context);

impl Origin {
    /// The origin of a job that is queued now.
    #[must_use]
    pub fn current() -> Self {
        let cx = Context::current();
        let span_context = cx.span().span_context().clone();
        Origin(without_span(&cx).with_remote_span_context(span_context))
    }
}

/// Why a job was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkError<E> {
    /// The work returned this error.
    #[error("{0}")]
    Failed(E),
    /// The work panicked; the text is in the logs.
    #[error("panic: {0}")]
    Panicked(String),
}

impl Kit {
    /// Does a job in a worker: in the trace of its origin, as a child of the span that queued it, whether that has ended or not. A panic
    /// is contained, so the worker goes on.
    ///
    /// # Errors
    /// [`WorkError`] with what the work returned, or with the text of its panic.
    pub async fn work<T, E: Display>(
        &self,
        origin: &Origin,
        name: impl Into<Cow<'static, str>>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, WorkError<E>> {
        self.job(origin, &name.into(), false, work).await
    }

    /// Like [`work`](Kit::work), in a new trace that is linked to the origin's: for jobs that may wait longer than anybody looks at the
    /// request's trace.
    ///
    /// # Errors
    /// As [`work`](Kit::work).
    pub async fn work_linked<T, E: Display>(
        &self,
        origin: &Origin,
        name: impl Into<Cow<'static, str>>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, WorkError<E>> {
        self.job(origin, &name.into(), true, work).await
    }

    async fn job<T, E: Display>(
        &self,
        origin: &Origin,
        name: &str,
        linked: bool,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, WorkError<E>> {
        let operation = self.task(name, &origin.0, linked);
        let context = operation.context().clone();
        match AssertUnwindSafe(work.with_context(context)).catch_unwind().await {
            Ok(result) => {
                operation.end(outcome_of(&result));
                result.map_err(WorkError::Failed)
            }
            Err(panic) => {
                self.core().contain(operation.context(), panic.as_ref());
                operation.end(outcome_of_panic(panic.as_ref()));
                Err(WorkError::Panicked(panic_text(panic.as_ref()).to_owned()))
            }
        }
    }
}
