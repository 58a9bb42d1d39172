//! The tracestate member `ot` is parts separated by semicolons: `th:c;rv:6e6d1a75832a2f;xy:1`. All but `th` is passed on as it came.

use opentelemetry::trace::{TraceId, TraceState};

use super::threshold;

pub(crate) const VENDOR: &str = "ot";
const DEBUG_VENDOR: &str = "tl";
const DEBUG_PREFIX: &str = "debug:";
const THRESHOLD: &str = "th:";
/// Of a tracestate value.
const VALUE_CHARS_MAX: usize = 256;

/// Finds the first part of a name (`th:`) and gives what follows the name.
pub(crate) fn part<'a>(member: &'a str, name: &str) -> Option<&'a str> {
    member.split(';').find_map(|part| part.strip_prefix(name))
}

pub(crate) fn member(state: &TraceState) -> &str {
    state.get(VENDOR).unwrap_or_default()
}

/// The key in `tl=debug:KEY`.
pub(crate) fn debug_key(state: &TraceState) -> Option<&str> {
    state.get(DEBUG_VENDOR)?.strip_prefix(DEBUG_PREFIX)
}

/// Takes the threshold out of a sampled parent's state unless it is one and the randomness reaches it.
pub(crate) fn consistent(state: &TraceState, id: TraceId) -> TraceState {
    let member = member(state);
    let Some(digits) = part(member, THRESHOLD) else {
        return state.clone();
    };
    match threshold::parse(digits) {
        Some(threshold) if threshold::randomness(member, id) >= threshold => state.clone(),
        _ => with_threshold(state, ""),
    }
}

/// Puts `th:digits` where the threshold was, or first; without digits it takes the threshold out. Where the threshold does not fit it
/// is not told.
pub(crate) fn with_threshold(state: &TraceState, digits: &str) -> TraceState {
    let member = member(state);
    if member.is_empty() && digits.is_empty() {
        return state.clone();
    }
    let mut changed = rewrite(member, digits);
    if changed.len() > VALUE_CHARS_MAX {
        changed = rewrite(member, "");
    }
    if changed == member {
        return state.clone();
    }
    let result = if changed.is_empty() { state.delete(VENDOR) } else { state.insert(VENDOR, changed) };
    // Not seen: the parts were valid before.
    result.unwrap_or_default()
}

fn rewrite(member: &str, digits: &str) -> String {
    let mut parts = Vec::new();
    let mut own = (!digits.is_empty()).then(|| format!("{THRESHOLD}{digits}"));
    if part(member, THRESHOLD).is_none() {
        parts.extend(own.take());
    }
    for part in member.split(';').filter(|part| !part.is_empty()) {
        if part.starts_with(THRESHOLD) {
            parts.extend(own.take()); // a second threshold goes
        } else {
            parts.push(part.to_owned());
        }
    }
    parts.join(";")
}
