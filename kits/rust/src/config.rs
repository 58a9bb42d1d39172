//! What a service may configure, and how the environment overrides it.
//!
//! The environment wins over code, so that whoever runs a service has the last word without a new build. Every problem found is
//! kept, so that one start reports all of them.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::Sampler;
use tracing::Level;

pub(crate) type LogWriter = Arc<Mutex<dyn Write + Send>>;

/// Where telemetry goes: the two OTLP transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// Protobuf over HTTP/1.1: the default. Needs no async runtime.
    HttpProtobuf,
    /// Protobuf over gRPC. Needs the feature `grpc-export`.
    Grpc,
}

/// What the user wrote. Build one with [`Config::builder`].
#[derive(Clone)]
pub struct Config {
    pub(crate) service_name: String,
    pub(crate) service_version: Option<String>,
    pub(crate) environment_name: Option<String>,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) endpoint: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) batch_delay: Duration,
    pub(crate) metric_interval: Duration,
    pub(crate) export_timeout: Duration,
    pub(crate) drop_timeout: Duration,
    pub(crate) queue_size_max: usize,
    pub(crate) batch_size_max: usize,
    pub(crate) log_level: Level,
    pub(crate) log_levels: Vec<(&'static str, Level)>,
    pub(crate) log_writer: Option<LogWriter>,
    pub(crate) global: bool,
    pub(crate) variables: Option<HashMap<String, String>>,
    #[cfg(feature = "testing")]
    pub(crate) memory: Option<crate::testing::Memory>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("service_name", &self.service_name)
            .field("service_version", &self.service_version)
            .field("endpoint", &self.endpoint)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Starts a configuration for the service of this name (`service.name`); `OTEL_SERVICE_NAME` overrides it.
    ///
    /// ```
    /// let config = throughline::Config::builder("orders").version("1.4.2").build();
    /// # let _ = config;
    /// ```
    pub fn builder(service_name: impl Into<String>) -> ConfigBuilder {
        ConfigBuilder(Config {
            service_name: service_name.into(),
            service_version: None,
            environment_name: None,
            attributes: Vec::new(),
            endpoint: None,
            protocol: Protocol::HttpProtobuf,
            batch_delay: Duration::from_millis(500),
            metric_interval: Duration::from_secs(10),
            export_timeout: Duration::from_secs(3),
            drop_timeout: Duration::from_secs(5),
            queue_size_max: 2048,
            batch_size_max: 512,
            log_level: Level::INFO,
            log_levels: Vec::new(),
            log_writer: None,
            global: false,
            variables: None,
            #[cfg(feature = "testing")]
            memory: None,
        })
    }
}

/// Collects the options of a [`Config`]. Each has a default that is right for a service beside a local collector.
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct ConfigBuilder(Config);

impl ConfigBuilder {
    /// `service.version` of the resource.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.0.service_version = Some(version.into());
        self
    }

    /// `deployment.environment.name` of the resource, such as `production`.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.0.environment_name = Some(name.into());
        self
    }

    /// One more resource attribute; `OTEL_RESOURCE_ATTRIBUTES` overrides it.
    pub fn attribute(mut self, attribute: KeyValue) -> Self {
        self.0.attributes.push(attribute);
        self
    }

    /// Base URL of the OTLP receiver, `http://127.0.0.1:4318` by default; over HTTP `/v1/traces` and so on are appended.
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` overrides it.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.0.endpoint = Some(url.into());
        self
    }

    /// The OTLP transport; `OTEL_EXPORTER_OTLP_PROTOCOL` (`http/protobuf` or `grpc`) overrides it.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.0.protocol = protocol;
        self
    }

    /// How long spans and logs wait for company before they are sent: 500 ms. `OTEL_BSP_SCHEDULE_DELAY` and
    /// `OTEL_BLRP_SCHEDULE_DELAY` (ms) override it.
    pub fn batch_delay(mut self, delay: Duration) -> Self {
        self.0.batch_delay = delay;
        self
    }

    /// How often metrics are sent: 10 s. `OTEL_METRIC_EXPORT_INTERVAL` (ms) overrides it.
    pub fn metric_interval(mut self, interval: Duration) -> Self {
        self.0.metric_interval = interval;
        self
    }

    /// The longest one export may take, retries included: 3 s.
    pub fn export_timeout(mut self, timeout: Duration) -> Self {
        self.0.export_timeout = timeout;
        self
    }

    /// How long dropping the last [`Kit`](crate::Kit) may wait for the last export: 5 s.
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.0.drop_timeout = timeout;
        self
    }

    /// How many spans, and how many log records, may wait: 2048 each. The newest are dropped and counted beyond that.
    pub fn queue_size_max(mut self, items: usize) -> Self {
        self.0.queue_size_max = items;
        self
    }

    /// The least severe level that is printed and exported: `INFO`. `THROUGHLINE_LOG_LEVEL` overrides it.
    pub fn log_level(mut self, level: Level) -> Self {
        self.0.log_level = level;
        self
    }

    /// The least severe level of one crate or module and all below it, such as `async_nats`; the longest match counts. It cannot
    /// lower the bar below [`log_level`](ConfigBuilder::log_level).
    pub fn log_level_of(mut self, target: &'static str, level: Level) -> Self {
        self.0.log_levels.push((target, level));
        self
    }

    /// Where log lines go instead of standard output.
    pub fn log_writer(mut self, writer: impl Write + Send + 'static) -> Self {
        self.0.log_writer = Some(Arc::new(Mutex::new(writer)));
        self
    }

    /// Also sets the global tracer and meter provider and propagator of the `opentelemetry` crate, for libraries that use them.
    pub fn global(mut self, on: bool) -> Self {
        self.0.global = on;
        self
    }

    /// Reads these instead of the process environment. Tests use it to be alone in the world. (Header, certificate and
    /// compression variables are read by the exporter itself, from the process.)
    pub fn variables<K: Into<String>, V: Into<String>>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs = variables.into_iter().map(|(k, v)| (k.into(), v.into()));
        self.0.variables = Some(pairs.collect());
        self
    }

    /// Keeps all telemetry in memory instead of sending it.
    #[cfg(feature = "testing")]
    pub fn memory(mut self, memory: crate::testing::Memory) -> Self {
        self.0.memory = Some(memory);
        self
    }

    /// The finished configuration; [`init`](crate::init) checks it.
    #[must_use]
    pub fn build(self) -> Config {
        self.0
    }
}

/// What the code works with: the configuration with the environment applied.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) disabled: bool,
    pub(crate) service_name: String,
    pub(crate) resource_overrides: Vec<KeyValue>,
    pub(crate) protocol: Protocol,
    /// Where each signal goes; `None` when `OTEL_<SIGNAL>_EXPORTER` is `none`.
    pub(crate) traces_endpoint: Option<String>,
    pub(crate) metrics_endpoint: Option<String>,
    pub(crate) logs_endpoint: Option<String>,
    pub(crate) sampler: Sampler,
    pub(crate) span_delay: Duration,
    pub(crate) log_delay: Duration,
    pub(crate) metric_interval: Duration,
    pub(crate) log_level: Level,
    pub(crate) gzip: bool,
}

impl Settings {
    /// Applies the environment to a configuration. Each problem is one sentence that names the variable or option.
    pub(crate) fn resolve(config: &Config) -> (Settings, Vec<String>) {
        let mut reader = Reader { variables: config.variables.as_ref(), problems: Vec::new() };
        let service_name = reader.text("OTEL_SERVICE_NAME").unwrap_or_else(|| config.service_name.trim().to_owned());
        if service_name.is_empty() {
            reader.problem("the service name is empty".into());
        }
        if config.batch_size_max == 0 || config.queue_size_max < config.batch_size_max {
            reader.problem(format!(
                "queue_size_max {} is less than a batch of {}",
                config.queue_size_max, config.batch_size_max
            ));
        }
        let protocol = reader.protocol(config.protocol);
        let base = reader
            .text("OTEL_EXPORTER_OTLP_ENDPOINT")
            .or_else(|| config.endpoint.clone())
            .unwrap_or_else(|| default_endpoint(protocol).to_owned());
        let resource_overrides = reader.resource_attributes();
        let settings = Settings {
            disabled: reader.flag("OTEL_SDK_DISABLED"),
            service_name,
            resource_overrides,
            protocol,
            traces_endpoint: reader.endpoint("TRACES", &base, protocol),
            metrics_endpoint: reader.endpoint("METRICS", &base, protocol),
            logs_endpoint: reader.endpoint("LOGS", &base, protocol),
            sampler: reader.sampler(),
            span_delay: reader.millis("OTEL_BSP_SCHEDULE_DELAY", config.batch_delay),
            log_delay: reader.millis("OTEL_BLRP_SCHEDULE_DELAY", config.batch_delay),
            metric_interval: reader.millis("OTEL_METRIC_EXPORT_INTERVAL", config.metric_interval),
            log_level: reader.level("THROUGHLINE_LOG_LEVEL", config.log_level),
            gzip: reader.gzip(),
        };
        (settings, reader.problems)
    }
}

fn default_endpoint(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::HttpProtobuf => "http://127.0.0.1:4318",
        Protocol::Grpc => "http://127.0.0.1:4317",
    }
}

struct Reader<'a> {
    variables: Option<&'a HashMap<String, String>>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// An empty variable counts as unset, as the OpenTelemetry specification says.
    fn text(&self, name: &str) -> Option<String> {
        let value = match self.variables {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn problem(&mut self, sentence: String) {
        if !self.problems.contains(&sentence) {
            self.problems.push(sentence);
        }
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    fn millis(&mut self, name: &str, otherwise: Duration) -> Duration {
        let Some(text) = self.text(name) else {
            return otherwise;
        };
        match text.parse::<u64>() {
            Ok(millis) if millis > 0 => Duration::from_millis(millis),
            _ => {
                self.problem(format!("{name}={text} is not a number of milliseconds"));
                otherwise
            }
        }
    }

    fn level(&mut self, name: &str, otherwise: Level) -> Level {
        let Some(text) = self.text(name) else {
            return otherwise;
        };
        text.parse().unwrap_or_else(|_| {
            self.problem(format!("{name}={text} is not one of trace, debug, info, warn, error"));
            otherwise
        })
    }

    fn protocol(&mut self, otherwise: Protocol) -> Protocol {
        let name = "OTEL_EXPORTER_OTLP_PROTOCOL";
        let protocol = match self.text(name).as_deref() {
            None => otherwise,
            Some("http/protobuf") => Protocol::HttpProtobuf,
            Some("grpc") => Protocol::Grpc,
            Some(other) => {
                self.problem(format!("{name}={other} is not one of http/protobuf, grpc"));
                otherwise
            }
        };
        if protocol == Protocol::Grpc && !cfg!(feature = "grpc-export") {
            self.problem("OTLP over gRPC needs the crate feature grpc-export".into());
        }
        protocol
    }

    fn gzip(&mut self) -> bool {
        let name = "OTEL_EXPORTER_OTLP_COMPRESSION";
        match self.text(name).as_deref() {
            None | Some("gzip") => true,
            Some("none") => false,
            Some(other) => {
                self.problem(format!("{name}={other} is not one of gzip, none"));
                true
            }
        }
    }

    fn endpoint(&mut self, signal: &str, base: &str, protocol: Protocol) -> Option<String> {
        let exporter = format!("OTEL_{signal}_EXPORTER");
        match self.text(&exporter).as_deref() {
            None | Some("otlp") => {}
            Some("none") => return None,
            Some(other) => {
                self.problem(format!("{exporter}={other} is not one of otlp, none"));
                return None;
            }
        }
        let own = self.text(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"));
        let url = match (own, protocol) {
            (Some(url), _) => url,
            (None, Protocol::Grpc) => base.to_owned(),
            (None, Protocol::HttpProtobuf) => {
                let path = signal.to_ascii_lowercase();
                format!("{}/v1/{path}", base.trim_end_matches('/'))
            }
        };
        self.check_url(&url, base);
        Some(url)
    }

    fn check_url(&mut self, url: &str, base: &str) {
        let shown = if url.starts_with(base) { base } else { url };
        match url.parse::<http::Uri>() {
            Ok(uri) => match (uri.scheme_str(), uri.host()) {
                (Some("http"), Some(host)) if !host.is_empty() => {}
                (Some("https"), Some(host)) if !host.is_empty() => {
                    if !cfg!(feature = "tls") {
                        self.problem(format!("endpoint {shown} needs the crate feature tls"));
                    }
                }
                _ => self.problem(format!("endpoint {shown} is not an http:// or https:// URL")),
            },
            Err(error) => self.problem(format!("endpoint {shown} is not a URL: {error}")),
        }
    }

    fn sampler(&mut self) -> Sampler {
        let ratio = self.ratio();
        let always = || Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        match self.text("OTEL_TRACES_SAMPLER").as_deref() {
            None | Some("parentbased_always_on") => always(),
            Some("always_on") => Sampler::AlwaysOn,
            Some("always_off") => Sampler::AlwaysOff,
            Some("traceidratio") => Sampler::TraceIdRatioBased(ratio),
            Some("parentbased_always_off") => Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
            Some("parentbased_traceidratio") => Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))),
            Some(other) => {
                self.problem(format!("OTEL_TRACES_SAMPLER={other} is not a known sampler"));
                always()
            }
        }
    }

    fn ratio(&mut self) -> f64 {
        let name = "OTEL_TRACES_SAMPLER_ARG";
        let Some(text) = self.text(name) else {
            return 1.0;
        };
        match text.parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
            _ => {
                self.problem(format!("{name}={text} is not a ratio between 0 and 1"));
                1.0
            }
        }
    }

    /// `OTEL_RESOURCE_ATTRIBUTES`: `key=value` pairs, comma separated, values percent-encoded. One bad pair discards them all, as
    /// the specification says.
    fn resource_attributes(&mut self) -> Vec<KeyValue> {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let Some(text) = self.text(name) else {
            return Vec::new();
        };
        let mut attributes = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let decoded = pair.split_once('=').and_then(|(key, value)| {
                let key = key.trim();
                let value = percent_decode(value.trim())?;
                (!key.is_empty()).then(|| KeyValue::new(key.to_owned(), value))
            });
            match decoded {
                Some(attribute) => attributes.push(attribute),
                None => {
                    self.problem(format!("{name}: {pair} is not key=value"));
                    return Vec::new();
                }
            }
        }
        attributes
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let high = char::from(*tail.first()?).to_digit(16)?;
            let low = char::from(*tail.get(1)?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
            rest = tail.get(2..)?;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
        let variables = variables.iter().map(|(k, v)| (*k, *v));
        Settings::resolve(&Config::builder("orders").variables(variables).build())
    }

    #[test]
    fn signal_paths_are_appended_to_the_base_endpoint_only() {
        let (settings, problems) = resolve(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:9000/in"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(settings.traces_endpoint.as_deref(), Some("http://collector:4318/v1/traces"));
        assert_eq!(settings.metrics_endpoint, None);
        assert_eq!(settings.logs_endpoint.as_deref(), Some("http://logs:9000/in"));
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let (_, problems) = resolve(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c"),
            ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
            ("THROUGHLINE_LOG_LEVEL", "loud"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "lzma"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke"),
        ]);
        assert_eq!(problems.len(), 8, "{problems:#?}");
    }

    #[test]
    fn the_environment_overrides_the_code() {
        let config = Config::builder("orders")
            .endpoint("http://code:1")
            .variables([
                ("OTEL_SERVICE_NAME", "orders-canary"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env:2"),
                ("OTEL_RESOURCE_ATTRIBUTES", "team=%C5%BCubr, zone = a%3Db"),
            ])
            .build();
        let (settings, problems) = Settings::resolve(&config);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(settings.service_name, "orders-canary");
        assert_eq!(settings.traces_endpoint.as_deref(), Some("http://env:2/v1/traces"));
        let expected = [KeyValue::new("team", "żubr"), KeyValue::new("zone", "a=b")];
        assert_eq!(settings.resource_overrides, expected);
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let (settings, problems) = resolve(&[("OTEL_SERVICE_NAME", " "), ("OTEL_SDK_DISABLED", "")]);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(settings.service_name, "orders");
        assert!(!settings.disabled);
    }
}
