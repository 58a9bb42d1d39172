//! The command line.

use opentelemetry_otlp::{Compression, Protocol, WithExportConfig, WithHttpConfig, WithTonicConfig};

use crate::Error;

pub(crate) struct Options {
    pub(crate) protocol: Protocol,
    compression: Option<Compression>,
    endpoint: String,
    pub(crate) spans: usize,
    pub(crate) service: String,
    pub(crate) run: Option<String>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, Error> {
        let mut options = Options {
            protocol: Protocol::HttpBinary,
            compression: None,
            endpoint: "http://127.0.0.1:4318".to_owned(),
            spans: 100,
            service: "senders-rust".to_owned(),
            run: None,
        };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--protocol" => options.protocol = protocol(&value)?,
                "--compression" => options.compression = compression(&value)?,
                "--endpoint" => options.endpoint = value.trim_end_matches('/').to_owned(),
                "--spans" => options.spans = value.parse().map_err(|error| format!("--spans {value}: {error}"))?,
                "--service" => options.service = value,
                "--run" => options.run = Some(value),
                _ => return Err(format!("{name} is not an option").into()),
            }
        }
        Ok(options)
    }

    /// Sets up an HTTP exporter for a signal: `traces`, `logs` or `metrics`.
    pub(crate) fn http<B: WithExportConfig + WithHttpConfig>(&self, builder: B, signal: &str) -> B {
        let builder = builder.with_endpoint(format!("{}/v1/{signal}", self.endpoint)).with_protocol(self.protocol);
        match self.compression {
            Some(compression) => builder.with_compression(compression),
            None => builder,
        }
    }

    /// Sets up a gRPC exporter.
    pub(crate) fn grpc<B: WithExportConfig + WithTonicConfig>(&self, builder: B) -> B {
        let builder = builder.with_endpoint(self.endpoint.clone());
        match self.compression {
            Some(compression) => builder.with_compression(compression),
            None => builder,
        }
    }
}

fn protocol(text: &str) -> Result<Protocol, Error> {
    match text {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::HttpBinary),
        "http/json" => Ok(Protocol::HttpJson),
        _ => Err(format!("--protocol {text} is not one of grpc, http/protobuf, http/json").into()),
    }
}

fn compression(text: &str) -> Result<Option<Compression>, Error> {
    match text {
        "none" => Ok(None),
        "gzip" => Ok(Some(Compression::Gzip)),
        _ => Err(format!("--compression {text} is not one of none, gzip").into()),
    }
}
