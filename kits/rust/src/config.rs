//! What a service may configure in code. The environment wins over it (see `environment.rs`), so that whoever runs a service has the
//! last word without a new build.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::KeyValue;
use tracing::Level;

use crate::redact::ValueRule;
use crate::sampling::Sampling;

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
    pub(crate) exponential_histograms: bool,
    pub(crate) export_timeout: Duration,
    pub(crate) drop_timeout: Duration,
    pub(crate) queue_size_max: usize,
    pub(crate) queue_bytes_max: u64,
    pub(crate) redact_keys: Vec<String>,
    pub(crate) redact_values: Vec<ValueRule>,
    pub(crate) batch_size_max: usize,
    pub(crate) log_level: Level,
    pub(crate) log_levels: Vec<(&'static str, Level)>,
    pub(crate) log_rate_max: Option<u32>,
    pub(crate) log_writer: Option<LogWriter>,
    pub(crate) propagators: Vec<String>,
    pub(crate) global: bool,
    pub(crate) sampling: Option<Sampling>,
    pub(crate) control_endpoint: Option<String>,
    pub(crate) control_key: Option<String>,
    pub(crate) kill_file: Option<PathBuf>,
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
            exponential_histograms: false,
            export_timeout: Duration::from_secs(3),
            drop_timeout: Duration::from_secs(5),
            queue_size_max: 2048,
            queue_bytes_max: 8 << 20,
            redact_keys: Vec::new(),
            redact_values: Vec::new(),
            batch_size_max: 512,
            log_level: Level::INFO,
            log_levels: Vec::new(),
            log_rate_max: None,
            log_writer: None,
            propagators: Vec::new(),
            global: false,
            sampling: None,
            control_endpoint: None,
            control_key: None,
            kill_file: None,
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

    /// The OTLP transport; `OTEL_EXPORTER_OTLP_PROTOCOL`, or that of one signal, `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL` (`http/protobuf` or
    /// `grpc`), overrides it.
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

    /// Measures in exponential buckets, at most 160 a series, instead of the explicit ones of the registry: exact to a few per cent at any
    /// magnitude. It holds for the service's own histograms too. `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` overrides it.
    pub fn exponential_histograms(mut self, on: bool) -> Self {
        self.0.exponential_histograms = on;
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

    /// How much memory spans may wait in, and log records: 8 MiB each, reckoned from their text. The newest are dropped beyond that.
    pub fn queue_bytes_max(mut self, bytes: u64) -> Self {
        self.0.queue_bytes_max = bytes;
        self
    }

    /// Withholds everything under keys like this from telemetry and log lines, besides what the kit always withholds. `*` stands for
    /// any characters.
    pub fn redact_key(mut self, pattern: impl Into<String>) -> Self {
        self.0.redact_keys.push(pattern.into());
        self
    }

    /// Replaces what a regular expression matches in all text. Expressions are the common subset of RE2 and Rust's `regex`, so that both
    /// kits read them alike.
    pub fn redact_text(mut self, regex: impl Into<String>, with: impl Into<String>) -> Self {
        self.0.redact_values.push(ValueRule { regex: regex.into(), with: with.into() });
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

    /// Lets every call site log so many records a second, and as many at once; no limit by default. What is held back is counted in the
    /// attribute `log.held_back` of the site's next record.
    pub fn log_rate_max(mut self, per_second: u32) -> Self {
        self.0.log_rate_max = Some(per_second);
        self
    }

    /// Where log lines go instead of standard output.
    pub fn log_writer(mut self, writer: impl Write + Send + 'static) -> Self {
        self.0.log_writer = Some(Arc::new(Mutex::new(writer)));
        self
    }

    /// In which headers context travels: `tracecontext`, `baggage` (the default, both), `b3`, `b3multi`, or `none`. All are written; of
    /// `tracecontext`, `b3` and `b3multi` the first that came is read. `OTEL_PROPAGATORS` overrides it.
    pub fn propagators(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.0.propagators = names.into_iter().map(Into::into).collect();
        self
    }

    /// Also sets the global tracer and meter provider and propagator of the `opentelemetry` crate, for libraries that use them.
    pub fn global(mut self, on: bool) -> Self {
        self.0.global = on;
        self
    }

    /// Which traces are recorded: by default the parent's decision, else all. `OTEL_TRACES_SAMPLER` overrides it, and remote control both.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.0.sampling = Some(sampling);
        self
    }

    /// Base URL of the platform that steers this kit, such as `http://127.0.0.1:4380`. Without it nothing is asked for.
    /// `THROUGHLINE_CONTROL_ENDPOINT` overrides it. Needs the feature `control`, which is on by default.
    pub fn control_endpoint(mut self, url: impl Into<String>) -> Self {
        self.0.control_endpoint = Some(url.into());
        self
    }

    /// The Ed25519 public key, as the base64 of its 32 bytes, that control documents must be signed for. `THROUGHLINE_CONTROL_KEY`
    /// overrides it.
    pub fn control_key(mut self, key: impl Into<String>) -> Self {
        self.0.control_key = Some(key.into());
        self
    }

    /// A file that switches all telemetry off for as long as it exists. `THROUGHLINE_KILL_FILE` overrides it.
    pub fn kill_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.kill_file = Some(path.into());
        self
    }

    /// Reads these instead of the process environment. Tests use it to be alone in the world.
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
