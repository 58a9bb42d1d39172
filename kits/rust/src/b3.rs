//! B3, the headers of Zipkin and of many meshes, beside W3C's: <https://github.com/openzipkin/b3-propagation>

use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use crate::propagate::hex;

/// Names are in lower case: HTTP does not care, and gRPC and message headers want them so.
pub(crate) const SINGLE: &str = "b3";
pub(crate) const TRACE_ID: &str = "x-b3-traceid";
pub(crate) const SPAN_ID: &str = "x-b3-spanid";
pub(crate) const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";

pub(crate) fn inject_single(span: &SpanContext, injector: &mut dyn Injector) {
    injector.set(SINGLE, format!("{}-{}-{}", span.trace_id(), span.span_id(), u8::from(span.is_sampled())));
}

pub(crate) fn inject_multi(span: &SpanContext, injector: &mut dyn Injector) {
    injector.set(TRACE_ID, span.trace_id().to_string());
    injector.set(SPAN_ID, span.span_id().to_string());
    injector.set(SAMPLED, u8::from(span.is_sampled()).to_string());
}

/// One header:
///
/// ```text
/// trace-id "-" span-id [ "-" sampled [ "-" parent-span-id ] ]
/// 16/32hex     16hex          0 1 d         16hex             lower case
/// ```
///
/// `0`, `1` and `d` alone name no trace to go on with.
pub(crate) fn extract_single(extractor: &dyn Extractor) -> Option<SpanContext> {
    let parts: Vec<_> = only(extractor, SINGLE)??.split('-').collect();
    let (trace_id, span_id, sampled) = match parts.as_slice() {
        [trace_id, span_id] => (trace_id, span_id, "0"),
        [trace_id, span_id, sampled] => (trace_id, span_id, *sampled),
        [trace_id, span_id, sampled, parent] if parent.len() == 16 && hex(parent).is_some() => {
            (trace_id, span_id, *sampled)
        }
        _ => return None,
    };
    context(trace_id, span_id, decision(sampled, &["1", "d"], &["0"])?)
}

/// A header for each part; the parent's id is not read.
pub(crate) fn extract_multi(extractor: &dyn Extractor) -> Option<SpanContext> {
    let [trace_id, span_id, sampled, flags] = [TRACE_ID, SPAN_ID, SAMPLED, FLAGS].map(|name| only(extractor, name));
    // The words are older than the digits.
    let sampled = decision(sampled?.unwrap_or("0"), &["1", "true"], &["0", "false", ""])?;
    context(trace_id??, span_id??, sampled || flags? == Some("1"))
}

fn decision(text: &str, yes: &[&str], no: &[&str]) -> Option<bool> {
    if yes.contains(&text) { Some(true) } else { no.contains(&text).then_some(false) }
}

/// The header's value. `None` when there are several, of which none can be trusted.
fn only<'a>(extractor: &'a dyn Extractor, name: &str) -> Option<Option<&'a str>> {
    match extractor.get_all(name).unwrap_or_default().as_slice() {
        [] => Some(None),
        [value] => Some(Some(value.trim_matches([' ', '\t']))),
        _ => None,
    }
}

/// A trace id of 64 bits is the lower half of one of 128.
fn context(trace_id: &str, span_id: &str, sampled: bool) -> Option<SpanContext> {
    if !matches!(trace_id.len(), 16 | 32) || span_id.len() != 16 {
        return None;
    }
    let trace_id = TraceId::from(hex(trace_id)?);
    let span_id = SpanId::from(u64::try_from(hex(span_id)?).ok()?);
    let valid = trace_id != TraceId::INVALID && span_id != SpanId::INVALID;
    let flags = TraceFlags::default().with_sampled(sampled);
    valid.then(|| SpanContext::new(trace_id, span_id, flags, true, TraceState::default()))
}
