//! A future inside an operation.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use opentelemetry::trace::{SpanBuilder, SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use pin_project_lite::pin_project;

use crate::core::{Core, Point};
use crate::operation::{Operation, Outcome};
use crate::task::outcome_of_panic;

/// How far a span is.
pub(crate) enum Stage {
    Described { core: Arc<Core>, name: Cow<'static, str>, attributes: Vec<KeyValue> },
    Running(Operation),
}

pin_project! {
    /// A future inside a span. Written by hand, because a span that is off must not cost a state machine around the future.
    pub(crate) struct Observed<F, O> {
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

impl<F, O> Observed<F, O> {
    /// A future in a span that begins when it is polled first.
    pub(crate) fn new(stage: Option<Box<Stage>>, future: F, outcome: O) -> Self {
        Observed { future, outcome, stage, begun: false }
    }

    /// A future in an operation that has begun.
    pub(crate) fn running(operation: Operation, future: F, outcome: O) -> Self {
        Observed { future, outcome, stage: Some(Box::new(Stage::Running(operation))), begun: true }
    }
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
