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
    /// The response's head was seen.
    fn see_headers(&mut self, _: &HeaderMap) {}
    /// There will be no response, for a reason the protocol has a code for.
    #[cfg(feature = "tonic")]
    fn see_failure(&mut self, _: tonic::Code) {}
    /// All of the body was seen; `trailers` are those at its end.
    fn complete(&mut self, operation: &mut Operation, trailers: Option<&HeaderMap>) -> Outcome;
    /// The body failed.
    fn broken(&mut self, operation: &mut Operation) -> Outcome;
    /// True when nothing follows the last byte, so that the body is complete without being polled to its end.
    fn ends_with_data(&self) -> bool;
    /// Trailers to send instead when producing the body panics; `None` lets the panic go on.
    fn after_panic(&mut self, operation: &mut Operation) -> Option<HeaderMap>;
}

/// An operation and how it ends.
pub(crate) struct Pending {
    pub(crate) core: Arc<Core>,
    pub(crate) operation: Operation,
    pub(crate) ending: Box<dyn Ending>,
}

impl Pending {
    fn complete(mut self, trailers: Option<&HeaderMap>) {
        let outcome = self.ending.complete(&mut self.operation, trailers);
        self.operation.end(outcome);
    }

    pub(crate) fn broken(mut self) {
        let outcome = self.ending.broken(&mut self.operation);
        self.operation.end(outcome);
    }

    pub(crate) fn panicked(mut self, panic: &(dyn std::any::Any + Send)) -> Option<HeaderMap> {
        self.core.contain(self.operation.context(), panic);
        let instead = self.ending.after_panic(&mut self.operation);
        self.operation.end(Outcome::failure(PANIC));
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
        pending: Option<Pending>,
        finished: bool,
    }
}

impl<B> std::fmt::Debug for TracedBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracedBody").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<B: Body> TracedBody<B> {
    pub(crate) fn new(inner: B, pending: Option<Pending>) -> Self {
        let left = inner.size_hint().exact();
        let mut body = TracedBody { inner, left, pending, finished: false };
        let ends_with_data = body.pending.as_ref().is_some_and(|pending| pending.ending.ends_with_data());
        if ends_with_data && (body.left == Some(0) || body.inner.is_end_stream()) {
            complete(&mut body.pending, None);
        }
        body
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
        let context = this.pending.as_ref().map(|pending| pending.operation.context().clone());
        let _active = context.map(opentelemetry::Context::attach);
        let inner = this.inner.as_mut();
        let polled = match catch_unwind(AssertUnwindSafe(|| inner.poll_frame(cx))) {
            Ok(polled) => ready!(polled),
            Err(panic) => {
                *this.finished = true;
                let instead = this.pending.take().and_then(|pending| pending.panicked(panic.as_ref()));
                return match instead {
                    Some(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                    None => std::panic::resume_unwind(panic),
                };
            }
        };
        match &polled {
            None => complete(this.pending, None),
            Some(Err(_)) => {
                if let Some(pending) = this.pending.take() {
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

fn complete(pending: &mut Option<Pending>, trailers: Option<&HeaderMap>) {
    if let Some(pending) = pending.take() {
        pending.complete(trailers);
    }
}
