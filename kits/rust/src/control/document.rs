//! The document an operator writes, and its rules of acceptance.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use serde_json::Value;
use tracing::Level;

use super::reader::{Part, Problems, note, text};
use crate::logs::levels::SaidLevels;
use crate::sampling::{RATE_MAX, RATE_MIN, Sampling, SamplingRule};
use crate::switches::Said;

pub(crate) const BODY_BYTES_MAX: usize = 64 << 10;
const DEPTH_MAX: usize = 64;
const WHOLE_MAX: i64 = (1 << 53) - 1;
const TTL_DEFAULT: i64 = 900;
const TTL_MAX: i64 = 7 * 24 * 3600;
const INSTRUMENTATIONS_MAX: usize = 64;
const RULES_MAX: usize = 100;
const ATTRIBUTES_MAX: usize = 8;
const TEXT_BYTES_MAX: usize = 256;
const KEYS_MAX: usize = 16;
const KEY_BYTES_MAX: usize = 64;
const FLOOR_MAX: i64 = 1000;
const REDACT_KEYS_MAX: usize = 100;
const REDACT_KEY_BYTES_MAX: usize = 128;
const REDACT_VALUES_MAX: usize = 32;
const REPLACEMENT_BYTES_MAX: usize = 64;
const REPLACEMENT: &str = "[redacted]";
const OVERRIDES_MAX: usize = 64;

/// What an operator asks of a kit. Nothing said means that the code's own settings count.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) revision: i64,
    pub(crate) ttl: Duration,
    pub(crate) enabled: bool,
    pub(crate) traces: bool,
    pub(crate) metrics: bool,
    pub(crate) logs: bool,
    /// Only those that are said to be on or off.
    pub(crate) instrumentations: BTreeMap<String, bool>,
    pub(crate) sampling: Option<Sampling>,
    pub(crate) redaction: Option<Redaction>,
    pub(crate) limits: Limits,
    pub(crate) levels: SaidLevels,
}

/// Rules beside those of the code: keys, and expressions with what stands in place of what they match.
#[derive(Debug, Default)]
pub(crate) struct Redaction {
    pub(crate) keys: Vec<String>,
    pub(crate) values: Vec<(String, String)>,
}

/// `None` where nothing is said.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) attribute_length: Option<i64>,
    pub(crate) attributes_per_span: Option<i64>,
    /// Read and checked; this kit's queues are bounded by count.
    #[allow(dead_code)]
    pub(crate) queue_bytes: Option<i64>,
}

impl Document {
    /// Reads a document; the error is all its problems.
    pub(crate) fn parse(body: &[u8]) -> Result<Document, Problems> {
        if body.len() > BODY_BYTES_MAX {
            return Err(vec![format!("the document has more than {BODY_BYTES_MAX} bytes")]);
        }
        let tree: Value =
            serde_json::from_slice(body).map_err(|error| vec![format!("the document is not JSON: {error}")])?;
        if depth(&tree) > DEPTH_MAX {
            return Err(vec!["the document is nested too deep".into()]);
        }
        let problems = &mut Problems::new();
        let root = Part::of(String::new(), &tree, problems);
        if root.get("v").and_then(Value::as_f64) != Some(1.0) {
            note(problems, "v", "is not 1, the one version this kit knows");
        }
        let revision = root.whole("revision", 1, WHOLE_MAX, problems);
        if root.get("revision").is_none() {
            note(problems, "revision", "is missing");
        }
        let ttl = root.whole("ttl_s", 1, TTL_MAX, problems).unwrap_or(TTL_DEFAULT);
        let signals = root.part("signals", problems);
        let limits = root.part("limits", problems);
        let logs = root.part("logs", problems);
        let document = Document {
            revision: revision.unwrap_or_default(),
            ttl: Duration::from_secs(ttl.unsigned_abs()),
            enabled: root.flag("enabled", true, problems),
            traces: signals.flag("traces", true, problems),
            metrics: signals.flag("metrics", true, problems),
            logs: signals.flag("logs", true, problems),
            instrumentations: instrumentations(&root.part("instrumentations", problems), problems),
            sampling: root.get("sampling").map(|_| sampling(&root.part("sampling", problems), problems)),
            redaction: root.get("redact").map(|_| redaction(&root.part("redact", problems), problems)),
            limits: Limits {
                attribute_length: limits.whole("attr_value_len", 16, 65_536, problems),
                attributes_per_span: limits.whole("attrs_per_span", 1, 1024, problems),
                queue_bytes: limits.whole("queue_bytes", 64 << 10, 1 << 30, problems),
            },
            levels: SaidLevels {
                level: logs.get("level").and_then(|value| level(&logs.at("level"), value, problems)),
                scopes: levels(&logs.part("overrides", problems), problems),
            },
        };
        if problems.is_empty() { Ok(document) } else { Err(std::mem::take(problems)) }
    }

    /// Whether an instrumentation is switched on: by its own name, else by the nearest family (`http` of `http.server`).
    pub(crate) fn is_on(&self, instrumentation: &str) -> bool {
        let mut families = std::iter::successors(Some(instrumentation), |name| name.rsplit_once('.').map(|(f, _)| f));
        self.enabled && families.find_map(|name| self.instrumentations.get(name)).is_none_or(|on| *on)
    }
}

impl Said for Document {
    fn signals(&self) -> [bool; 3] {
        [self.traces, self.metrics, self.logs]
    }

    fn is_on(&self, instrumentation: &str) -> bool {
        Document::is_on(self, instrumentation)
    }
}

fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(list) => list.iter().map(depth).max(),
        Value::Object(map) => map.values().map(depth).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

fn instrumentations(part: &Part<'_>, problems: &mut Problems) -> BTreeMap<String, bool> {
    part.count("", part.entries().count(), INSTRUMENTATIONS_MAX, problems);
    let mut switches = BTreeMap::new();
    for (name, value) in part.entries() {
        if name.is_empty() {
            note(problems, &part.at(name), "has no name");
        }
        match value {
            Value::Null => {}
            Value::Bool(on) => {
                switches.insert(name.clone(), *on);
            }
            Value::Object(_) => {
                let own = Part::of(part.at(name), value, problems);
                if own.get("enabled").is_some() {
                    switches.insert(name.clone(), own.flag("enabled", true, problems));
                }
            }
            _ => note(problems, &part.at(name), "is neither true, false nor an object"),
        }
    }
    switches
}

fn sampling(part: &Part<'_>, problems: &mut Problems) -> Sampling {
    let mut sampling = Sampling::probability(part.number("default", 0.0, 1.0, problems).unwrap_or(1.0));
    sampling.independent = !part.flag("parent_based", true, problems);
    sampling.ceiling_per_second = part.number("ceiling_per_s", RATE_MIN, RATE_MAX, problems);
    let floor = part.whole("floor_per_min", 0, FLOOR_MAX, problems).unwrap_or(0);
    sampling.floor_per_minute = u32::try_from(floor).unwrap_or(0);
    for (index, key) in part.list("debug_keys", KEYS_MAX, problems).iter().enumerate() {
        let at = format!("{}[{index}]", part.at("debug_keys"));
        let key = text(&at, key, KEY_BYTES_MAX, false, problems);
        if !key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_') {
            note(problems, &at, "has more than letters, digits, - and _");
        }
        sampling.debug_keys.push(key);
    }
    for (index, value) in part.list("rules", RULES_MAX, problems).iter().enumerate() {
        let rule = Part::of(format!("{}[{index}]", part.at("rules")), value, problems);
        if rule.get("p").is_none() {
            note(problems, &rule.at("p"), "is missing");
        }
        let probability = rule.number("p", 0.0, 1.0, problems).unwrap_or(0.0);
        sampling.rules.push(matching(&rule.part("match", problems), probability, problems));
    }
    sampling
}

fn matching(part: &Part<'_>, probability: f64, problems: &mut Problems) -> SamplingRule {
    let mut rule = SamplingRule::probability(probability)
        .name(part.text("name", TEXT_BYTES_MAX, problems))
        .name_prefix(part.text("name_prefix", TEXT_BYTES_MAX, problems));
    let kind = part.text("kind", TEXT_BYTES_MAX, problems);
    rule.kind = kind_of(&kind);
    if !kind.is_empty() && rule.kind.is_none() {
        note(problems, &part.at("kind"), "is not one of SERVER, CLIENT, PRODUCER, CONSUMER, INTERNAL");
    }
    let attributes = part.part("attributes", problems);
    attributes.count("", attributes.entries().count(), ATTRIBUTES_MAX, problems);
    for (key, value) in attributes.entries() {
        let at = attributes.at(key);
        let value: opentelemetry::Value = match value {
            Value::String(_) => text(&at, value, TEXT_BYTES_MAX, true, problems).into(),
            Value::Bool(flag) => (*flag).into(),
            Value::Number(_) => attributes.whole(key, -WHOLE_MAX, WHOLE_MAX, problems).unwrap_or(0).into(),
            _ => {
                note(problems, &at, "is neither text, number, true nor false");
                continue;
            }
        };
        rule.attributes.push(KeyValue::new(key.clone(), value));
    }
    rule
}

/// A span kind as documents write it.
fn kind_of(name: &str) -> Option<SpanKind> {
    match name {
        "SERVER" => Some(SpanKind::Server),
        "CLIENT" => Some(SpanKind::Client),
        "PRODUCER" => Some(SpanKind::Producer),
        "CONSUMER" => Some(SpanKind::Consumer),
        "INTERNAL" => Some(SpanKind::Internal),
        _ => None,
    }
}

fn redaction(part: &Part<'_>, problems: &mut Problems) -> Redaction {
    let mut redaction = Redaction::default();
    for (index, key) in part.list("keys", REDACT_KEYS_MAX, problems).iter().enumerate() {
        let at = format!("{}[{index}]", part.at("keys"));
        redaction.keys.push(text(&at, key, REDACT_KEY_BYTES_MAX, false, problems));
    }
    for (index, value) in part.list("values", REDACT_VALUES_MAX, problems).iter().enumerate() {
        let value = Part::of(format!("{}[{index}]", part.at("values")), value, problems);
        let expression = value.get("re").unwrap_or(&Value::Null);
        let expression = text(&value.at("re"), expression, TEXT_BYTES_MAX, false, problems);
        let with = match value.get("with") {
            Some(_) => value.text("with", REPLACEMENT_BYTES_MAX, problems),
            None => REPLACEMENT.to_owned(),
        };
        redaction.values.push((expression, with));
    }
    redaction
}

fn level(at: &str, value: &Value, problems: &mut Problems) -> Option<Level> {
    let level = match value.as_str() {
        Some("trace") => Some(Level::TRACE),
        Some("debug") => Some(Level::DEBUG),
        Some("info") => Some(Level::INFO),
        Some("warn") => Some(Level::WARN),
        Some("error") => Some(Level::ERROR),
        _ => None,
    };
    if level.is_none() {
        note(problems, at, "is not one of trace, debug, info, warn, error");
    }
    level
}

fn levels(part: &Part<'_>, problems: &mut Problems) -> BTreeMap<String, Level> {
    part.count("", part.entries().count(), OVERRIDES_MAX, problems);
    let mut levels = BTreeMap::new();
    for (scope, value) in part.entries() {
        if scope.is_empty() {
            note(problems, &part.at(scope), "has no name");
        }
        levels.extend(level(&part.at(scope), value, problems).map(|level| (scope.clone(), level)));
    }
    levels
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A document as the vectors write it.
    pub(in crate::control) fn effective(document: &Document) -> Value {
        let level = |level: Option<Level>| level.map(|level| level.to_string().to_lowercase()).unwrap_or_default();
        let levels: BTreeMap<_, _> = document.levels.scopes.iter().map(|(scope, l)| (scope, level(Some(*l)))).collect();
        let limits = &document.limits;
        json!({
            "revision": document.revision, "ttl_s": document.ttl.as_secs(), "enabled": document.enabled,
            "signals": {"traces": document.traces, "metrics": document.metrics, "logs": document.logs},
            "limits": {
                "attr_value_len": limits.attribute_length.unwrap_or(0),
                "attrs_per_span": limits.attributes_per_span.unwrap_or(0),
                "queue_bytes": limits.queue_bytes.unwrap_or(0),
            },
            "logs": {"level": level(document.levels.level), "overrides": levels},
            "sampling": document.sampling.as_ref().map(effective_sampling),
            "redact": document.redaction.as_ref().map(|redaction| {
                let values = redaction.values.iter().map(|(re, with)| json!({"re": re, "with": with}));
                json!({"keys": redaction.keys, "values": values.collect::<Vec<_>>()})
            }),
        })
    }

    fn effective_sampling(sampling: &Sampling) -> Value {
        let rules = sampling.rules.iter().map(|rule| {
            let attributes = rule.attributes.iter().map(|kv| {
                let value = match &kv.value {
                    opentelemetry::Value::Bool(flag) => json!(flag),
                    opentelemetry::Value::I64(number) => json!(number),
                    text => json!(text.as_str()),
                };
                (kv.key.to_string(), value)
            });
            let attributes: BTreeMap<_, _> = attributes.collect();
            let kind = rule.kind.as_ref().map(|kind| format!("{kind:?}").to_uppercase()).unwrap_or_default();
            json!({"kind": kind, "name": rule.name, "name_prefix": rule.name_prefix, "attributes": attributes, "p": rule.probability})
        });
        json!({
            "default": sampling.default, "parent_based": !sampling.independent,
            "ceiling_per_s": sampling.ceiling_per_second.unwrap_or(0.0), "floor_per_min": sampling.floor_per_minute,
            "debug_keys": sampling.debug_keys, "rules": rules.collect::<Vec<_>>(),
        })
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC*") {
            let _ = Document::parse(text.as_bytes());
            let _ = Document::parse(format!("{{\"v\":1,\"revision\":1,{text}}}").as_bytes());
        }
    }
}
