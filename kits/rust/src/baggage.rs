//! W3C Baggage between processes: `key=value;properties` members, percent-encoded, comma separated.
//!
//! The SDK's propagator cuts values at a second `=`, does not encode `%`, and reads the first of several headers only. This one follows
//! <https://www.w3.org/TR/baggage/>, and the Go kit, through the vectors both share.

use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::{Extractor, Injector};

pub(crate) const HEADER: &str = "baggage";

/// All headers together, with the commas that join them.
const BYTES_MAX: usize = 8192;
const MEMBERS_MAX: usize = 64;

pub(crate) fn inject(cx: &Context, injector: &mut dyn Injector) {
    let members = cx.baggage().iter().map(|(key, (value, metadata))| {
        let mut member = format!("{key}=");
        encode(value.as_str(), &mut member);
        if !metadata.as_str().is_empty() {
            member.push(';');
            member.push_str(metadata.as_str());
        }
        member
    });
    let header = members.collect::<Vec<_>>().join(",");
    if !header.is_empty() {
        injector.set(HEADER, header);
    }
}

/// Adds the baggage of a carrier. Malformed members are left out; too many bytes discard all of it, what follows member 64 is dropped.
pub(crate) fn extract(cx: Context, extractor: &dyn Extractor) -> Context {
    let Some(headers) = extractor.get_all(HEADER) else {
        return cx;
    };
    if headers.iter().map(|header| header.len() + 1).sum::<usize>() > BYTES_MAX + 1 {
        return cx;
    }
    let mut baggage = Baggage::new();
    let members = headers.iter().flat_map(|header| header.split(','));
    for (key, value, metadata) in members.filter_map(parse_member) {
        if baggage.len() < MEMBERS_MAX || baggage.get(key).is_some() {
            baggage.insert_with_metadata(key.to_owned(), value, metadata.to_owned());
        }
    }
    if baggage.is_empty() {
        return cx;
    }
    let pairs = baggage
        .iter()
        .map(|(key, (value, metadata))| KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone()));
    cx.with_baggage(pairs)
}

fn parse_member(member: &str) -> Option<(&str, String, &str)> {
    let (pair, metadata) = member.split_once(';').unwrap_or((member, ""));
    let (key, value) = pair.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    let printable = value.bytes().all(is_octet);
    (is_token(key) && printable).then_some(())?;
    Some((key, decode(value)?, metadata.trim()))
}

/// `token` of RFC 7230.
fn is_token(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c))
}

/// `baggage-octet`: printable ASCII but blank, quote, comma, semicolon and backslash.
fn is_octet(c: u8) -> bool {
    c.is_ascii_graphic() && !matches!(c, b'"' | b',' | b';' | b'\\')
}

fn encode(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if is_octet(byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// `None` when a percent sign is not followed by two digits. Bytes that are not UTF-8 become U+FFFD, as the specification says.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn members(cx: &Context) -> HashMap<String, String> {
        cx.baggage().iter().map(|(key, (value, _))| (key.to_string(), value.to_string())).collect()
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_of_any_header_reads_the_same(value in "\\PC*|([a-z]{1,3}=[ -~]{0,9},){0,70}") {
            let cx = extract(Context::new(), &HashMap::from([(HEADER.to_owned(), value)]));
            let mut written = HashMap::new();
            inject(&cx, &mut written);
            proptest::prop_assert!(cx.baggage().len() <= 64);
            let again = extract(Context::new(), &written);
            proptest::prop_assert_eq!(members(&again), members(&cx));
        }
    }
}
