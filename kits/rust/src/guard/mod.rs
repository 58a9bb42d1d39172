//! What stands between the service and a receiver that fails: bounded queues, exports bounded in time, retries within a budget, a
//! circuit breaker, and the account of every item. The SDK's own batch processors bound their queues by count alone, have no limit for
//! an export, and do not say how much they dropped.

mod answer;
mod backoff;
mod batcher;
mod breaker;
mod counts;
mod exports;
mod losses;
mod runtime;

#[cfg(feature = "grpc-export")]
pub(crate) use answer::chain;
pub(crate) use answer::{Heard, Overheard};
pub(crate) use batcher::{Batcher, Limits};
pub(crate) use breaker::State;
pub(crate) use counts::{CAUSES, Cause, Counts};
pub use counts::{Drops, SignalStats};
pub(crate) use exports::{GuardedMetrics, LogExports, SpanExports};
pub(crate) use losses::Losses;
pub(crate) use runtime::ExportRuntime;

use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use opentelemetry_sdk::error::OTelSdkResult;
use tokio::sync::watch;
use tokio::time::{sleep, timeout_at};

use crate::limits::SteeredLimits;
use crate::redact::Redaction;
use answer::Answer;
use backoff::{Outcome, Random, Step, plan};
use breaker::Breaker;

/// When the kit has to have stopped; none while it runs.
pub(crate) type Deadline = watch::Sender<Option<Instant>>;

/// What guards the exporter of one signal.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) counts: Arc<Counts>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) redaction: Arc<Redaction>,
    pub(crate) limits: Arc<SteeredLimits>,
    pub(crate) inflight: AtomicU64,
    signal: &'static str,
    /// Of one export, retries included.
    timeout: Duration,
    /// Within which retries may begin.
    budget: Duration,
    deadline: Arc<Deadline>,
    losses: Arc<Losses>,
    began: Instant,
    /// The breaker's state, for readers that must not wait.
    gate: AtomicU8,
    decisions: Mutex<Decisions>,
}

#[derive(Debug)]
struct Decisions {
    breaker: Breaker,
    random: Random,
}

/// What the guards of all signals have in common.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    pub(crate) timeout: Duration,
    pub(crate) deadline: Arc<Deadline>,
    pub(crate) losses: Arc<Losses>,
    pub(crate) redaction: Arc<Redaction>,
    pub(crate) limits: Arc<SteeredLimits>,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Verdict {
    Delivered,
    /// Counted, and why.
    Lost(String),
    /// Not settled: to be tried once more after that time.
    Held(Duration, String),
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Guard {
    pub(crate) fn new(signal: &'static str, counts: &Arc<Counts>, budget: Duration, common: &Common) -> Self {
        // Random enough to keep services from trying in step.
        let seed = RandomState::new().hash_one(signal);
        Guard {
            counts: Arc::clone(counts),
            heard: Arc::default(),
            redaction: Arc::clone(&common.redaction),
            limits: Arc::clone(&common.limits),
            inflight: AtomicU64::new(0),
            signal,
            timeout: common.timeout,
            budget: budget.min(common.timeout),
            deadline: Arc::clone(&common.deadline),
            losses: Arc::clone(&common.losses),
            began: Instant::now(),
            gate: AtomicU8::new(State::Closed as u8),
            decisions: Mutex::new(Decisions { breaker: Breaker::new(seed), random: Random(!seed) }),
        }
    }

    fn decisions(&self) -> MutexGuard<'_, Decisions> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        ms(self.began.elapsed())
    }

    /// Moves the breaker with time and publishes its state.
    pub(crate) fn state(&self) -> State {
        let state = self.decisions().breaker.state(self.now());
        self.gate.store(state as u8, Ordering::Release);
        state
    }

    /// The state last published: one atomic load.
    pub(crate) fn gate(&self) -> u8 {
        self.gate.load(Ordering::Acquire)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.gate() == State::Open as u8
    }

    pub(crate) fn until_half_open(&self) -> Duration {
        Duration::from_millis(self.decisions().breaker.until().saturating_sub(self.now()))
    }

    /// No export goes on after `end`.
    pub(crate) fn stop_by(&self, end: Instant) {
        self.deadline.send_if_modified(|deadline| {
            let sooner = deadline.is_none_or(|known| end < known);
            if sooner {
                *deadline = Some(end);
            }
            sooner
        });
    }

    fn is_stopping(&self) -> bool {
        self.deadline.borrow().is_some()
    }

    /// Exports so many items, with retries, and counts the outcome. It does not panic. Needs the export runtime to be entered.
    pub(crate) async fn run<F>(&self, items: u64, held: bool, export: impl Fn() -> F) -> Verdict
    where
        F: Future<Output = OTelSdkResult>,
    {
        self.inflight.store(items, Ordering::Relaxed);
        let verdict = self.run_tries(items, held, export).await;
        self.inflight.store(0, Ordering::Relaxed);
        self.state();
        verdict
    }

    async fn run_tries<F>(&self, items: u64, held: bool, export: impl Fn() -> F) -> Verdict
    where
        F: Future<Output = OTelSdkResult>,
    {
        let began = Instant::now();
        let end = began + self.timeout;
        if self.deadline.borrow().is_some_and(|deadline| deadline <= began) {
            return self.lose(Cause::Shutdown, items, "the time for shutting down is up");
        }
        let mut retry = 0;
        loop {
            let answer = self.attempt(end, export()).await;
            if answer.outcome != Outcome::Retryable {
                return self.conclude(items, answer);
            }
            let jitter = self.decisions().random.retry_wait(retry);
            let held = held || self.is_stopping();
            match plan(ms(began.elapsed()), ms(self.budget), jitter, answer.asked, held) {
                Step::Hold(wait) => {
                    self.decisions().breaker.failure(self.now(), answer.asked);
                    return Verdict::Held(Duration::from_millis(wait), answer.error);
                }
                Step::Drop => return self.conclude(items, answer),
                Step::Retry(wait) => {
                    let wait = pin!(sleep(Duration::from_millis(wait)));
                    if let Either::Right(_) = select(wait, pin!(self.until(end))).await {
                        return self.conclude(items, answer);
                    }
                }
            }
            retry += 1;
        }
    }

    async fn attempt(&self, end: Instant, export: impl Future<Output = OTelSdkResult>) -> Answer {
        self.heard.forget();
        let export = AssertUnwindSafe(export).catch_unwind();
        match select(pin!(export), pin!(self.until(end))).await {
            Either::Left((Ok(result), _)) => self.heard.conclude(result),
            Either::Left((Err(_), _)) => Answer::failed("the exporter panicked"),
            Either::Right(_) => Answer { timed_out: true, ..Answer::failed("the export took too long") },
        }
    }

    /// Ends at `end`, or sooner when the kit has to stop sooner.
    async fn until(&self, end: Instant) {
        let mut deadline = self.deadline.subscribe();
        loop {
            let end = deadline.borrow_and_update().map_or(end, |sooner| sooner.min(end));
            // The sender lives as long as this guard, so this is a change of the deadline.
            if timeout_at(end.into(), deadline.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Counts what became of items that are not tried again.
    fn conclude(&self, items: u64, answer: Answer) -> Verdict {
        let now = self.now();
        match answer.outcome {
            Outcome::Delivered => {
                self.decisions().breaker.success(now);
                let rejected = answer.rejected.min(items);
                self.counts.export(items - rejected);
                if rejected == 0 {
                    return Verdict::Delivered;
                }
                self.lose(Cause::Rejected, rejected, "the receiver took only a part")
            }
            Outcome::Rejected => {
                self.decisions().breaker.rejected(now);
                self.lose(Cause::Rejected, items, &answer.error)
            }
            Outcome::Failed | Outcome::Retryable => {
                self.decisions().breaker.failure(now, answer.asked);
                let cause = if answer.timed_out { Cause::Timeout } else { Cause::ExportFailed };
                self.lose(cause, items, &answer.error)
            }
        }
    }

    pub(crate) fn lose(&self, cause: Cause, items: u64, error: &str) -> Verdict {
        self.counts.lose(cause, items);
        self.losses.tell(self.signal, &self.counts, error, false);
        Verdict::Lost(error.to_owned())
    }

    /// Tells what was lost and not told yet.
    pub(crate) fn tell_all(&self, error: &str) {
        self.losses.tell(self.signal, &self.counts, error, true);
    }
}
