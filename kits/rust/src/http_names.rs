//! How HTTP requests are described, the same for servers and clients.

use http::{Method, Version};
use opentelemetry::KeyValue;

use crate::names::{SERVER_ADDRESS, SERVER_PORT};

/// Replaces a method that would make an attribute unbounded.
pub(crate) const OTHER: &str = "_OTHER";

/// The method as it may stand in attributes, and in span names: what is not in RFC 9110, RFC 5789 or the QUERY draft is unbounded.
pub(crate) fn method_of(method: &Method) -> (&'static str, &'static str) {
    const KNOWN: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "QUERY"];
    match KNOWN.iter().find(|known| **known == method.as_str()) {
        Some(known) => (known, known),
        None => (OTHER, "HTTP"),
    }
}

/// `1.1` or `2`: HTTP/2 has no minor version.
pub(crate) fn protocol_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// Adds `server.address` and `server.port`; without a port the scheme's own is meant.
pub(crate) fn push_host(attributes: &mut Vec<KeyValue>, authority: &str, scheme: &str) {
    let default = if scheme == "https" { 443 } else { 80 };
    push_server(attributes, authority, Some(default));
}

/// Splits `host:port` into `server.address` and `server.port`, brackets of IPv6 addresses dropped.
pub(crate) fn split_host(authority: &str, default: Option<u16>) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    push_server(&mut attributes, authority, default);
    attributes
}

pub(crate) fn push_server(attributes: &mut Vec<KeyValue>, authority: &str, default: Option<u16>) {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
        _ => (authority, default),
    };
    let host = host.trim_matches(['[', ']']);
    if !host.is_empty() {
        attributes.push(KeyValue::new(SERVER_ADDRESS, host.to_owned()));
        attributes.extend(port.map(|port| KeyValue::new(SERVER_PORT, i64::from(port))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_split() {
        let show = |authority, scheme| {
            let mut list = Vec::new();
            push_host(&mut list, authority, scheme);
            list.iter().map(|kv| kv.value.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(show("shop.example:8080", "http"), "shop.example 8080");
        assert_eq!(show("shop.example", "http"), "shop.example 80");
        assert_eq!(show("shop.example", "https"), "shop.example 443");
        assert_eq!(show("[::1]:8080", "http"), "::1 8080");
        assert_eq!(show("[::1]", "http"), "::1 80");
        assert_eq!(show("user:secret@shop.example:1", "http"), "shop.example 1");
        assert_eq!(show("", "http"), "");
    }

    #[test]
    fn methods_are_bounded() {
        assert_eq!(method_of(&Method::GET), ("GET", "GET"));
        let odd = Method::from_bytes(b"BREW").expect("method");
        assert_eq!(method_of(&odd), ("_OTHER", "HTTP"));
        let lower = Method::from_bytes(b"get").expect("method");
        assert_eq!(method_of(&lower), ("_OTHER", "HTTP"));
    }
}
