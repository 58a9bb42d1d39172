//! One attribute of every type the SDK has.

use opentelemetry::{Array, KeyValue, StringValue, Value};

pub(crate) fn text_list(texts: &[&'static str]) -> Value {
    Value::Array(Array::String(texts.iter().map(|text| StringValue::from(*text)).collect()))
}

pub(crate) fn every_type() -> Vec<KeyValue> {
    vec![
        KeyValue::new("text", "ünïcode ✓ \"quoted\"\n"),
        KeyValue::new("text.empty", ""),
        KeyValue::new("int", -42_i64),
        KeyValue::new("int.max", i64::MAX),
        KeyValue::new("int.min", i64::MIN),
        KeyValue::new("double", 0.1),
        KeyValue::new("double.tiny", f64::MIN_POSITIVE),
        KeyValue::new("double.whole", 3.0),
        KeyValue::new("bool.true", true),
        KeyValue::new("bool.false", false),
        KeyValue::new("list.text", text_list(&["a", "", "ü"])),
        KeyValue::new("list.int", Value::Array(Array::I64(vec![1, -2, 1 << 60]))),
        KeyValue::new("list.double", Value::Array(Array::F64(vec![1.5, -0.25]))),
        KeyValue::new("list.bool", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("list.empty", Value::Array(Array::I64(Vec::new()))),
    ]
}
