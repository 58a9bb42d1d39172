//! What the tokio runtime is doing: `rust.tokio.*`. The conventions have no names for it yet.

use opentelemetry::metrics::{AsyncInstrumentBuilder, Meter, ObservableUpDownCounter};
use tokio::runtime::Handle;

use crate::attributes::int;
use crate::kit::Kit;
use crate::names::{self, Metric};

impl Kit {
    /// Reports a runtime with every collection of metrics: its workers and how long they were busy, its tasks, and how many of them
    /// wait in the queue all workers share. Call it once for a runtime.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # let kit = throughline::init(throughline::Config::builder("orders").build()).unwrap();
    /// kit.observe_runtime(&tokio::runtime::Handle::current());
    /// # });
    /// ```
    pub fn observe_runtime(&self, runtime: &Handle) {
        let Some(meter) = self.meter_of(names::SCOPE_RUNTIME) else {
            return;
        };
        let metrics = runtime.metrics();
        let (workers, tasks, queue, busy) = (metrics.clone(), metrics.clone(), metrics.clone(), metrics);
        up_down(&meter, &names::METRIC_RUST_TOKIO_WORKERS)
            .with_callback(move |observer| observer.observe(int(workers.num_workers()), &[]))
            .build();
        up_down(&meter, &names::METRIC_RUST_TOKIO_TASKS)
            .with_callback(move |observer| observer.observe(int(tasks.num_alive_tasks()), &[]))
            .build();
        up_down(&meter, &names::METRIC_RUST_TOKIO_GLOBAL_QUEUE_DEPTH)
            .with_callback(move |observer| observer.observe(int(queue.global_queue_depth()), &[]))
            .build();
        let Metric { name, unit, description } = names::METRIC_RUST_TOKIO_WORKER_BUSY_TIME;
        meter
            .f64_observable_counter(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |observer| {
                let all = (0..busy.num_workers()).map(|worker| busy.worker_total_busy_duration(worker).as_secs_f64());
                observer.observe(all.sum(), &[]);
            })
            .build();
    }
}

/// An instrument of the registry that is read when metrics are collected.
pub(crate) fn up_down<'a>(
    meter: &'a Meter,
    metric: &Metric,
) -> AsyncInstrumentBuilder<'a, ObservableUpDownCounter<i64>, i64> {
    let builder = meter.i64_observable_up_down_counter(metric.name);
    builder.with_unit(metric.unit).with_description(metric.description)
}
