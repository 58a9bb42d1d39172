//! The account of every item. The sum is exact whenever nothing is on the move, and always after a shutdown.

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of the items of one signal since the start: sampled spans that ended, log records, and for metrics collections.
/// `created = exported + dropped.total() + queued`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalStats {
    /// Items handed to the kit.
    pub created: u64,
    /// Items the receiver took.
    pub exported: u64,
    /// Items lost, by cause.
    pub dropped: Drops,
    /// Items that wait, or are on their way.
    pub queued: u64,
    /// The estimated size of what is queued.
    pub queued_bytes: u64,
}

/// Dropped items by cause; the causes are the values of `error.type` in the kit's own metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drops {
    /// 2048 items were waiting.
    pub queue_full: u64,
    /// 8 MiB were waiting.
    pub byte_limit: u64,
    /// The receiver was known to be down.
    pub circuit_open: u64,
    /// The export took too long.
    pub timeout: u64,
    /// The receiver could not be reached, or had a failure.
    pub export_failed: u64,
    /// The receiver did not want them.
    pub rejected: u64,
    /// They came after the shutdown, or it had no time for them.
    pub shutdown: u64,
}

impl Drops {
    /// The sum of all causes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.queue_full
            + self.byte_limit
            + self.circuit_open
            + self.timeout
            + self.export_failed
            + self.rejected
            + self.shutdown
    }

    /// What was lost on the way, not before it.
    pub(crate) fn on_the_way(&self) -> u64 {
        self.timeout + self.export_failed + self.rejected + self.shutdown
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    QueueFull,
    ByteLimit,
    CircuitOpen,
    Timeout,
    ExportFailed,
    Rejected,
    Shutdown,
}

pub(crate) const CAUSES: [Cause; 7] = [
    Cause::QueueFull,
    Cause::ByteLimit,
    Cause::CircuitOpen,
    Cause::Timeout,
    Cause::ExportFailed,
    Cause::Rejected,
    Cause::Shutdown,
];

impl Cause {
    /// The value of `error.type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Cause::QueueFull => "queue_full",
            Cause::ByteLimit => "byte_limit",
            Cause::CircuitOpen => "circuit_open",
            Cause::Timeout => "timeout",
            Cause::ExportFailed => "export_failed",
            Cause::Rejected => "rejected",
            Cause::Shutdown => "shutdown",
        }
    }
}

impl Cause {
    /// Lost by the exporter, not by the queue.
    pub(crate) fn on_the_way(self) -> bool {
        matches!(self, Cause::Timeout | Cause::ExportFailed | Cause::Rejected)
    }
}

/// The counters behind [`SignalStats`].
#[derive(Debug, Default)]
pub(crate) struct Counts {
    created: AtomicU64,
    exported: AtomicU64,
    lost: [AtomicU64; CAUSES.len()],
    pub(super) queued: AtomicU64,
    pub(super) queued_bytes: AtomicU64,
}

impl Counts {
    pub(super) fn create(&self) {
        self.created.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn export(&self, items: u64) {
        self.exported.fetch_add(items, Ordering::Relaxed);
    }

    pub(super) fn lose(&self, cause: Cause, items: u64) {
        self.lost[cause as usize].fetch_add(items, Ordering::Relaxed);
    }

    pub(crate) fn lost(&self, cause: Cause) -> u64 {
        self.lost[cause as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn stats(&self) -> SignalStats {
        SignalStats {
            created: self.created.load(Ordering::Relaxed),
            exported: self.exported.load(Ordering::Relaxed),
            dropped: Drops {
                queue_full: self.lost(Cause::QueueFull),
                byte_limit: self.lost(Cause::ByteLimit),
                circuit_open: self.lost(Cause::CircuitOpen),
                timeout: self.lost(Cause::Timeout),
                export_failed: self.lost(Cause::ExportFailed),
                rejected: self.lost(Cause::Rejected),
                shutdown: self.lost(Cause::Shutdown),
            },
            queued: self.queued.load(Ordering::Relaxed),
            queued_bytes: self.queued_bytes.load(Ordering::Relaxed),
        }
    }
}
