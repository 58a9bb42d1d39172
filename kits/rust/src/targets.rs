//! Where each signal is sent and how: the `OTEL_EXPORTER_OTLP_*` variables, those of one signal before those of all.

use opentelemetry_otlp::ExporterBuildError;

use crate::config::{Config, Protocol};
use crate::environment::Reader;

/// Where and how one signal is sent.
#[derive(Debug)]
pub(crate) struct Target {
    /// Over HTTP with its path.
    pub(crate) url: String,
    pub(crate) protocol: Protocol,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) certificates: Certificates,
}

impl Target {
    #[cfg(feature = "tls")]
    pub(crate) fn is_secure(&self) -> bool {
        self.url.starts_with("https:")
    }
}

/// What the variables say about TLS, as PEM.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    /// Whom to trust instead of whom the system trusts.
    pub(crate) authority: Option<Vec<u8>>,
    /// The certificate the kit shows, and its key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
    /// The variables that named them.
    names: Vec<String>,
}

impl Certificates {
    /// Why they cannot be used.
    pub(crate) fn unusable(&self, why: &str) -> ExporterBuildError {
        ExporterBuildError::InternalFailure(format!("{}: {why}", self.names.join(", ")))
    }
}

/// The targets of the signals; `None` where `OTEL_<SIGNAL>_EXPORTER` is `none`.
#[derive(Debug)]
pub(crate) struct Targets {
    pub(crate) traces: Option<Target>,
    pub(crate) metrics: Option<Target>,
    pub(crate) logs: Option<Target>,
}

impl Targets {
    pub(crate) fn read(reader: &mut Reader, config: &Config) -> Self {
        Targets {
            traces: target(reader, config, "TRACES"),
            metrics: target(reader, config, "METRICS"),
            logs: target(reader, config, "LOGS"),
        }
    }
}

const ALL_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

fn target(reader: &mut Reader, config: &Config, signal: &str) -> Option<Target> {
    let exporter = format!("OTEL_{signal}_EXPORTER");
    match reader.text(&exporter).as_deref() {
        None | Some("otlp") => {}
        Some("none") => return None,
        Some(other) => {
            reader.problem(format!("{exporter}={other} is not one of otlp, none"));
            return None;
        }
    }
    let protocol = protocol(reader, config.protocol, signal);
    let own = format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT");
    let (source, base, complete) = match (reader.text(&own), reader.text(ALL_ENDPOINT), &config.endpoint) {
        (Some(url), _, _) => (own, url, true),
        (None, Some(url), _) => (ALL_ENDPOINT.to_owned(), url, false),
        (None, None, Some(url)) => ("endpoint".to_owned(), url.clone(), false),
        (None, None, None) => ("endpoint".to_owned(), default_endpoint(protocol).to_owned(), false),
    };
    let url = if complete || protocol == Protocol::Grpc {
        base.clone()
    } else {
        format!("{}/v1/{}", base.trim_end_matches('/'), signal.to_ascii_lowercase())
    };
    reader.check_url(&url, &format!("{source}={base}"));
    Some(Target { url, protocol, headers: headers(reader, signal), certificates: certificates(reader, signal) })
}

fn default_endpoint(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::HttpProtobuf => "http://127.0.0.1:4318",
        Protocol::Grpc => "http://127.0.0.1:4317",
    }
}

fn protocol(reader: &mut Reader, otherwise: Protocol, signal: &str) -> Protocol {
    let protocol = match reader.signal_text(signal, "PROTOCOL") {
        None => otherwise,
        Some((name, text)) => match text.as_str() {
            "http/protobuf" => Protocol::HttpProtobuf,
            "grpc" => Protocol::Grpc,
            other => {
                reader.problem(format!("{name}={other} is not one of http/protobuf, grpc"));
                otherwise
            }
        },
    };
    if protocol == Protocol::Grpc && !cfg!(feature = "grpc-export") {
        reader.problem("OTLP over gRPC needs the crate feature grpc-export".into());
    }
    protocol
}

/// `key=value` pairs between commas, values percent-encoded.
fn headers(reader: &Reader, signal: &str) -> Vec<(String, String)> {
    let Some((_, list)) = reader.signal_text(signal, "HEADERS") else {
        return Vec::new();
    };
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    let decoded = |value: &str| crate::baggage::decode(value).unwrap_or_else(|| value.to_owned());
    pairs.map(|(key, value)| (key.trim().to_owned(), decoded(value.trim()))).collect()
}

fn certificates(reader: &mut Reader, signal: &str) -> Certificates {
    let authority = file(reader, signal, "CERTIFICATE");
    let shown = reader.signal_text(signal, "CLIENT_CERTIFICATE");
    let client = match (shown, reader.signal_text(signal, "CLIENT_KEY")) {
        (None, _) => None,
        (Some((name, _)), None) => {
            reader.problem(format!("{name}: OTEL_EXPORTER_OTLP_CLIENT_KEY is not set"));
            None
        }
        _ => file(reader, signal, "CLIENT_CERTIFICATE").zip(file(reader, signal, "CLIENT_KEY")),
    };
    let names = ["CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"];
    let names = names.iter().filter_map(|what| reader.signal_text(signal, what)).map(|(name, _)| name).collect();
    Certificates { authority, client, names }
}

fn file(reader: &mut Reader, signal: &str, what: &str) -> Option<Vec<u8>> {
    let (name, path) = reader.signal_text(signal, what)?;
    match std::fs::read(&path) {
        Ok(pem) if pem.windows(10).any(|bytes| bytes == b"-----BEGIN") => Some(pem),
        Ok(_) => {
            reader.problem(format!("{name}={path} has nothing in PEM"));
            None
        }
        Err(error) => {
            reader.problem(format!("{name}={path} cannot be read: {error}"));
            None
        }
    }
}
