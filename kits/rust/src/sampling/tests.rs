use std::str::FromStr;

use opentelemetry::Value as Attribute;
use opentelemetry::trace::{SpanId, TraceFlags};
use serde_json::{Value, json};

use super::*;
use crate::control::document::Document;

fn decider(policy: &Value) -> Decider {
    let document = json!({"v": 1, "revision": 1, "sampling": policy}).to_string();
    let document = Document::parse(document.as_bytes()).expect("document");
    Decider::new(document.sampling.expect("sampling"))
}

fn parent(span: &Value, trace_id: TraceId) -> SpanContext {
    let Some(state) = span["parent"]["tracestate"].as_str() else {
        return SpanContext::empty_context();
    };
    let flags = if span["parent"]["sampled"] == true { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let state = TraceState::from_str(state).expect("state");
    SpanContext::new(trace_id, SpanId::from(7_u64), flags, true, state)
}

fn attributes(span: &Value) -> Vec<KeyValue> {
    let all = span["attributes"].as_object().into_iter().flatten();
    all.map(|(key, value)| {
        let value: Attribute = match value {
            Value::String(text) => text.clone().into(),
            Value::Bool(flag) => (*flag).into(),
            other => other.as_i64().expect("whole number").into(),
        };
        KeyValue::new(key.clone(), value)
    })
    .collect()
}

fn kind(span: &Value) -> SpanKind {
    match span["kind"].as_str() {
        Some("SERVER") => SpanKind::Server,
        Some("CLIENT") => SpanKind::Client,
        Some("PRODUCER") => SpanKind::Producer,
        Some("CONSUMER") => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

#[test]
fn the_shared_vectors_hold() {
    let vectors = include_str!("../../../../spec/vectors/sampling.json");
    let vectors: Value = serde_json::from_str(vectors).expect("JSON");
    let cases = vectors["cases"].as_array().expect("cases");
    assert!(cases.len() >= 130);
    for case in cases {
        let decider = decider(&case["policy"]);
        for (index, span) in case["spans"].as_array().expect("spans").iter().enumerate() {
            let trace_id = TraceId::from_hex(span["trace_id"].as_str().expect("id")).expect("id");
            let now = || Duration::from_millis(span["at_ms"].as_u64().unwrap_or(0));
            let candidate = Candidate {
                parent: &parent(span, trace_id),
                trace_id,
                name: span["name"].as_str().unwrap_or_default(),
                kind: &kind(span),
                attributes: &attributes(span),
            };
            let (keep, why, state) = decider.decide(&candidate, now);
            let found = json!([keep, format!("{why:?}").to_lowercase(), state.header()]);
            let expected = json!([span["keep"], span["why"], span["tracestate"]]);
            assert_eq!(found, expected, "{}, span {index}", case["name"]);
        }
    }
}

#[test]
fn the_floor_forgets_operations_whose_minute_is_over() {
    let decider = Decider::new(Sampling::probability(1e-9).floor_per_minute(1));
    let kept = |name: &str, seconds: u64| {
        let parent = SpanContext::empty_context();
        let (trace_id, kind) = (TraceId::from(1_u128), &SpanKind::Internal);
        let candidate = Candidate { parent: &parent, trace_id, name, kind, attributes: &[] };
        decider.decide(&candidate, || Duration::from_secs(seconds)).0
    };
    assert!((0..256).all(|index| kept(&format!("operation {index}"), 0)));
    assert!(!kept("one too many", 0));
    assert!(!kept("one too many", 59));
    assert!(kept("one too many", 60));
}

#[test]
fn the_same_policy_again_keeps_its_ceiling() {
    let sampler = Sampler::new(Sampling::probability(1.0), Switch::new(true));
    let policy = Sampling::probability(1.0).ceiling_per_second(1e-6);
    let keeps = |sampler: &Sampler| {
        let (id, kind) = (TraceId::from(1_u128), SpanKind::Internal);
        sampler.should_sample(None, id, "work", &kind, &[], &[]).decision == SamplingDecision::RecordAndSample
    };
    sampler.steer(Some(&policy));
    assert!(keeps(&sampler) && !keeps(&sampler));
    sampler.steer(Some(&policy.clone()));
    assert!(!keeps(&sampler));
    sampler.steer(None);
    assert!(keeps(&sampler));
}

proptest::proptest! {
    #[test]
    fn any_state_is_rewritten_without_a_panic(member in "[!-+.-<>-~]{1,256}", digits in "[0-9a-f]{0,14}") {
        let state = TraceState::from_key_value([("ot", member.as_str())]).expect("state");
        let told = state::with_threshold(&state, &digits);
        let silent = state::with_threshold(&told, "");
        proptest::prop_assert!(state::part(state::member(&silent), "th:").is_none());
        proptest::prop_assert!(told.header().len() <= 256 + "ot=".len());
    }
}
