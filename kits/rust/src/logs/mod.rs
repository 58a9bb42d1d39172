//! Logs: JSON lines with the active trace, and the same records over OTLP.

mod layer;
pub(crate) mod levels;
mod limit;
pub(crate) mod line;
