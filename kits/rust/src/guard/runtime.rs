//! Exports need an async runtime, and the threads that export have none; borrowing the service's would make telemetry and service wait
//! for each other when all its workers are busy. So the kit brings a runtime of one thread.

use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use opentelemetry::Context;
use tokio::runtime::{Builder, Handle, Runtime};

/// The runtime; it ends without waiting, because waiting is forbidden inside other runtimes.
#[derive(Debug)]
pub(crate) struct ExportRuntime {
    pub(crate) handle: Handle,
    runtime: Mutex<Option<Runtime>>,
}

impl ExportRuntime {
    pub(crate) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("throughline-export")
            // What HTTP and gRPC clients log here must not feed the exporters.
            .on_thread_start(|| std::mem::forget(Context::enter_telemetry_suppressed_scope()))
            .enable_all()
            .build()?;
        Ok(ExportRuntime { handle: runtime.handle().clone(), runtime: Mutex::new(Some(runtime)) })
    }

    pub(crate) fn stop(&self) {
        if let Some(runtime) = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }

    /// Polls a future inside the runtime, from a thread that is not of it.
    pub(crate) async fn enter<F: Future>(&self, future: F) -> F::Output {
        Entered { handle: &self.handle, future: pin!(future) }.await
    }
}

impl Drop for ExportRuntime {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Enters a runtime for each poll, because an entered guard cannot be held across an await.
struct Entered<'a, F> {
    handle: &'a Handle,
    future: Pin<&'a mut F>,
}

impl<F: Future> Future for Entered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let _entered = self.handle.enter();
        self.future.as_mut().poll(cx)
    }
}
