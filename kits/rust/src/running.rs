//! How many operations run now. The SDK's up-down counter looks for the series of a count by all its attributes, twice for each operation;
//! here an operation finds its series once and holds it until it ends. What is exported is the same.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use crate::names::Metric;
use crate::words::Seed;

/// The SDK's own limit, beyond which it folds series into one.
const SERIES_MAX: usize = 2000;

/// A gauge of running operations.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<Series>>);

type Series = HashMap<Box<[KeyValue]>, Arc<AtomicI64>, Seed>;

/// Counted for as long as it lives.
pub(crate) struct Run(Arc<AtomicI64>);

impl Drop for Run {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Running {
    pub(crate) fn new(meter: &Meter, metric: &Metric) -> Self {
        let running = Running::default();
        let told = running.clone();
        let tell = move |out: &dyn AsyncInstrument<i64>| {
            let series = told.0.lock().unwrap_or_else(PoisonError::into_inner);
            series.iter().for_each(|(attributes, count)| out.observe(count.load(Ordering::Relaxed), attributes));
        };
        let builder = meter.i64_observable_up_down_counter(metric.name).with_unit(metric.unit);
        builder.with_description(metric.description).with_callback(tell).build();
        running
    }

    /// Counts an operation.
    pub(crate) fn enter(&self, attributes: &[KeyValue]) -> Run {
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let overflow = [KeyValue::new("otel.metric.overflow", true)];
        let full = series.len() >= SERIES_MAX && !series.contains_key(attributes);
        let attributes = if full { overflow.as_slice() } else { attributes };
        let count = match series.get(attributes) {
            Some(count) => Arc::clone(count),
            None => Arc::clone(series.entry(attributes.into()).or_default()),
        };
        count.fetch_add(1, Ordering::Relaxed);
        Run(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_counts_while_it_runs_and_series_are_bounded() {
        let running = Running::default();
        let runs: Vec<_> = (0..SERIES_MAX as i64 + 5).map(|i| running.enter(&[KeyValue::new("n", i)])).collect();
        let counts = || -> i64 { running.0.lock().expect("series").values().map(|n| n.load(Ordering::Relaxed)).sum() };
        assert_eq!(counts(), SERIES_MAX as i64 + 5);
        assert_eq!(running.0.lock().expect("series").len(), SERIES_MAX + 1);
        drop(runs);
        assert_eq!(counts(), 0);
    }
}
