//! The circuit breaker of one signal's exporter: a pure function of time and outcomes, the same in every kit
//! (`spec/vectors/breaker.json`). Times are milliseconds since any fixed moment.

use super::backoff::Random;

/// Whether telemetry is let through. The numbers are the values of the metric `throughline.exporter.breaker.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// All passes.
    Closed = 0,
    /// One small batch passes, and decides.
    HalfOpen = 1,
    /// Nothing passes until the wait is over.
    Open = 2,
}

const FAILURES_IN_A_ROW: u32 = 3;
/// Outcomes looked at; more than half of them failing opens.
const WINDOW: u32 = 20;
const OPEN_FIRST_MS: u64 = 1000;
const OPEN_MAX_MS: u64 = 60_000;
const DOUBLINGS_MAX: u32 = 10;

#[derive(Debug)]
pub(crate) struct Breaker {
    random: Random,
    state: State,
    /// Failures in a row.
    row: u32,
    /// One bit an outcome, 1 is a failure, the newest is the lowest.
    recent: u32,
    /// Outcomes in `recent`, up to `WINDOW`.
    seen: u32,
    /// How often it opened in a row.
    opened: u32,
    until: u64,
}

impl Breaker {
    pub(crate) fn new(seed: u64) -> Self {
        Breaker { random: Random(seed), state: State::Closed, row: 0, recent: 0, seen: 0, opened: 0, until: 0 }
    }

    /// The state at the time `now`.
    pub(crate) fn state(&mut self, now: u64) -> State {
        if self.state == State::Open && now >= self.until {
            self.state = State::HalfOpen;
        }
        self.state
    }

    /// When an open breaker becomes half open.
    pub(crate) fn until(&self) -> u64 {
        self.until
    }

    /// Counts an export that was delivered.
    pub(crate) fn success(&mut self, now: u64) {
        match self.state(now) {
            State::HalfOpen => self.close(),
            State::Closed => {
                self.row = 0;
                self.note(0);
            }
            State::Open => {}
        }
    }

    /// The receiver is well and did not want the batch.
    pub(crate) fn rejected(&mut self, now: u64) {
        if self.state(now) == State::HalfOpen {
            self.close();
        }
    }

    /// Counts an export that was not delivered; `asked` is how long the receiver asked for silence.
    pub(crate) fn failure(&mut self, now: u64, asked: Option<u64>) {
        match self.state(now) {
            State::HalfOpen => self.open(now, asked),
            State::Closed => {
                self.row += 1;
                self.note(1);
                let mostly = self.seen == WINDOW && self.recent.count_ones() > WINDOW / 2;
                if self.row >= FAILURES_IN_A_ROW || mostly {
                    self.open(now, asked);
                }
            }
            State::Open => {}
        }
    }

    fn note(&mut self, failure: u32) {
        self.recent = (self.recent << 1 | failure) & ((1 << WINDOW) - 1);
        self.seen = WINDOW.min(self.seen + 1);
    }

    fn open(&mut self, now: u64, asked: Option<u64>) {
        let wait = self.random.up_to(OPEN_MAX_MS.min(OPEN_FIRST_MS << self.opened.min(DOUBLINGS_MAX)));
        self.state = State::Open;
        self.until = now + wait.max(asked.unwrap_or(0));
        self.opened += 1;
    }

    fn close(&mut self) {
        self.state = State::Closed;
        (self.row, self.recent, self.seen, self.opened) = (0, 0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn it_takes_the_steps_both_kits_agreed_on() {
        let vectors: Value = serde_json::from_str(include_str!("../../../../spec/vectors/breaker.json")).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() >= 20);
        for case in cases {
            let seed = case["seed"].as_str().and_then(|seed| seed.parse().ok()).expect("seed");
            let mut breaker = Breaker::new(seed);
            for step in case["steps"].as_array().expect("steps") {
                let at = step["at_ms"].as_u64().expect("at_ms");
                match step["event"].as_str().expect("event") {
                    "success" => breaker.success(at),
                    "rejected" => breaker.rejected(at),
                    "failure" => breaker.failure(at, step["retry_after_ms"].as_u64()),
                    "tick" => {}
                    other => panic!("unknown event {other}"),
                }
                let state = breaker.state(at);
                let name = ["closed", "half_open", "open"][state as usize];
                assert_eq!(Some(name), step["state"].as_str(), "{}: {step}", case["name"]);
                if state == State::Open {
                    assert_eq!(Some(breaker.until()), step["until_ms"].as_u64(), "{}: {step}", case["name"]);
                }
            }
        }
    }
}
