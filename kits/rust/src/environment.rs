//! The environment applied to a configuration. It wins over code, and every problem found is kept, so that one start reports all.

use std::collections::HashMap;
#[cfg(feature = "control")]
use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::Temporality;
use tracing::Level;

use crate::config::Config;
#[cfg(feature = "control")]
use crate::control::{ControlSettings, PublicKey};
use crate::propagate::Formats;
use crate::sampling::Sampling;
use crate::targets::Targets;

/// What the code works with: the configuration with the environment applied.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) disabled: bool,
    pub(crate) service_name: String,
    pub(crate) resource_overrides: Vec<KeyValue>,
    pub(crate) targets: Targets,
    pub(crate) sampling: Sampling,
    #[cfg(feature = "control")]
    pub(crate) control: ControlSettings,
    pub(crate) span_delay: Duration,
    pub(crate) log_delay: Duration,
    pub(crate) metric_interval: Duration,
    pub(crate) temporality: Temporality,
    pub(crate) exponential_histograms: bool,
    pub(crate) log_level: Level,
    pub(crate) gzip: bool,
    pub(crate) formats: Formats,
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
        let resource_overrides = reader.resource_attributes();
        #[cfg(not(feature = "control"))]
        reader.without_control(config);
        let settings = Settings {
            disabled: reader.flag("OTEL_SDK_DISABLED")
                || reader.flag(DISABLED)
                || reader.text(DISABLED).as_deref() == Some("1"),
            service_name,
            resource_overrides,
            targets: Targets::read(&mut reader, config),
            sampling: reader.sampling(config.sampling.as_ref()),
            #[cfg(feature = "control")]
            control: reader.control(config),
            span_delay: reader.millis("OTEL_BSP_SCHEDULE_DELAY", config.batch_delay),
            log_delay: reader.millis("OTEL_BLRP_SCHEDULE_DELAY", config.batch_delay),
            metric_interval: reader.millis("OTEL_METRIC_EXPORT_INTERVAL", config.metric_interval),
            temporality: reader.temporality(),
            exponential_histograms: reader.exponential_histograms(config.exponential_histograms),
            log_level: reader.level("THROUGHLINE_LOG_LEVEL", config.log_level),
            gzip: reader.gzip(),
            formats: reader.formats(&config.propagators),
        };
        (settings, reader.problems)
    }
}

const CONTROL_ENDPOINT: &str = "THROUGHLINE_CONTROL_ENDPOINT";
const CONTROL_KEY: &str = "THROUGHLINE_CONTROL_KEY";
const KILL_FILE: &str = "THROUGHLINE_KILL_FILE";
const DISABLED: &str = "THROUGHLINE_DISABLED";

pub(crate) struct Reader<'a> {
    variables: Option<&'a HashMap<String, String>>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// An empty variable counts as unset, as the OpenTelemetry specification says.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = match self.variables {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The variable of one signal, else that of all, with its name.
    pub(crate) fn signal_text(&self, signal: &str, what: &str) -> Option<(String, String)> {
        let names = [format!("OTEL_EXPORTER_OTLP_{signal}_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| self.text(&name).map(|text| (name, text)))
    }

    pub(crate) fn problem(&mut self, sentence: String) {
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

    fn temporality(&mut self) -> Temporality {
        let name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
        match self.text(name).map(|text| text.to_ascii_lowercase()).as_deref() {
            None | Some("cumulative") => Temporality::Cumulative,
            Some("delta") => Temporality::Delta,
            Some("lowmemory") => Temporality::LowMemory,
            Some(other) => {
                self.problem(format!("{name}={other} is not one of cumulative, delta, lowmemory"));
                Temporality::Cumulative
            }
        }
    }

    fn exponential_histograms(&mut self, otherwise: bool) -> bool {
        let name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
        match self.text(name).map(|text| text.to_ascii_lowercase()).as_deref() {
            None => otherwise,
            Some("explicit_bucket_histogram") => false,
            Some("base2_exponential_bucket_histogram") => true,
            Some(other) => {
                let known = "explicit_bucket_histogram, base2_exponential_bucket_histogram";
                self.problem(format!("{name}={other} is not one of {known}"));
                otherwise
            }
        }
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

    fn formats(&mut self, otherwise: &[String]) -> Formats {
        let name = "OTEL_PROPAGATORS";
        let named = self.text(name);
        let list = match &named {
            Some(text) => Formats::parse(text.split(',')),
            None if otherwise.is_empty() => Ok(Formats::default()),
            None => Formats::parse(otherwise.iter().map(String::as_str)),
        };
        let source = if named.is_some() { name } else { "propagators" };
        list.unwrap_or_else(|other| {
            self.problem(format!("{source}: {other} is not one of tracecontext, baggage, b3, b3multi, none"));
            Formats::default()
        })
    }

    pub(crate) fn check_url(&mut self, url: &str, shown: &str) {
        match url.parse::<http::Uri>() {
            Ok(uri) => match (uri.scheme_str(), uri.host()) {
                (Some("http"), Some(host)) if !host.is_empty() => {}
                (Some("https"), Some(host)) if !host.is_empty() => {
                    if !cfg!(feature = "tls") {
                        self.problem(format!("{shown} needs the crate feature tls"));
                    }
                }
                _ => self.problem(format!("{shown} is not an http:// or https:// URL")),
            },
            Err(error) => self.problem(format!("{shown} is not a URL: {error}")),
        }
    }

    /// `OTEL_TRACES_SAMPLER`, else what the code says, else all. Ratios are consistent probabilities.
    fn sampling(&mut self, own: Option<&Sampling>) -> Sampling {
        let ratio = self.ratio();
        match self.text("OTEL_TRACES_SAMPLER").map(|name| name.to_ascii_lowercase()).as_deref() {
            None => {
                let own = own.cloned().unwrap_or_else(|| Sampling::probability(1.0));
                own.problems().into_iter().for_each(|problem| self.problem(problem));
                own
            }
            Some("parentbased_always_on") => Sampling::probability(1.0),
            Some("always_on") => Sampling::probability(1.0).ignoring_parents(),
            Some("always_off") => Sampling::probability(0.0).ignoring_parents(),
            Some("traceidratio") => Sampling::probability(ratio).ignoring_parents(),
            Some("parentbased_always_off") => Sampling::probability(0.0),
            Some("parentbased_traceidratio") => Sampling::probability(ratio),
            Some(other) => {
                self.problem(format!("OTEL_TRACES_SAMPLER={other} is not a known sampler"));
                Sampling::probability(1.0)
            }
        }
    }

    #[cfg(feature = "control")]
    fn control(&mut self, config: &Config) -> ControlSettings {
        let named = self.text(CONTROL_ENDPOINT).map(|url| (CONTROL_ENDPOINT, url));
        let endpoint = named.or_else(|| config.control_endpoint.clone().map(|url| ("control_endpoint", url)));
        if let Some((source, url)) = &endpoint {
            self.check_url(url, &format!("{source}={url}"));
        }
        let named = self.text(CONTROL_KEY).map(|key| (CONTROL_KEY, key));
        let key = named.or_else(|| config.control_key.clone().map(|key| ("control_key", key)));
        let key = key.and_then(|(source, text)| {
            let key = PublicKey::parse(&text);
            if key.is_none() {
                self.problem(format!("{source} is not the base64 of an Ed25519 public key, 32 bytes"));
            }
            key
        });
        let kill_file = self.text(KILL_FILE).map(PathBuf::from).or_else(|| config.kill_file.clone());
        ControlSettings { endpoint: endpoint.map(|(_, url)| url), key, kill_file }
    }

    /// Whoever asks for remote control must not believe it is there.
    #[cfg(not(feature = "control"))]
    fn without_control(&mut self, config: &Config) {
        let options = config.control_endpoint.is_some() || config.control_key.is_some() || config.kill_file.is_some();
        let asked = [CONTROL_ENDPOINT, CONTROL_KEY, KILL_FILE].iter().any(|name| self.text(name).is_some());
        if options || asked {
            self.problem("remote control and the kill file need the crate feature control".into());
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
    use std::collections::BTreeSet;

    fn resolve(variables: &[(&str, &str)]) -> (Settings, Vec<String>) {
        let variables = variables.iter().map(|(k, v)| (*k, *v));
        Settings::resolve(&Config::builder("orders").variables(variables).build())
    }

    fn url(target: Option<crate::targets::Target>) -> String {
        target.map(|target| target.url).unwrap_or_default()
    }

    #[test]
    fn signal_paths_are_appended_to_the_base_endpoint_only() {
        let (settings, problems) = resolve(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:9000/in"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ]);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(url(settings.targets.traces), "http://collector:4318/v1/traces");
        assert!(settings.targets.metrics.is_none());
        assert_eq!(url(settings.targets.logs), "http://logs:9000/in");
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
        assert_eq!(url(settings.targets.traces), "http://env:2/v1/traces");
        let expected = [KeyValue::new("team", "żubr"), KeyValue::new("zone", "a=b")];
        assert_eq!(settings.resource_overrides, expected);
    }

    #[test]
    fn endpoints_that_cannot_work_are_refused() {
        let problems = |endpoint, protocol| {
            let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];
            resolve(&variables).1.len()
        };
        assert_eq!(problems("http://collector:4318", "http/protobuf"), 0);
        assert_eq!(problems("https://collector:4318", "http/protobuf"), usize::from(!cfg!(feature = "tls")));
        let missing = usize::from(!cfg!(feature = "grpc-export"));
        assert_eq!(problems("http://collector:4317", "grpc"), missing);
        assert_eq!(problems("https://collector:4317", "grpc"), missing + usize::from(!cfg!(feature = "tls")));
        assert_eq!(problems("ftp://collector", "http/protobuf"), 1);
        assert_eq!(problems("http://", "http/protobuf"), 1);
    }

    #[test]
    fn the_shared_vectors_hold() {
        let vectors = include_str!("../../../spec/vectors/environment.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() > 20);
        for case in cases {
            let variables = case["variables"].as_object().expect("variables").iter();
            let variables = variables.map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()));
            let config = Config::builder("orders").variables(variables).build();
            let error = crate::init(config).err();
            let told = error.as_ref().map(ToString::to_string).unwrap_or_default();
            let words = told.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
            let found: BTreeSet<_> =
                words.filter(|word| word.starts_with("OTEL_") || word.starts_with("THROUGHLINE_")).collect();
            let problems = case["problems"].as_array().expect("problems").iter();
            let expected: BTreeSet<_> = problems.filter_map(serde_json::Value::as_str).collect();
            assert_eq!(found, expected, "{}: {told}", case["name"]);
            assert_eq!(error.is_none(), expected.is_empty(), "{}", case["name"]);
            let kit = error.map(crate::InitError::into_kit);
            assert!(kit.is_none_or(|kit| !kit.is_enabled() && kit.shutdown(Duration::ZERO).is_ok()));
        }
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let (settings, problems) = resolve(&[("OTEL_SERVICE_NAME", " "), ("OTEL_SDK_DISABLED", "")]);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(settings.service_name, "orders");
        assert!(!settings.disabled);
    }

    const VARIABLES: [&str; 14] = [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "OTEL_TRACES_EXPORTER",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_PROPAGATORS",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_BSP_SCHEDULE_DELAY",
        "OTEL_METRIC_EXPORT_INTERVAL",
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "THROUGHLINE_CONTROL_ENDPOINT",
        "THROUGHLINE_CONTROL_KEY",
    ];

    proptest::proptest! {
        #[test]
        fn whatever_the_operator_writes_is_used_or_told_by_its_name(which in 0..VARIABLES.len(), value in "\\PC*") {
            let (_, problems) = resolve(&[(VARIABLES[which], &value)]);
            let named = problems.iter().all(|problem| problem.contains("OTEL_") || problem.contains("THROUGHLINE_"));
            proptest::prop_assert!(named, "{problems:?}");
        }
    }
}
