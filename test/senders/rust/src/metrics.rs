//! Metrics: one collection with every kind of instrument.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{MetricExporter, Protocol};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality};

use crate::Error;
use crate::options::Options;

pub(crate) fn send(options: &Options, resource: &Resource) -> Result<usize, Error> {
    let exporter = match options.protocol {
        Protocol::Grpc => options.grpc(MetricExporter::builder().with_tonic()).build()?,
        _ => options.http(MetricExporter::builder().with_http(), "metrics").build()?,
    };
    let points = Arc::new(AtomicUsize::new(0));
    let once = Once { exporter, points: Arc::clone(&points), collections: AtomicUsize::new(0) };
    let reader = PeriodicReader::builder(once).with_interval(Duration::from_secs(3600)).build();
    let provider =
        SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(reader).with_view(exponential).build();
    let scope = InstrumentationScope::builder("senders-rust/metrics").with_version("0.1.0").build();
    record(&provider.meter_with_scope(scope));
    provider.force_flush()?;
    provider.shutdown()?;
    Ok(points.load(Ordering::SeqCst))
}

fn exponential(instrument: &Instrument) -> Option<Stream> {
    if instrument.name() != "test.exponential" {
        return None;
    }
    let aggregation = Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

fn record(meter: &Meter) {
    let counter = meter.u64_counter("test.counter").with_unit("{thing}").with_description("Things counted.").build();
    let fraction = meter.f64_counter("test.counter.float").with_unit("s").build();
    let up_down = meter.i64_up_down_counter("test.updown").build();
    let gauge = meter.f64_gauge("test.gauge").with_unit("Cel").build();
    let bounds = vec![0.005, 0.01, 0.1, 1.0, 10.0];
    let histogram = meter.f64_histogram("test.histogram").with_unit("s").with_boundaries(bounds).build();
    let exponential = meter.f64_histogram("test.exponential").with_unit("By").build();
    let _observed = meter
        .i64_observable_gauge("test.observed")
        .with_callback(|observer| observer.observe(9, &[KeyValue::new("async", true)]))
        .build();
    for i in 0..100_u32 {
        let value = f64::from(i * i) / 500.0;
        let route = if i % 2 == 0 { "/a" } else { "/b" };
        let series = [KeyValue::new("route", route), KeyValue::new("shard", i64::from(i % 2))];
        counter.add(u64::from(i), &series);
        fraction.add(value, &series);
        up_down.add(1 - i64::from(i % 3), &series);
        gauge.record(value - 5.0, &series);
        histogram.record(value, &series);
        exponential.record(value * 1000.0, &series);
    }
    exponential.record(0.0, &[KeyValue::new("route", "/zero")]);
    exponential.record(-3.0, &[KeyValue::new("route", "/negative")]);
}

/// Passes the first collection on and counts its points. Shutting down would send everything again.
struct Once {
    exporter: MetricExporter,
    points: Arc<AtomicUsize>,
    collections: AtomicUsize,
}

impl PushMetricExporter for Once {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if self.collections.fetch_add(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        let all = metrics.scope_metrics().flat_map(|scope| scope.metrics());
        let points = all.map(|metric| points(metric.data())).sum();
        self.points.store(points, Ordering::SeqCst);
        self.exporter.export(metrics).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

fn points(data: &AggregatedMetrics) -> usize {
    fn count<T>(data: &MetricData<T>) -> usize {
        match data {
            MetricData::Gauge(gauge) => gauge.data_points().count(),
            MetricData::Sum(sum) => sum.data_points().count(),
            MetricData::Histogram(histogram) => histogram.data_points().count(),
            MetricData::ExponentialHistogram(histogram) => histogram.data_points().count(),
        }
    }
    match data {
        AggregatedMetrics::F64(data) => count(data),
        AggregatedMetrics::U64(data) => count(data),
        AggregatedMetrics::I64(data) => count(data),
    }
}
