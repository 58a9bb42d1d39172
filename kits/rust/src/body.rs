//! Bodies that end the span of their request: when they are complete, when they fail, or when they are dropped because somebody went
//! away. For gRPC the outcome is in the trailers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::core::Core;
use crate::operation::{Operation, Outcome, PANIC};

/// What the end of a body means for its operation.
pub(crate) trait Ending: Send + Sync {
    /// All of the body was seen; `trailers` are those at its end.
    fn complete(&mut self, operation: &mut Operation, trailers: Option<&HeaderMap>) -> Outcome;
    /// The body failed.
    fn broken(&mut self, operation: &mut Operation) -> Outcome;
    /// True when nothing follows the last byte, so that the body is complete without being polled to its end.
    fn ends_with_data(&self) -> bool;
    /// Trailers to send instead when producing the body panics; `None` lets the panic go on.
    fn after_panic(&mut self, operation: &mut Operation) -> Option<HeaderMap>;
}

/// An operation and how it ends. It is boxed once, so that futures and bodies stay small, above all those that have none.
pub(crate) struct Pending<E: ?Sized = dyn Ending> {
    pub(crate) core: Arc<Core>,
    pub(crate) operation: Operation,
    pub(crate) ending: E,
}

impl<E: Ending + ?Sized> Pending<E> {
    fn complete(&mut self, trailers: Option<&HeaderMap>) {
        let outcome = self.ending.complete(&mut self.operation, trailers);
        self.operation.finish(outcome);
    }

    pub(crate) fn broken(&mut self) {
        let outcome = self.ending.broken(&mut self.operation);
        self.operation.finish(outcome);
    }

    pub(crate) fn panicked(&mut self, panic: &(dyn std::any::Any + Send)) -> Option<HeaderMap> {
        self.core.contain(self.operation.context(), panic);
        let instead = self.ending.after_panic(&mut self.operation);
        self.operation.finish(Outcome::failure(PANIC));
        instead
    }
}

pin_project! {
    /// A body that ends its request's span.
    pub struct TracedBody<B> {
        #[pin]
        inner: B,
        // Bytes to come, when the length is known: whoever sends a body need not poll past its last byte.
        left: Option<u64>,
        pending: Option<Box<Pending>>,
        finished: bool,
    }
}

impl<B> std::fmt::Debug for TracedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracedBody").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<B: Body> TracedBody<B> {
    pub(crate) fn new(inner: B, pending: Box<Pending>) -> Self {
        let left = inner.size_hint().exact();
        let ends_with_data = pending.ending.ends_with_data();
        let mut body = TracedBody { inner, left, pending: Some(pending), finished: false };
        if ends_with_data && (body.left == Some(0) || body.inner.is_end_stream()) {
            complete(&mut body.pending, None);
        }
        body
    }

    /// A body of a request that is not traced.
    pub(crate) fn untraced(inner: B) -> Self {
        TracedBody { inner, left: None, pending: None, finished: false }
    }
}

impl<B: Body> Body for TracedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        if *this.finished {
            return Poll::Ready(None);
        }
        let inner = this.inner.as_mut();
        let Some(pending) = this.pending else {
            return inner.poll_frame(cx);
        };
        let _active = pending.operation.activate();
        let polled = match catch_unwind(AssertUnwindSafe(|| inner.poll_frame(cx))) {
            Ok(polled) => ready!(polled),
            Err(panic) => {
                *this.finished = true;
                let instead = this.pending.take().and_then(|mut pending| pending.panicked(panic.as_ref()));
                return match instead {
                    Some(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                    None => std::panic::resume_unwind(panic),
                };
            }
        };
        match &polled {
            None => complete(this.pending, None),
            Some(Err(_)) => {
                if let Some(mut pending) = this.pending.take() {
                    pending.broken();
                }
            }
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    complete(this.pending, Some(trailers));
                } else {
                    let sent = frame.data_ref().map_or(0, |data| bytes::Buf::remaining(data) as u64);
                    *this.left = this.left.map(|left| left.saturating_sub(sent));
                    let last = *this.left == Some(0) || this.inner.is_end_stream();
                    if last && this.pending.as_ref().is_some_and(|pending| pending.ending.ends_with_data()) {
                        complete(this.pending, None);
                    }
                }
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.finished || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn complete(pending: &mut Option<Box<Pending>>, trailers: Option<&HeaderMap>) {
    if let Some(mut pending) = pending.take() {
        pending.complete(trailers);
    }
}
