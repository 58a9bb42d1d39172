//! What the kit costs, beside the raw OpenTelemetry SDK and the community's tower and tonic layers, in one run on one machine. What is
//! measured is the CPU time of the thread that serves: on a machine with other work to do it is the number that means something. Batches are encoded and
//! sent by other threads, as in a service. `make bench-kits` reads the output.
#![allow(missing_docs, clippy::unwrap_used)]

mod server;
mod span;
mod unary;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, criterion_group, criterion_main};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use throughline::{Config, Kit};

struct ThreadCpu;

impl Measurement for ThreadCpu {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }

    fn end(&self, start: ThreadTime) -> Duration {
        start.elapsed()
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Sends nothing anywhere.
#[derive(Debug)]
struct Discard;

impl SpanExporter for Discard {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

/// The raw SDK.
fn sdk(sampler: Sampler) -> SdkTracerProvider {
    SdkTracerProvider::builder().with_sampler(sampler).with_batch_exporter(Discard).build()
}

/// An OTLP receiver that takes everything and looks at nothing.
fn sink() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                let mut part = [0; 1 << 16];
                while let Ok(read) = connection.read(&mut part) {
                    seen.extend_from_slice(&part[..read]);
                    if read == 0 {
                        return;
                    }
                    let Some(head) = seen.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
                    let text = String::from_utf8_lossy(&seen[..head]).to_lowercase();
                    let length =
                        text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
                    if seen.len() >= head + 4 + length.unwrap_or(0) {
                        seen.clear();
                        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                    }
                }
            });
        }
    });
    url
}

fn kit(variables: &[(&str, &str)]) -> Kit {
    let endpoint = sink();
    let own = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    throughline::init(Config::builder("bench").variables(own.into_iter().chain(variables.iter().copied())).build())
        .unwrap()
}

/// The kit in the states that matter.
fn kits() -> [(&'static str, Kit); 3] {
    [
        ("kit-disabled", kit(&[("OTEL_SDK_DISABLED", "true")])),
        ("kit-unsampled", kit(&[("OTEL_TRACES_SAMPLER", "always_off")])),
        ("kit-sampled", kit(&[])),
    ]
}

/// Metrics of the community's layers, which have no others.
fn meters() -> SdkMeterProvider {
    SdkMeterProvider::builder().with_reader(PeriodicReader::builder(NoMetrics).build()).build()
}

/// Sends no metrics anywhere.
struct NoMetrics;

impl opentelemetry_sdk::metrics::exporter::PushMetricExporter for NoMetrics {
    async fn export(&self, _: &opentelemetry_sdk::metrics::data::ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> opentelemetry_sdk::metrics::Temporality {
        opentelemetry_sdk::metrics::Temporality::Cumulative
    }
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .with_measurement(ThreadCpu)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = span::benches, server::benches, unary::benches
}
criterion_main!(all);
