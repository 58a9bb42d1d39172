//! Applying the rules to what is exported, on the thread that exports.

use opentelemetry::logs::{AnyValue, LogRecord as _};
use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::SpanData;

use super::text::is_card;
use super::{REDACTED, Rules};

/// Below this no number is a card's.
const CARD_INTEGER_MIN: i64 = 1_000_000_000_000;

impl Rules {
    pub(super) fn is_card_number(int: i64) -> bool {
        int >= CARD_INTEGER_MIN && is_card(&int.to_string())
    }

    /// Redacts all of a span.
    pub(crate) fn span(&self, span: &mut SpanData) {
        if let Some(name) = self.text(&span.name) {
            span.name = name.into();
        }
        if let Status::Error { description } = &mut span.status
            && let Some(text) = self.text(description)
        {
            *description = text.into();
        }
        self.attributes(&mut span.attributes);
        for event in &mut span.events.events {
            if let Some(name) = self.text(&event.name) {
                event.name = name.into();
            }
            self.attributes(&mut event.attributes);
        }
        for link in &mut span.links.links {
            self.attributes(&mut link.attributes);
        }
    }

    fn attributes(&self, list: &mut [KeyValue]) {
        for attribute in list {
            if let Some(value) = self.attribute(attribute.key.as_str(), &attribute.value) {
                attribute.value = value;
            }
        }
    }

    fn attribute(&self, key: &str, value: &Value) -> Option<Value> {
        let redacted = || Value::String(REDACTED.into());
        if self.denied(key) {
            return Some(redacted());
        }
        match value {
            Value::String(text) => self.text(text.as_str()).map(|text| Value::String(text.into())),
            Value::I64(int) => Self::is_card_number(*int).then(redacted),
            Value::Array(Array::String(list)) => {
                let texts: Vec<_> = list.iter().map(|text| self.text(text.as_str())).collect();
                texts.iter().any(Option::is_some).then(|| {
                    let pairs = list.iter().zip(texts);
                    let list = pairs.map(|(before, after)| after.map_or_else(|| before.clone(), StringValue::from));
                    Value::Array(Array::String(list.collect()))
                })
            }
            _ => None,
        }
    }

    /// The attribute of a log record without what is withheld; `None` when that is nothing.
    pub(crate) fn field(&self, key: &str, value: &AnyValue) -> Option<AnyValue> {
        if self.denied(key) {
            return Some(AnyValue::String(REDACTED.into()));
        }
        self.any_value(value)
    }

    pub(crate) fn any_value(&self, value: &AnyValue) -> Option<AnyValue> {
        match value {
            AnyValue::String(text) => self.text(text.as_str()).map(|text| AnyValue::String(text.into())),
            AnyValue::Int(int) => Self::is_card_number(*int).then(|| AnyValue::String(REDACTED.into())),
            AnyValue::ListAny(items) => {
                let mut changed = false;
                let after = items.iter().map(|item| {
                    let redacted = self.any_value(item);
                    changed |= redacted.is_some();
                    redacted.unwrap_or_else(|| item.clone())
                });
                let after: Vec<_> = after.collect();
                changed.then(|| AnyValue::ListAny(Box::new(after)))
            }
            AnyValue::Map(members) => {
                let mut after = members.clone();
                let mut changed = false;
                for (key, member) in members.iter() {
                    if let Some(redacted) = self.field(key.as_str(), member) {
                        after.insert(key.clone(), redacted);
                        changed = true;
                    }
                }
                changed.then_some(AnyValue::Map(after))
            }
            _ => None,
        }
    }

    /// A log record without what is withheld; `None` when that is nothing. The SDK's records cannot be changed, so it is made from a
    /// `blank` one.
    pub(crate) fn log(&self, record: &SdkLogRecord, blank: impl FnOnce() -> SdkLogRecord) -> Option<SdkLogRecord> {
        let body = record.body().and_then(|body| self.any_value(body));
        let fields: Vec<_> = record.attributes_iter().map(|(key, value)| self.field(key.as_str(), value)).collect();
        if body.is_none() && fields.iter().all(Option::is_none) {
            return None;
        }
        let mut out = blank();
        if let Some(body) = body.or_else(|| record.body().cloned()) {
            out.set_body(body);
        }
        for ((key, before), after) in record.attributes_iter().zip(fields) {
            out.add_attribute(key.clone(), after.unwrap_or_else(|| before.clone()));
        }
        if let Some(name) = record.event_name() {
            out.set_event_name(name);
        }
        if let Some(target) = record.target() {
            out.set_target(target.clone());
        }
        if let Some(time) = record.timestamp() {
            out.set_timestamp(time);
        }
        if let Some(time) = record.observed_timestamp() {
            out.set_observed_timestamp(time);
        }
        if let Some(text) = record.severity_text() {
            out.set_severity_text(text);
        }
        if let Some(number) = record.severity_number() {
            out.set_severity_number(number);
        }
        if let Some(trace) = record.trace_context() {
            out.set_trace_context(trace.trace_id, trace.span_id, trace.trace_flags);
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ValueRule;
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value as Json;

    fn text(value: &Json) -> String {
        value.as_str().expect("text").to_owned()
    }

    fn texts(value: &Json) -> Vec<String> {
        value.as_array().expect("list").iter().map(text).collect()
    }

    fn rule(value: &Json) -> ValueRule {
        ValueRule { regex: text(&value["re"]), with: value["with"].as_str().unwrap_or(REDACTED).to_owned() }
    }

    fn check(case: &Json) {
        let name = &case["name"];
        let mut rules = Rules::default();
        if case["rules"].is_object() {
            let values: Vec<_> = case["rules"]["values"].as_array().expect("values").iter().map(rule).collect();
            rules = rules.with(&texts(&case["rules"]["keys"]), &values).expect("rules");
        }
        if let Some(key) = case["key"].as_str() {
            assert_eq!(Some(rules.denied(key)), case["denied"].as_bool(), "{name}");
        } else if let Some(before) = case["text"].as_str() {
            let after = rules.text(before);
            let want = text(&case["redacted"]);
            assert_eq!(after.as_deref().unwrap_or(before), want, "{name}");
            assert_eq!(after.is_some(), before != want, "{name}");
        } else if case["attribute"].is_object() {
            let (key, before) = (text(&case["attribute"]["key"]), any_value(&case["attribute"]["value"]));
            let want = any_value(&case["redacted"]);
            assert_eq!(rules.field(&key, &before).unwrap_or(before), want, "{name}");
        } else {
            let accepted = rules.with(&[], &[rule(case)]);
            assert_eq!(Some(accepted.is_ok()), case["accepted"].as_bool(), "{name}: {accepted:?}");
        }
    }

    fn any_value(value: &Json) -> AnyValue {
        let (kind, value) = value.as_object().and_then(|object| object.iter().next()).expect("AnyValue");
        match kind.as_str() {
            "stringValue" => AnyValue::String(text(value).into()),
            "intValue" => AnyValue::Int(text(value).parse().expect("int")),
            "doubleValue" => AnyValue::Double(value.as_f64().expect("double")),
            "boolValue" => AnyValue::Boolean(value.as_bool().expect("bool")),
            "bytesValue" => AnyValue::Bytes(Box::new(text(value).into_bytes())),
            "arrayValue" => {
                let items = value["values"].as_array().expect("array");
                AnyValue::ListAny(Box::new(items.iter().map(any_value).collect()))
            }
            _ => {
                let members = value["values"].as_array().expect("map");
                let pair = |member: &Json| (text(&member["key"]).into(), any_value(&member["value"]));
                AnyValue::Map(Box::new(members.iter().map(pair).collect()))
            }
        }
    }

    #[test]
    fn it_withholds_what_both_kits_agreed_on() {
        let vectors: Json =
            serde_json::from_str(include_str!("../../../../spec/vectors/redaction.json")).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() >= 200);
        cases.iter().for_each(check);
    }

    #[test]
    fn rules_are_replaced_as_a_whole_or_not_at_all() {
        let redaction = super::super::Redaction::default();
        let rule = |regex: &str| ValueRule { regex: regex.into(), with: "#".into() };
        redaction.set(&["tenant".into()], &[rule("x+")]).expect("rules");
        assert_eq!(redaction.rules().text("tenant=a xx").as_deref(), Some("tenant=[redacted] #"));
        redaction.set(&[], &[rule("y"), rule("(?=z)")]).expect_err("no rule");
        assert_eq!(redaction.rules().text("xy").as_deref(), Some("#y"));
        redaction.set(&[], &[]).expect("rules");
        assert_eq!(redaction.rules().text("tenant=a xx"), None);
        assert_eq!(redaction.rules().text("password=a").as_deref(), Some("password=[redacted]"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn redacting_twice_is_redacting_once(
            text in "(password|token|a)?[ =:\"'\\\\{\\[\\]}&.@/]{0,4}(bearer |4111 1111 |https://|eyJabcdefghij\\.|[redact\\]]{0,12}|é)*\\PC{0,40}"
        ) {
            let rules = Rules::default();
            let once = rules.text(&text).unwrap_or(text);
            prop_assert_eq!(rules.text(&once), None, "{}", once);
        }
    }
}
