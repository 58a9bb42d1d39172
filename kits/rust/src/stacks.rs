//! The stack of a panic. It is gone when the panic is caught; only a panic hook sees it, in the same thread, just before.

use std::backtrace::Backtrace;
use std::cell::RefCell;

thread_local! {
    static LAST: RefCell<Option<Backtrace>> = const { RefCell::new(None) };
}

/// Keeps the stack of the panic whose hook calls this, until another panics in this thread or it is told.
pub(crate) fn keep() {
    LAST.with_borrow_mut(|last| *last = Some(Backtrace::force_capture()));
}

/// The stack of the panic that was caught last, if a hook kept it.
pub(crate) fn take() -> Option<String> {
    LAST.take().map(|stack| stack.to_string())
}
