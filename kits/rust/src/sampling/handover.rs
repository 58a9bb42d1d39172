//! The kit decides whether a span is kept before it makes one, so that one that is not costs no more than its ids. The SDK then asks for
//! a trace id and a decision itself; it is given what was decided, through the thread it asks in.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    static TRACE_ID: Cell<Option<TraceId>> = const { Cell::new(None) };
    static STATE: Cell<Option<TraceState>> = const { Cell::new(None) };
}

/// Has the SDK make a span of this trace, kept, with this state.
#[inline]
pub(crate) fn decided<T>(trace_id: TraceId, state: TraceState, make: impl FnOnce() -> T) -> T {
    TRACE_ID.set(Some(trace_id));
    STATE.set(Some(state));
    let made = make();
    // The SDK asks for neither once it is shut down.
    TRACE_ID.set(None);
    STATE.take();
    made
}

/// The state of the span that was decided, if it is one the kit makes.
pub(super) fn take() -> Option<TraceState> {
    STATE.take()
}

/// Random ids, but for a trace the kit has begun already.
#[derive(Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TRACE_ID.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}
