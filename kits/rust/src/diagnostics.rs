//! Where the kit tells of its own troubles: JSON lines on standard error, each cause at most once a minute with a count of what
//! was held back. Never through the pipeline that is in trouble.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::logs::AnyValue;

use crate::logs::line::{ErrorText, Line};

const QUIET: Duration = Duration::from_secs(60);

/// How many causes are told apart; the rest share one entry.
const CAUSES_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Diagnostics {
    service: String,
    causes: Mutex<HashMap<String, Cause>>,
}

#[derive(Debug)]
struct Cause {
    told: Instant,
    held_back: u64,
}

impl Diagnostics {
    pub(crate) fn new(service: &str) -> Self {
        Diagnostics { service: service.to_owned(), causes: Mutex::new(HashMap::new()) }
    }

    /// Writes one line unless this cause was told less than a minute ago. `lost` counts the items that went missing.
    pub(crate) fn tell(&self, cause: &str, message: &str, lost: u64, error: &str) {
        let Some(held_back) = self.admit(cause, Instant::now()) else {
            return;
        };
        let mut attributes = vec![("cause".to_owned(), AnyValue::from(cause.to_owned()))];
        for (name, count) in [("held_back", held_back), ("lost", lost)] {
            if count > 0 {
                attributes.push((name.to_owned(), AnyValue::Int(crate::attributes::int(count))));
            }
        }
        self.write(message, &attributes, error);
    }

    /// Tells how many items of a signal were lost since the last time; whoever calls keeps the minute.
    pub(crate) fn tell_loss(&self, signal: &str, cause: &str, lost: u64, error: &str) {
        let attributes = [
            ("signal".to_owned(), AnyValue::from(signal.to_owned())),
            ("cause".to_owned(), AnyValue::from(cause.to_owned())),
            ("lost".to_owned(), AnyValue::Int(crate::attributes::int(lost))),
        ];
        self.write("telemetry was lost", &attributes, error);
    }

    fn write(&self, message: &str, attributes: &[(String, AnyValue)], error: &str) {
        let error = ErrorText { kind: None, message: Some(error.to_owned()) };
        let line = Line {
            time: SystemTime::now(),
            level: "warn",
            message,
            service: &self.service,
            span: None,
            scope: Some("throughline"),
            event: None,
            attributes,
            error: Some(&error).filter(|error| error.message.as_deref() != Some("")),
        };
        let mut text = line.render();
        text.push('\n');
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// How many tellings were held back since the last one, or `None` when this one must be held back too.
    fn admit(&self, cause: &str, now: Instant) -> Option<u64> {
        let Ok(mut causes) = self.causes.lock() else {
            return None;
        };
        let full = causes.len() >= CAUSES_MAX && !causes.contains_key(cause);
        let key = if full { "other" } else { cause };
        match causes.get_mut(key) {
            Some(known) if now.saturating_duration_since(known.told) < QUIET => {
                known.held_back += 1;
                None
            }
            Some(known) => {
                known.told = now;
                Some(std::mem::take(&mut known.held_back))
            }
            None => {
                let cause = Cause { told: now, held_back: 0 };
                causes.insert(key.to_owned(), cause);
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once_a_minute_and_counts_what_it_held_back() {
        let diagnostics = Diagnostics::new("orders");
        let start = Instant::now();
        assert_eq!(diagnostics.admit("refused", start), Some(0));
        assert_eq!(diagnostics.admit("refused", start + Duration::from_secs(1)), None);
        assert_eq!(diagnostics.admit("refused", start + Duration::from_secs(59)), None);
        assert_eq!(diagnostics.admit("other cause", start), Some(0));
        assert_eq!(diagnostics.admit("refused", start + Duration::from_secs(61)), Some(2));
        assert_eq!(diagnostics.admit("refused", start + Duration::from_secs(62)), None);
    }

    #[test]
    fn causes_are_bounded() {
        let diagnostics = Diagnostics::new("orders");
        let now = Instant::now();
        for cause in 0..1000 {
            diagnostics.admit(&cause.to_string(), now);
        }
        let count = diagnostics.causes.lock().expect("lock").len();
        assert!(count <= CAUSES_MAX + 1);
    }
}
