//! W3C Trace Context and Baggage between processes, read strictly.
//!
//! The SDK's propagator accepts wrong lengths, takes the first of several headers and sends empty `tracestate` headers; the Go one
//! differs in other places. This one follows <https://www.w3.org/TR/trace-context-2/> and is tested with the vectors both kits share.

use http::{HeaderMap, HeaderName};
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

use crate::{b3, baggage};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Sampled (bit 0) and random trace id (bit 1): the flags of level 2.
const KNOWN_FLAGS: u8 = 0b11;
const MEMBERS_MAX: usize = 32;

/// Strict W3C Trace Context and Baggage, and B3 where it is asked for.
#[derive(Debug)]
pub struct Propagator {
    pub(crate) formats: Formats,
    fields: Vec<String>,
}

/// In which headers context travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Formats {
    w3c: bool,
    b3: bool,
    b3_multi: bool,
    baggage: bool,
}

impl Default for Formats {
    fn default() -> Self {
        Formats { w3c: true, b3: false, b3_multi: false, baggage: true }
    }
}

impl Formats {
    /// Reads the names of `OTEL_PROPAGATORS`; an error is one it does not know.
    pub(crate) fn parse<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut formats = Formats { w3c: false, b3: false, b3_multi: false, baggage: false };
        for name in names.map(str::trim) {
            match name {
                "tracecontext" => formats.w3c = true,
                "baggage" => formats.baggage = true,
                "b3" => formats.b3 = true,
                "b3multi" => formats.b3_multi = true,
                "none" | "" => {}
                other => return Err(other),
            }
        }
        Ok(formats)
    }

    /// The context a carrier brings, on top of another.
    fn extract(self, cx: Context, carrier: &dyn Extractor) -> Context {
        let cx = match self.extract_span_context(carrier) {
            Some(span_context) => cx.with_remote_span_context(span_context),
            None => cx,
        };
        if self.baggage { baggage::extract(cx, carrier) } else { cx }
    }

    fn extract_span_context(self, carrier: &dyn Extractor) -> Option<SpanContext> {
        let found = if self.w3c { extract_span_context(carrier) } else { None };
        let found = found.or_else(|| if self.b3 { b3::extract_single(carrier) } else { None });
        found.or_else(|| if self.b3_multi { b3::extract_multi(carrier) } else { None })
    }

    /// Whether headers bring any context. Most bring none, and then looking through them costs less than asking for each.
    fn are_in(self, headers: &HeaderMap) -> bool {
        static NAMES: [HeaderName; 4] = [
            HeaderName::from_static(TRACEPARENT),
            HeaderName::from_static(baggage::HEADER),
            HeaderName::from_static(b3::SINGLE),
            HeaderName::from_static(b3::TRACE_ID),
        ];
        let used = [self.w3c, self.baggage, self.b3, self.b3_multi];
        headers.keys().any(|name| used.iter().zip(&NAMES).any(|(used, wanted)| *used && name == wanted))
    }

    /// The context the headers of a request bring; none where they bring none.
    pub(crate) fn received(self, headers: &HeaderMap) -> Option<Context> {
        self.are_in(headers).then(|| self.extract(Context::new(), &HttpExtractor(headers)))
    }
}

impl Default for Propagator {
    fn default() -> Self {
        Propagator::new()
    }
}

impl Propagator {
    /// W3C Trace Context and Baggage.
    #[must_use]
    pub fn new() -> Self {
        Propagator::of(Formats::default())
    }

    /// Writes all formats and reads the first that came.
    pub(crate) fn of(formats: Formats) -> Self {
        let names = [
            (formats.w3c, TRACEPARENT),
            (formats.w3c, TRACESTATE),
            (formats.b3, b3::SINGLE),
            (formats.b3_multi, b3::TRACE_ID),
            (formats.b3_multi, b3::SPAN_ID),
            (formats.b3_multi, b3::SAMPLED),
            (formats.baggage, baggage::HEADER),
        ];
        let fields = names.iter().filter(|(used, _)| *used).map(|(_, name)| (*name).to_owned()).collect();
        Propagator { formats, fields }
    }
}

impl TextMapPropagator for Propagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span();
        let span_context = span.span_context();
        if span_context.is_valid() {
            if self.formats.w3c {
                inject_w3c(span_context, injector);
            }
            if self.formats.b3 {
                b3::inject_single(span_context, injector);
            }
            if self.formats.b3_multi {
                b3::inject_multi(span_context, injector);
            }
        }
        if self.formats.baggage {
            baggage::inject(cx, injector);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        self.formats.extract(cx.clone(), extractor)
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

fn inject_w3c(span: &SpanContext, injector: &mut dyn Injector) {
    let flags = span.trace_flags().to_u8() & KNOWN_FLAGS;
    injector.set(TRACEPARENT, format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id()));
    let state = span.trace_state().header();
    if !state.is_empty() {
        injector.set(TRACESTATE, state);
    }
}

fn extract_span_context(extractor: &dyn Extractor) -> Option<SpanContext> {
    let headers = extractor.get_all(TRACEPARENT)?;
    let [header] = headers.as_slice() else {
        return None;
    };
    let (trace_id, span_id, flags) = parse_traceparent(header)?;
    let state = extractor.get_all(TRACESTATE).and_then(|headers| parse_tracestate(&headers)).unwrap_or_default();
    Some(SpanContext::new(trace_id, span_id, flags, true, state))
}

/// `version "-" trace-id "-" parent-id "-" flags`: 2, 32, 16 and 2 lower-case hexadecimal digits.
fn parse_traceparent(header: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let header = header.trim_matches([' ', '\t']);
    let bytes = header.as_bytes();
    let dashes_in_place = [2, 35, 52].iter().all(|&at| bytes.get(at) == Some(&b'-'));
    let version = hex(header.get(0..2)?)?;
    let end_is_right = match (version, bytes.len()) {
        (0xff, _) => false,
        (_, 55) => true,
        (0, _) => false,
        (_, _) => bytes.get(55) == Some(&b'-'),
    };
    if !dashes_in_place || !end_is_right {
        return None;
    }
    let trace_id = TraceId::from(hex(header.get(3..35)?)?);
    let span_id = SpanId::from(u64::try_from(hex(header.get(36..52)?)?).ok()?);
    let flags = u8::try_from(hex(header.get(53..55)?)?).ok()? & KNOWN_FLAGS;
    let valid = trace_id != TraceId::INVALID && span_id != SpanId::INVALID;
    valid.then_some((trace_id, span_id, TraceFlags::new(flags)))
}

pub(crate) fn hex(digits: &str) -> Option<u128> {
    let lower = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if lower { u128::from_str_radix(digits, 16).ok() } else { None }
}

/// Joins the headers in order. `None`, which discards all of it, when any member is malformed or there are too many.
fn parse_tracestate(headers: &[&str]) -> Option<TraceState> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    let all = headers.iter().flat_map(|header| header.split(','));
    for member in all.map(|member| member.trim_matches([' ', '\t'])) {
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=')?;
        if !is_state_key(key) || !is_state_value(value) {
            return None;
        }
        if members.iter().all(|(earlier, _)| *earlier != key) {
            members.push((key, value));
        }
    }
    if members.len() > MEMBERS_MAX {
        return None;
    }
    TraceState::from_key_value(members).ok()
}

fn is_state_key(key: &str) -> bool {
    let rest_ok = |text: &str| text.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'));
    let starts = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) && rest_ok(text);
    match key.split_once('@') {
        None => starts(key) && key.len() <= 256,
        Some((tenant, system)) => {
            starts(tenant)
                && tenant.len() <= 241
                && system.starts_with(|c: char| c.is_ascii_lowercase())
                && rest_ok(system)
                && system.len() <= 14
        }
    }
}

fn is_state_value(value: &str) -> bool {
    let printable = value.bytes().all(|c| matches!(c, b' '..=b'~') && c != b',' && c != b'=');
    printable && (1..=256).contains(&value.len()) && !value.ends_with(' ')
}

/// Reads HTTP (and gRPC) headers, all of a name.
pub(crate) struct HttpExtractor<'a>(pub(crate) &'a HeaderMap);

impl Extractor for HttpExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        // A value that is not text must not vanish: one bad header of two would look like a single good one.
        let text = |value: &'_ http::HeaderValue| std::str::from_utf8(value.as_bytes()).is_ok();
        let values = self.0.get_all(key);
        values.iter().next()?;
        let read = |value| if text(value) { std::str::from_utf8(value.as_bytes()).ok() } else { None };
        Some(values.iter().map(|value| read(value).unwrap_or("?")).collect())
    }
}

/// Writes HTTP (and gRPC) headers.
pub(crate) struct HttpInjector<'a>(pub(crate) &'a mut HeaderMap);

impl Injector for HttpInjector<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = HeaderName::from_bytes(key.as_bytes());
        let value = http::HeaderValue::try_from(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::baggage::BaggageExt;
    use proptest::prelude::*;
    use serde_json::Value;

    fn header_map(pairs: &[(String, String)]) -> http::HeaderMap {
        let mut headers = http::HeaderMap::new();
        for (name, value) in pairs {
            let name = http::HeaderName::try_from(name.as_str()).expect("name");
            let value = http::HeaderValue::from_bytes(value.as_bytes()).expect("value");
            headers.append(name, value);
        }
        headers
    }

    fn extract(headers: &http::HeaderMap) -> Context {
        Propagator::new().extract_with_context(&Context::new(), &HttpExtractor(headers))
    }

    fn pairs(value: &Value) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let list = value.as_array().expect("pairs");
        list.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    }

    #[test]
    fn the_shared_vectors_hold() {
        let vectors = include_str!("../../../spec/vectors/trace-context.json");
        let vectors: Value = serde_json::from_str(vectors).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() > 60);
        for case in cases {
            let name = &case["name"];
            let cx = extract(&header_map(&pairs(&case["headers"])));
            let expected = &case["extracted"];
            if expected.is_null() {
                assert!(!cx.span().span_context().is_valid(), "{name}");
                continue;
            }
            let span = cx.span();
            let found = span.span_context();
            assert!(found.is_remote(), "{name}");
            assert_eq!(expected["trace_id"], found.trace_id().to_string(), "{name}");
            assert_eq!(expected["span_id"], found.span_id().to_string(), "{name}");
            if case["not_with"]["rust"].is_string() {
                assert_eq!(found.trace_state().header(), "", "{name} works now: take out its not_with");
                continue;
            }
            let flags = format!("{:02x}", found.trace_flags().to_u8());
            assert_eq!(expected["trace_flags"], flags, "{name}");
            assert_eq!(expected["trace_state"], found.trace_state().header(), "{name}");

            let mut sent = http::HeaderMap::new();
            Propagator::new().inject_context(&cx, &mut HttpInjector(&mut sent));
            assert_eq!(sent, header_map(&pairs(&case["injected"])), "{name}");
        }
    }

    #[test]
    fn the_shared_baggage_vectors_hold() {
        let vectors = include_str!("../../../spec/vectors/baggage.json");
        let vectors: Value = serde_json::from_str(vectors).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() >= 10);
        let members = |cx: &Context| {
            let list = cx.baggage().iter().map(|(key, (value, _))| (key.to_string(), value.to_string()));
            list.collect::<std::collections::BTreeMap<_, _>>()
        };
        for case in cases {
            let name = &case["name"];
            let headers = case["headers"].as_array().expect("headers");
            let headers = headers.iter().map(|value| ("baggage".to_owned(), value.as_str().expect("text").to_owned()));
            let cx = extract(&header_map(&headers.collect::<Vec<_>>()));
            let expected = pairs(&case["members"]).into_iter().collect();
            assert_eq!(members(&cx), expected, "{name}");
            let mut sent = http::HeaderMap::new();
            Propagator::new().inject_context(&cx, &mut HttpInjector(&mut sent));
            assert_eq!(members(&extract(&sent)), expected, "{name}: {sent:?}");
            assert!(!expected.is_empty() || sent.is_empty(), "{name}: {sent:?}");
        }
    }

    #[test]
    fn the_shared_b3_vectors_hold() {
        let vectors: Value = serde_json::from_str(include_str!("../../../spec/vectors/b3.json")).expect("JSON");
        let propagator = |case: &Value| {
            let formats = case["formats"].as_str().expect("formats");
            Propagator::of(Formats::parse(formats.split(',')).expect("known"))
        };
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() >= 45);
        for case in cases {
            let name = &case["name"];
            let headers = header_map(&pairs(&case["headers"]));
            let cx = propagator(case).extract_with_context(&Context::new(), &HttpExtractor(&headers));
            let span = cx.span();
            let found = span.span_context();
            let expected = &case["extracted"];
            assert_eq!(found.is_valid(), !expected.is_null(), "{name}");
            if found.is_valid() {
                assert!(found.is_remote(), "{name}");
                assert_eq!(expected["trace_id"], found.trace_id().to_string(), "{name}");
                assert_eq!(expected["span_id"], found.span_id().to_string(), "{name}");
                assert_eq!(expected["sampled"], found.is_sampled(), "{name}");
            }
        }
        let injections = vectors["injections"].as_array().expect("injections");
        assert!(injections.len() >= 6);
        for case in injections {
            let trace_id = TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128);
            let flags = TraceFlags::default().with_sampled(case["sampled"] == true);
            let state = TraceState::default();
            let span = SpanContext::new(trace_id, SpanId::from(0xb7ad_6b71_6920_3331_u64), flags, false, state);
            let mut sent = http::HeaderMap::new();
            let cx = Context::new().with_remote_span_context(span);
            propagator(case).inject_context(&cx, &mut HttpInjector(&mut sent));
            assert_eq!(sent, header_map(&pairs(&case["injected"])), "{}", case["name"]);
        }
    }

    #[test]
    fn a_duplicate_that_is_not_text_still_counts_as_a_duplicate() {
        let mut headers = http::HeaderMap::new();
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.append("traceparent", http::HeaderValue::from_static(good));
        let bad = http::HeaderValue::from_bytes(b"\xff").expect("opaque");
        headers.append("traceparent", bad);
        assert!(!extract(&headers).span().span_context().is_valid());
    }

    proptest! {
        #[test]
        fn any_b3_header_is_read_without_a_panic(value in "[0-9a-fd\\-]{0,80}", sampled in "\\PC*") {
            let pairs = [("b3", value.clone()), ("x-b3-traceid", value.clone()), ("x-b3-spanid", value), ("x-b3-sampled", sampled)];
            let headers: std::collections::HashMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value)).into();
            let _ = b3::extract_single(&headers);
            let _ = b3::extract_multi(&headers);
        }

        #[test]
        fn any_header_is_read_without_a_panic(parent in "\\PC*", state in "\\PC*") {
            let _ = parse_traceparent(&parent);
            let _ = parse_tracestate(&[&state]);
        }

        #[test]
        fn what_is_sent_is_read_back(trace in 1u128.., span in 1u64.., flags in 0u8..4, n in 0usize..33) {
            let state = (0..n).map(|i| (format!("k{i}"), format!("v{i}")));
            let state = TraceState::from_key_value(state).expect("state");
            let sent = SpanContext::new(trace.into(), span.into(), TraceFlags::new(flags), true, state);
            let mut headers = http::HeaderMap::new();
            let cx = Context::new().with_remote_span_context(sent.clone());
            Propagator::new().inject_context(&cx, &mut HttpInjector(&mut headers));
            let received = extract(&headers);
            let span = received.span();
            prop_assert_eq!(span.span_context(), &sent);
        }
    }
}
