//! The queue of one signal and the thread that empties it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use opentelemetry::Context;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use super::counts::Cause;
use super::{ExportRuntime, Guard, State, Verdict};

/// Items let through to find out whether the receiver is back.
const PROBE_ITEMS_MAX: usize = 64;

/// How long the thread sleeps when nothing is to be done.
const IDLE: Duration = Duration::from_secs(3600);

/// Kept of the time for shutting down, to settle the books.
const SHUTDOWN_SPARE: Duration = Duration::from_millis(200);

/// What a queue may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) items_max: usize,
    pub(crate) bytes_max: u64,
    pub(crate) batch_max: usize,
    pub(crate) delay: Duration,
}

/// How batches leave.
pub(crate) trait Exports<T>: Send + Sync + 'static {
    /// Makes a batch ready: once, before the first try.
    fn prepare(&self, batch: &mut Vec<T>);
    fn export<'a>(&'a self, batch: &'a [T]) -> BoxFuture<'a, OTelSdkResult>;
    fn shutdown(&self, timeout: Duration) -> OTelSdkResult;
}

/// Queues items in order and exports them in batches, one at a time. What does not fit is dropped, the newest first.
#[derive(Debug)]
pub(crate) struct Batcher<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    guard: Arc<Guard>,
    limits: Limits,
    queue: Mutex<Queue<T>>,
    wake: Condvar,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<Queued<T>>,
    flushes: Vec<mpsc::Sender<OTelSdkResult>>,
    stop: Option<mpsc::Sender<OTelSdkResult>>,
    stopped: bool,
    /// The thread is gone, or about to go.
    ended: bool,
}

#[derive(Debug)]
struct Queued<T> {
    item: T,
    bytes: u64,
    at: Instant,
}

struct Batch<T> {
    items: Vec<T>,
    bytes: u64,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, most: usize) -> Batch<T> {
        let mut queue = self.lock();
        let count = most.min(queue.items.len());
        let mut batch = Batch { items: Vec::with_capacity(count), bytes: 0 };
        for queued in queue.items.drain(..count) {
            batch.items.push(queued.item);
            batch.bytes += queued.bytes;
        }
        batch
    }

    /// Takes a settled batch off the books.
    fn release(&self, items: usize, bytes: u64) {
        let counts = &self.guard.counts;
        counts.queued.fetch_sub(items as u64, Ordering::AcqRel);
        counts.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl<T: Send + 'static> Batcher<T> {
    pub(crate) fn start(
        name: &str,
        guard: Arc<Guard>,
        limits: Limits,
        runtime: Arc<ExportRuntime>,
        exports: impl Exports<T>,
    ) -> std::io::Result<Self> {
        let queue = Queue { items: VecDeque::new(), flushes: Vec::new(), stop: None, stopped: false, ended: false };
        let shared = Arc::new(Shared { guard, limits, queue: Mutex::new(queue), wake: Condvar::new() });
        let worker = Worker { shared: Arc::clone(&shared), runtime, exports: Box::new(exports), held: None };
        thread::Builder::new().name(format!("throughline-{name}")).spawn(move || worker.work())?;
        Ok(Batcher { shared })
    }

    /// What a request pays when the receiver is down: a count and an atomic load.
    pub(crate) fn admits(&self) -> bool {
        let guard = &self.shared.guard;
        guard.counts.create();
        if guard.is_open() {
            guard.counts.lose(Cause::CircuitOpen, 1);
            return false;
        }
        true
    }

    /// Queues what was admitted.
    pub(crate) fn push(&self, item: T, bytes: u64) {
        let (limits, counts) = (&self.shared.limits, &self.shared.guard.counts);
        let probing = self.shared.guard.gate() == State::HalfOpen as u8;
        let (most, full) =
            if probing { (PROBE_ITEMS_MAX, Cause::CircuitOpen) } else { (limits.items_max, Cause::QueueFull) };
        let mut queue = self.shared.lock();
        let cause = if queue.ended {
            Cause::Shutdown
        } else if counts.queued.load(Ordering::Acquire) >= most as u64 {
            full
        } else if counts.queued_bytes.load(Ordering::Acquire) + bytes
            > self.shared.guard.limits.queue_bytes(limits.bytes_max)
        {
            Cause::ByteLimit
        } else {
            counts.queued.fetch_add(1, Ordering::AcqRel);
            counts.queued_bytes.fetch_add(bytes, Ordering::AcqRel);
            queue.items.push_back(Queued { item, bytes, at: Instant::now() });
            let count = queue.items.len();
            drop(queue);
            if count == 1 || count == limits.batch_max || probing {
                self.shared.wake.notify_one();
            }
            return;
        };
        drop(queue);
        counts.lose(cause, 1);
    }

    /// Exports what is queued now, and says what could not be delivered.
    pub(crate) fn flush(&self) -> OTelSdkResult {
        let (sender, receiver) = mpsc::channel();
        {
            let mut queue = self.shared.lock();
            if queue.ended || queue.stopped {
                return Err(OTelSdkError::AlreadyShutdown);
            }
            queue.flushes.push(sender);
        }
        self.shared.wake.notify_one();
        receiver.recv().unwrap_or(Err(OTelSdkError::AlreadyShutdown))
    }

    /// Exports what is queued and ends the thread, in time whatever the exporter does.
    pub(crate) fn shutdown(&self, timeout: Duration) -> OTelSdkResult {
        let (sender, receiver) = mpsc::channel();
        {
            let mut queue = self.shared.lock();
            if queue.stopped {
                return Err(OTelSdkError::AlreadyShutdown);
            }
            queue.stopped = true;
            queue.stop = Some(sender);
        }
        let spare = SHUTDOWN_SPARE.min(timeout / 10);
        self.shared.guard.stop_by(Instant::now() + timeout - spare);
        self.shared.wake.notify_one();
        receiver.recv_timeout(timeout).unwrap_or(Err(OTelSdkError::Timeout(timeout)))
    }
}

struct Worker<T> {
    shared: Arc<Shared<T>>,
    runtime: Arc<ExportRuntime>,
    exports: Box<dyn Exports<T>>,
    /// The receiver asked to have this later.
    held: Option<(Batch<T>, Instant)>,
}

impl<T: Send + 'static> Worker<T> {
    /// Exports until stopped: a batch when it is full or old enough, all on a flush, a small one when the breaker is half open.
    fn work(mut self) {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        loop {
            let state = self.shared.guard.state();
            let mut queue = self.shared.lock();
            if let Some(stopped) = queue.stop.take() {
                drop(queue);
                let result = self.drain();
                let shut = self.exports.shutdown(Duration::from_secs(1));
                let _ = stopped.send(result.and(shut));
                return;
            }
            if let Some(flushed) = queue.flushes.pop() {
                drop(queue);
                let _ = flushed.send(self.flush_now());
                continue;
            }
            let pause = self.pause(state, &queue);
            if !pause.is_zero() {
                let _ = self.shared.wake.wait_timeout(queue, pause);
                continue;
            }
            drop(queue);
            let most = if state == State::HalfOpen { PROBE_ITEMS_MAX } else { self.shared.limits.batch_max };
            let _ = self.send(most);
        }
    }

    fn pause(&self, state: State, queue: &Queue<T>) -> Duration {
        let limits = &self.shared.limits;
        if state == State::Open {
            return self.shared.guard.until_half_open();
        }
        if let Some((_, until)) = &self.held {
            return until.saturating_duration_since(Instant::now());
        }
        let Some(oldest) = queue.items.front() else {
            return IDLE;
        };
        let enough = if state == State::HalfOpen { PROBE_ITEMS_MAX } else { limits.batch_max };
        if queue.items.len() >= enough { Duration::ZERO } else { limits.delay.saturating_sub(oldest.at.elapsed()) }
    }

    /// Exports the batch that was held back, or the next.
    fn send(&mut self, most: usize) -> Result<(), String> {
        let held = self.held.take();
        let again = held.is_some();
        let mut batch = match held {
            Some((batch, _)) => batch,
            None => self.shared.take(most),
        };
        let (count, bytes) = (batch.items.len(), batch.bytes);
        if count == 0 {
            return Ok(());
        }
        let exports = &self.exports;
        if !again {
            exports.prepare(&mut batch.items);
        }
        let guard = &self.shared.guard;
        let items = &batch.items;
        let run = || self.runtime.handle.block_on(guard.run(count as u64, again, || exports.export(items)));
        // tokio's timers panic once the runtime has been stopped, when the time for shutting down was up.
        let verdict = catch_unwind(AssertUnwindSafe(run))
            .unwrap_or_else(|_| guard.lose(Cause::Shutdown, count as u64, "the export runtime has been stopped"));
        match verdict {
            Verdict::Held(wait, error) => {
                self.held = Some((batch, Instant::now() + wait));
                Err(error)
            }
            Verdict::Lost(error) => {
                self.shared.release(count, bytes);
                Err(error)
            }
            Verdict::Delivered => {
                self.shared.release(count, bytes);
                Ok(())
            }
        }
    }

    /// Exports what is queued at this moment.
    fn flush_now(&mut self) -> OTelSdkResult {
        let mut left = self.shared.lock().items.len();
        let mut first = None;
        let mut failure = |error: String| first.get_or_insert(error).clone();
        loop {
            if self.held.is_some() {
                failure("the receiver asked to wait".to_owned());
                break;
            }
            if left == 0 || self.shared.lock().stop.is_some() {
                break; // what a shutdown interrupts, it sends itself
            }
            if self.shared.guard.state() == State::Open {
                failure("the receiver is down: the circuit breaker is open".to_owned());
                break;
            }
            if let Err(error) = self.send(self.shared.limits.batch_max) {
                failure(error);
            }
            left = left.saturating_sub(self.shared.limits.batch_max);
        }
        first.map_or(Ok(()), |error| Err(OTelSdkError::InternalFailure(error)))
    }

    /// The last chance: goes on until the queue is empty, the time is up, or the receiver is known to be down.
    fn drain(&mut self) -> OTelSdkResult {
        let mut failure = None;
        while self.held.is_some() || !self.end_if_empty() {
            if let Err(error) = self.send(self.shared.limits.batch_max) {
                failure = Some(error);
                if self.shared.guard.state() != State::Closed {
                    break;
                }
            }
        }
        self.shared.lock().ended = true;
        let rest = self.shared.take(usize::MAX);
        let (mut count, mut bytes) = (rest.items.len(), rest.bytes);
        if let Some((held, _)) = self.held.take() {
            count += held.items.len();
            bytes += held.bytes;
        }
        let guard = &self.shared.guard;
        guard.counts.lose(Cause::Shutdown, count as u64);
        self.shared.release(count, bytes);
        for flushed in std::mem::take(&mut self.shared.lock().flushes) {
            let _ = flushed.send(Err(OTelSdkError::AlreadyShutdown));
        }
        guard.tell_all(failure.as_deref().unwrap_or_default());
        failure.map_or(Ok(()), |error| Err(OTelSdkError::InternalFailure(error)))
    }

    /// Closes the queue when nothing waits in it.
    fn end_if_empty(&self) -> bool {
        let mut queue = self.shared.lock();
        queue.ended = queue.items.is_empty();
        queue.ended
    }
}
