//! A ceiling over all roots, and a floor for each operation.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use opentelemetry::trace::SpanKind;

/// A token bucket. It counts in whole numbers, so that both kits come to the same: a credit is 10^12 parts, of which a rate of 10^-6 a
/// second earns one in a microsecond.
#[derive(Debug)]
pub(crate) struct Ceiling {
    /// Parts a microsecond.
    rate: u64,
    /// Parts: a second's worth, at least one credit.
    capacity: u64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    parts: u64,
    /// When `parts` was counted, in microseconds.
    counted: u64,
    refused: Option<Duration>,
}

/// What a ceiling said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticket {
    /// No credit is left.
    Refused,
    /// A credit was spent while the ceiling holds spans back: the span stands for an unknown number of others.
    Limiting,
    /// A credit was spent.
    Free,
}

const CREDIT: u64 = 1_000_000_000_000;
/// The highest ceiling, in spans a second; a bucket of it has 10^18 parts.
pub(crate) const RATE_MAX: f64 = 1e6;
/// The lowest ceiling.
pub(crate) const RATE_MIN: f64 = 1e-6;
/// For so long after a refusal nothing is told about what the spans let through stand for.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);

impl Ceiling {
    pub(crate) fn new(per_second: f64) -> Self {
        // From 1 to 10^12.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rate = (per_second.clamp(RATE_MIN, RATE_MAX) * 1e6).round() as u64;
        let capacity = CREDIT.max(rate * 1_000_000);
        let bucket = Mutex::new(Bucket { parts: capacity, counted: 0, refused: None });
        Ceiling { rate, capacity, bucket }
    }

    /// Spends a credit.
    pub(crate) fn take(&self, now: Duration) -> Ticket {
        let Ok(mut bucket) = self.bucket.lock() else {
            return Ticket::Refused;
        };
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let passed = micros.saturating_sub(bucket.counted);
        if passed >= self.capacity / self.rate {
            bucket.parts = self.capacity;
        } else {
            bucket.parts = self.capacity.min(bucket.parts + passed * self.rate);
        }
        bucket.counted = bucket.counted.max(micros);
        if bucket.parts < CREDIT {
            bucket.refused = Some(now);
            return Ticket::Refused;
        }
        bucket.parts -= CREDIT;
        let limiting = bucket.refused.is_some_and(|at| now.saturating_sub(at) < UNKNOWN_FOR);
        if limiting { Ticket::Limiting } else { Ticket::Free }
    }
}

/// Keeps at least so many roots of each operation in a minute, which begins with the operation's first root.
#[derive(Debug)]
pub(crate) struct Floor {
    least: u32,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// By kind, so that a look-up needs no key of its own.
    operations: [HashMap<String, Minute>; 5],
    swept: Duration,
}

#[derive(Debug)]
struct Minute {
    began: Duration,
    kept: u32,
}

const MINUTE: Duration = Duration::from_secs(60);
/// Bounds the floor's memory; operations beyond it, and names longer than `NAME_BYTES_MAX`, have no floor.
const OPERATIONS_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 256;
const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl Floor {
    pub(crate) fn new(least: u32) -> Self {
        Floor { least, table: Mutex::default() }
    }

    /// Notes a root and says whether the floor keeps what would be dropped.
    pub(crate) fn raise(&self, kind: &SpanKind, name: &str, kept: bool, now: Duration) -> bool {
        let Ok(mut table) = self.table.lock() else {
            return false;
        };
        if name.len() > NAME_BYTES_MAX {
            return false;
        }
        let known = table.of(kind).is_some_and(|minutes| minutes.contains_key(name));
        if !known && !table.room(now) {
            return false;
        }
        let Some(minutes) = table.of(kind) else {
            return false;
        };
        if !known {
            minutes.insert(name.to_owned(), Minute { began: now, kept: 0 });
        }
        let Some(minute) = minutes.get_mut(name) else {
            return false;
        };
        if now.saturating_sub(minute.began) >= MINUTE {
            *minute = Minute { began: now, kept: 0 };
        }
        if kept || minute.kept < self.least {
            minute.kept += 1;
            return !kept;
        }
        false
    }
}

impl Table {
    fn of(&mut self, kind: &SpanKind) -> Option<&mut HashMap<String, Minute>> {
        let index = match kind {
            SpanKind::Internal => 0,
            SpanKind::Server => 1,
            SpanKind::Client => 2,
            SpanKind::Producer => 3,
            SpanKind::Consumer => 4,
        };
        self.operations.get_mut(index)
    }

    /// Makes place for one more operation by forgetting those whose minute is over, and looks for them once a second.
    fn room(&mut self, now: Duration) -> bool {
        let count = |table: &Table| table.operations.iter().map(HashMap::len).sum::<usize>();
        if count(self) < OPERATIONS_MAX {
            return true;
        }
        if now.saturating_sub(self.swept) < SWEEP_EVERY {
            return false;
        }
        self.swept = now;
        for minutes in &mut self.operations {
            minutes.retain(|_, minute| now.saturating_sub(minute.began) < MINUTE);
        }
        count(self) < OPERATIONS_MAX
    }
}
