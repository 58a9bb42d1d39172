//! Sends one of everything with the plain official OpenTelemetry SDK for Rust, so that a test can compare what was on the wire with
//! what the platform gives back.
//!
//! ```text
//! senders-rust --protocol grpc|http/protobuf|http/json --compression none|gzip --endpoint URL --spans N [--service NAME] [--run ID]
//! ```
//! The endpoint is the base URL for all protocols. On success the only output is one JSON line with what was sent,
//! `{"spans":N,"logs":N,"metric_points":N}`; any export error is exit code 1.

mod logs;
mod metrics;
mod options;
mod traces;
mod values;

use std::process::ExitCode;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use options::Options;

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match send() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("senders-rust: {error}");
            ExitCode::FAILURE
        }
    }
}

fn send() -> Result<String, Error> {
    let options = Options::parse(std::env::args().skip(1))?;
    // gRPC exporters need a runtime around them while they are built; its threads then drive the connection.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let _entered = runtime.enter();
    let resource = resource(&options);
    let spans = traces::send(&options, &resource)?;
    let logs = logs::send(&options, &resource)?;
    let points = metrics::send(&options, &resource)?;
    Ok(format!(r#"{{"spans":{spans},"logs":{logs},"metric_points":{points}}}"#))
}

fn resource(options: &Options) -> Resource {
    let mut attributes = vec![
        KeyValue::new("service.name", options.service.clone()),
        KeyValue::new("service.version", "1.2.3"),
        KeyValue::new("deployment.environment.name", "test"),
        KeyValue::new("process.pid", i64::from(std::process::id())),
        KeyValue::new("test.list", values::text_list(&["a", "b"])),
    ];
    if let Some(run) = &options.run {
        attributes.push(KeyValue::new("test.run", run.clone()));
    }
    let schema = "https://opentelemetry.io/schemas/1.41.0";
    Resource::builder_empty().with_schema_url(attributes, schema).build()
}
