//! The values given to denied names, in the forms query strings, JSON, logs and headers use.

use super::text::{Edit, end_of, is_name, is_space};
use super::{REDACTED, Rules};

pub(super) fn assignments(rules: &Rules, s: &str) -> Option<String> {
    let mut edit = Edit::new(s);
    let mut at = 0;
    while at < s.len() {
        let found = match s.as_bytes()[at] {
            b'=' => equals(rules, s, at),
            b':' => colon(rules, s, at),
            _ => None,
        };
        at += 1;
        if let Some((start, end)) = found
            && start >= edit.done
        {
            if end > start && !s[start..].starts_with(REDACTED) {
                edit.redact(start, end);
            }
            at = at.max(end);
        }
    }
    edit.finish()
}

/// Reads `name=value` and `name = value` around the equals sign at `at`.
fn equals(rules: &Rules, s: &str, at: usize) -> Option<(usize, usize)> {
    let before = if s[..at].ends_with(' ') { at - 1 } else { at };
    if !rules.denied(name_before(s, before)) {
        return None;
    }
    let start = if s[at + 1..].starts_with(' ') { at + 2 } else { at + 1 };
    Some(value_at(s, start))
}

/// Reads `"name": value`, `name:value`, and `Name: value` where a line begins.
fn colon(rules: &Rules, s: &str, at: usize) -> Option<(usize, usize)> {
    let before = s[..at].trim_end_matches(' ').len();
    let start = end_of(s, at + 1, |c| c == b' ');
    if let Some(quoted) = s[..before].strip_suffix(['"', '\'']) {
        let name = name_before(s, quoted.strip_suffix('\\').unwrap_or(quoted).len());
        return rules.denied(name).then(|| value_at(s, start));
    }
    let name = name_before(s, at);
    if before != at || !rules.denied(name) {
        return None;
    }
    if begins_line(&s[..at - name.len()]) {
        return Some((start, end_of(s, start, |c| c != b'\r' && c != b'\n')));
    }
    // After a space it is prose.
    (start == at + 1).then(|| value_at(s, start))
}

fn name_before(s: &str, end: usize) -> &str {
    let start = s.as_bytes()[..end].iter().rposition(|c| !is_name(*c)).map_or(0, |at| at + 1);
    &s[start..end]
}

fn begins_line(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with(['\r', '\n'])
}

/// Where the value that begins at `start` has its text: inside quotes, the whole of an object or a list, or up to what ends a word.
fn value_at(s: &str, start: usize) -> (usize, usize) {
    let rest = &s[start..];
    for quote in ["\\\"", "\\'"] {
        // JSON in JSON
        if rest.starts_with(quote) {
            let from = start + quote.len();
            return (from, s[from..].find(quote).map_or(s.len(), |length| from + length));
        }
    }
    if rest.starts_with(['"', '\'']) {
        return (start + 1, quote_end(s, start));
    }
    if rest.starts_with(['{', '[']) && !rest.starts_with(REDACTED) {
        return (start, nested_end(s, start));
    }
    let mut end = word_end(s, start);
    let scheme = ["bearer", "basic", "digest", "token"].iter().any(|word| s[start..end].eq_ignore_ascii_case(word));
    let next = end_of(s, end, |c| c == b' ');
    if scheme && next > end && next < s.len() {
        end = if s[next..].starts_with(REDACTED) { next + REDACTED.len() } else { word_end(s, next) };
    }
    (start, end)
}

fn word_end(s: &str, at: usize) -> usize {
    end_of(s, at, |c| !is_space(c) && !b"&;,#)]}\"'<>".contains(&c))
}

/// Where the quote that opens at `at` closes, or the end of the text.
fn quote_end(s: &str, at: usize) -> usize {
    let bytes = s.as_bytes();
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'\\' => end += 1,
            c if c == bytes[at] => return end,
            _ => {}
        }
        end += 1;
    }
    s.len()
}

/// After the bracket that closes the one at `at`, or the end of the text.
fn nested_end(s: &str, mut at: usize) -> usize {
    let mut depth = 0;
    while at < s.len() {
        match s.as_bytes()[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b'"' => at = quote_end(s, at),
            _ => {}
        }
        at += 1;
    }
    s.len()
}
