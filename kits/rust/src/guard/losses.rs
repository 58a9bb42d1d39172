use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::counts::{CAUSES, Cause, Counts};
use crate::diagnostics::Diagnostics;

const INTERVAL: Duration = Duration::from_secs(60);

/// A signal and a cause.
type Key = (&'static str, Cause);

/// Tells of losses, each signal's every cause at most once a minute, with the number lost since it was last told. It reads counters
/// when an export is over, so nothing is told, and no lock taken, where a request waits.
#[derive(Debug)]
pub(crate) struct Losses {
    diagnostics: Arc<Diagnostics>,
    told: Mutex<HashMap<Key, (Instant, u64)>>,
}

impl Losses {
    pub(crate) fn new(diagnostics: &Arc<Diagnostics>) -> Self {
        Losses { diagnostics: Arc::clone(diagnostics), told: Mutex::default() }
    }

    /// Looks at what a signal has lost. At the end everything is told, however short ago the last line was.
    pub(super) fn tell(&self, signal: &'static str, counts: &Counts, error: &str, end: bool) {
        for cause in CAUSES {
            if let Some(lost) = self.admit((signal, cause), counts.lost(cause), Instant::now(), end) {
                self.diagnostics.tell_loss(signal, cause.name(), lost, error);
            }
        }
    }

    fn admit(&self, key: Key, total: u64, now: Instant, end: bool) -> Option<u64> {
        if total == 0 {
            return None;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told.get(&key).copied();
        let recent = known.is_some_and(|(at, _)| now.saturating_duration_since(at) < INTERVAL);
        let lost = total - known.map_or(0, |(_, count)| count);
        if lost == 0 || recent && !end {
            return None;
        }
        told.insert(key, (now, total));
        Some(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once_a_minute_with_what_was_lost_since() {
        let losses = Losses::new(&Arc::new(Diagnostics::new("orders")));
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let key = ("traces", Cause::Timeout);
        assert_eq!(losses.admit(key, 0, start, false), None);
        assert_eq!(losses.admit(key, 5, start, false), Some(5));
        assert_eq!(losses.admit(key, 9, later(59), false), None);
        assert_eq!(losses.admit(("logs", Cause::Timeout), 1, later(59), false), Some(1));
        assert_eq!(losses.admit(key, 12, later(60), false), Some(7));
        assert_eq!(losses.admit(key, 13, later(61), true), Some(1));
        assert_eq!(losses.admit(key, 13, later(200), true), None);
    }
}
