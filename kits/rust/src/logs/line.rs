//! One JSON line per log event, byte for byte what the Go kit prints (`spec/vectors/log-lines.json`).
//!
//! ```text
//! {"ts":..,"level":..,"msg":..,"service":..,"trace_id":..,"span_id":..,"trace_flags":..,"scope":..,"event":..,"attrs":{..},"error":{"type":..,"message":..}}
//! ```
//! Fields in this order, those without a value left out, `attrs` sorted by the bytes of the keys.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use opentelemetry::logs::AnyValue;
use opentelemetry::trace::{SpanContext, TraceContextExt};

/// An error as a log line shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ErrorText {
    pub(crate) kind: Option<String>,
    pub(crate) message: Option<String>,
}

/// The parts of a line. Attribute keys may repeat; the last value wins.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) time: SystemTime,
    pub(crate) level: &'a str,
    pub(crate) message: &'a str,
    pub(crate) service: &'a str,
    pub(crate) span: Option<SpanContext>,
    pub(crate) scope: Option<&'a str>,
    pub(crate) event: Option<&'a str>,
    pub(crate) attributes: &'a [(String, AnyValue)],
    pub(crate) error: Option<&'a ErrorText>,
}

/// The span a line belongs to: the active one of a context, when it has one.
pub(crate) fn span_of(cx: &opentelemetry::Context) -> Option<SpanContext> {
    let span = cx.span();
    let span_context = span.span_context();
    span_context.is_valid().then(|| span_context.clone())
}

impl Line<'_> {
    /// The line without a newline at its end.
    pub(crate) fn render(&self) -> String {
        let mut out = String::with_capacity(256);
        out.push_str("{\"ts\":\"");
        timestamp(&mut out, self.time);
        out.push('"');
        field(&mut out, "level", self.level);
        field(&mut out, "msg", self.message);
        field(&mut out, "service", self.service);
        if let Some(span) = &self.span {
            field(&mut out, "trace_id", &span.trace_id().to_string());
            field(&mut out, "span_id", &span.span_id().to_string());
            field(&mut out, "trace_flags", &format!("{:02x}", span.trace_flags()));
        }
        if let Some(scope) = self.scope {
            field(&mut out, "scope", scope);
        }
        if let Some(event) = self.event {
            field(&mut out, "event", event);
        }
        if !self.attributes.is_empty() {
            out.push_str(",\"attrs\":");
            let pairs = self.attributes.iter().map(|(key, value)| (key.as_str(), value));
            object(&mut out, pairs.collect());
        }
        if let Some(error) = self.error {
            error_object(&mut out, error);
        }
        out.push('}');
        out
    }
}

fn field(out: &mut String, name: &str, value: &str) {
    out.push(',');
    string(out, name);
    out.push(':');
    string(out, value);
}

fn error_object(out: &mut String, error: &ErrorText) {
    let parts = [("type", &error.kind), ("message", &error.message)];
    let mut separator = ",\"error\":{";
    for (name, part) in parts {
        if let Some(text) = part {
            out.push_str(separator);
            string(out, name);
            out.push(':');
            string(out, text);
            separator = ",";
        }
    }
    if separator == "," {
        out.push('}');
    }
}

/// A stable sort keeps the order of equal keys, so that the last of them is the one to keep.
fn object(out: &mut String, mut pairs: Vec<(&str, &AnyValue)>) {
    pairs.sort_by(|left, right| left.0.cmp(right.0));
    out.push('{');
    let mut first = true;
    for (index, (key, value)) in pairs.iter().enumerate() {
        if pairs.get(index + 1).is_some_and(|next| next.0 == *key) {
            continue;
        }
        if !first {
            out.push(',');
        }
        first = false;
        string(out, key);
        out.push(':');
        any_value(out, value);
    }
    out.push('}');
}

fn any_value(out: &mut String, value: &AnyValue) {
    match value {
        AnyValue::Int(int) => {
            let _ = write!(out, "{int}");
        }
        AnyValue::Double(double) => number(out, *double),
        AnyValue::String(text) => string(out, text.as_str()),
        AnyValue::Boolean(true) => out.push_str("true"),
        AnyValue::Boolean(false) => out.push_str("false"),
        AnyValue::Bytes(bytes) => string(out, &base64(bytes)),
        AnyValue::ListAny(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                any_value(out, item);
            }
            out.push(']');
        }
        AnyValue::Map(map) => object(out, map.iter().map(|(k, v)| (k.as_str(), v)).collect()),
        _ => out.push_str("null"),
    }
}

/// ECMAScript's `Number::toString`: shortest digits that read back the same, an exponent below 1e-6 and from 1e21.
fn number(out: &mut String, value: f64) {
    let magnitude = value.abs();
    let _ = if value.is_nan() {
        out.write_str("\"NaN\"")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" })
    } else if value == 0.0 {
        out.write_str("0")
    } else if (1e-6..1e21).contains(&magnitude) {
        write!(out, "{value}")
    } else {
        let text = format!("{value:e}");
        let sign = if magnitude >= 1.0 { "e+" } else { "e" };
        out.write_str(&text.replace('e', sign))
    };
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position)) & 63;
            let letter = ALPHABET.get(index as usize).copied().unwrap_or(b'=');
            out.push(if position <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// RFC 3339 in UTC, fraction without trailing zeros. Times before 1970 are written as 1970.
fn timestamp(out: &mut String, time: SystemTime) {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if since.subsec_nanos() > 0 {
        let fraction = format!("{:09}", since.subsec_nanos());
        let _ = write!(out, ".{}", fraction.trim_end_matches('0'));
    }
    out.push('Z');
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};
    use opentelemetry::{Key, StringValue};
    use proptest::prelude::*;
    use serde_json::Value;
    use std::collections::HashMap;

    fn read(value: &Value) -> AnyValue {
        let object = value.as_object().expect("AnyValue");
        let (kind, value) = object.iter().next().expect("one kind");
        match kind.as_str() {
            "stringValue" => AnyValue::String(StringValue::from(text(value))),
            "intValue" => AnyValue::Int(text(value).parse().expect("int")),
            "doubleValue" => AnyValue::Double(match value.as_str() {
                Some(name) => name.parse().expect("double"),
                None => value.as_f64().expect("double"),
            }),
            "boolValue" => AnyValue::Boolean(value.as_bool().expect("bool")),
            "bytesValue" => AnyValue::Bytes(Box::new(from_base64(&text(value)))),
            "arrayValue" => {
                let items = value["values"].as_array().expect("array");
                AnyValue::ListAny(Box::new(items.iter().map(read).collect()))
            }
            "kvlistValue" => {
                let map: HashMap<Key, AnyValue> =
                    pairs(&value["values"]).into_iter().map(|(k, v)| (Key::from(k), v)).collect();
                AnyValue::Map(Box::new(map))
            }
            other => panic!("unknown kind {other}"),
        }
    }

    fn text(value: &Value) -> String {
        value.as_str().expect("text").to_owned()
    }

    fn pairs(value: &Value) -> Vec<(String, AnyValue)> {
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|pair| (text(&pair["key"]), read(&pair["value"]))).collect()
    }

    fn from_base64(text: &str) -> Vec<u8> {
        (0..=255u8)
            .flat_map(|a| [vec![a], vec![0, a], vec![0, 1, a]])
            .find(|bytes| base64(bytes) == text)
            .expect("a vector with up to three bytes")
    }

    #[test]
    fn lines_are_the_ones_both_kits_agreed_on() {
        let vectors = include_str!("../../../../spec/vectors/log-lines.json");
        let vectors: Value = serde_json::from_str(vectors).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() > 20);
        for case in cases {
            let input = &case["input"];
            let optional = |name: &str| input[name].as_str();
            let span = optional("trace_id").map(|id| {
                SpanContext::new(
                    TraceId::from_hex(id).expect("trace id"),
                    SpanId::from_hex(&text(&input["span_id"])).expect("span id"),
                    TraceFlags::new(text(&input["trace_flags"]).parse().expect("flags")),
                    false,
                    TraceState::default(),
                )
            });
            let error = input["error"].is_object().then(|| ErrorText {
                kind: input["error"]["type"].as_str().map(String::from),
                message: input["error"]["message"].as_str().map(String::from),
            });
            let nanos: u64 = text(&input["ts_ns"]).parse().expect("nanoseconds");
            let line = Line {
                time: SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos),
                level: optional("level").expect("level"),
                message: optional("msg").expect("msg"),
                service: optional("service").expect("service"),
                span,
                scope: optional("scope"),
                event: optional("event"),
                attributes: &pairs(&input["attrs"]),
                error: error.as_ref(),
            };
            assert_eq!(line.render(), text(&case["line"]), "{}", case["name"]);
        }
    }

    fn attribute_line(attributes: &[(String, AnyValue)]) -> String {
        let line = Line {
            time: SystemTime::UNIX_EPOCH,
            level: "info",
            message: "m",
            service: "s",
            span: None,
            scope: None,
            event: None,
            attributes,
            error: None,
        };
        line.render()
    }

    proptest! {
        #[test]
        fn any_text_reads_back_from_the_line(key in "\\PC*", value in any::<String>()) {
            let attributes = [(key.clone(), AnyValue::String(StringValue::from(value.clone())))];
            let line: Value = serde_json::from_str(&attribute_line(&attributes)).expect("JSON");
            prop_assert_eq!(line["attrs"][&key].as_str(), Some(value.as_str()));
        }

        #[test]
        fn any_double_reads_back_exactly(double in any::<f64>()) {
            prop_assume!(double.is_finite());
            let mut text = String::new();
            number(&mut text, double);
            prop_assert_eq!(text.parse::<f64>(), Ok(double));
        }

        #[test]
        fn dates_advance_by_one_day(day in 0u64..200_000) {
            let (today, tomorrow) = (civil(day), civil(day + 1));
            prop_assert!(tomorrow > today);
            prop_assert!(tomorrow.2 == today.2 + 1 || tomorrow.2 == 1);
        }
    }
}
