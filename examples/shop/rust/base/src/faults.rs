//! Switches of the faults the shop can have on demand, set by messages on NATS.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

/// Carries [`Change`] messages to every service.
pub const SUBJECT: &str = "shop.chaos";

/// Names one fault. The shop has more; those are of no concern here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Pricing: about 1 in 10 requests panics.
    Panic,
    /// A fault of another service.
    #[serde(other)]
    Other,
}

impl Fault {
    /// As messages name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Fault::Panic => "panic",
            Fault::Other => "of another service",
        }
    }
}

/// Switches one fault on or off.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Change {
    /// Which.
    pub fault: Fault,
    /// Whether it is on now.
    pub on: bool,
}

/// The faults that are on. Reading one is an atomic load.
#[derive(Debug, Default)]
pub struct Switches {
    panic: AtomicBool,
}

impl Switches {
    /// Whether requests should panic now and then.
    #[must_use]
    pub fn panic(&self) -> bool {
        self.panic.load(Ordering::Relaxed)
    }

    /// Makes a change.
    pub fn apply(&self, change: Change) {
        if change.fault == Fault::Panic {
            self.panic.store(change.on, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_as_the_gateway_writes_them() {
        let switches = Switches::default();
        let apply = |text: &str| switches.apply(serde_json::from_str(text).expect("a change"));
        apply(r#"{"fault":"panic","on":true}"#);
        apply(r#"{"fault":"slow_query","on":false}"#);
        assert!(switches.panic());
        apply(r#"{"fault":"panic","on":false}"#);
        assert!(!switches.panic());
    }
}
