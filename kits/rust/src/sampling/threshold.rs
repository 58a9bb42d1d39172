//! Probabilities as thresholds of 56 bits, and what a trace holds against them.

use opentelemetry::trace::{TraceId, TraceState};

use super::state;

const DIGITS_MAX: usize = 14;
/// How many values the randomness of a trace has: 2^56.
const POPULATION: u64 = 1 << 56;
/// Significant digits of a threshold, so that the state stays short.
const DIGITS: u32 = 4;

/// A probability as it is compared and told.
#[derive(Debug)]
pub(crate) struct Odds {
    /// Keep iff the randomness is at least this; `None` for probability 0, for which there is no threshold.
    pub(crate) threshold: Option<u64>,
    /// Of `ot=th`.
    pub(crate) digits: String,
    /// What a trace carries that had no state before: made once, because most have none.
    pub(crate) alone: TraceState,
}

impl Odds {
    pub(crate) fn of(probability: f64) -> Self {
        // Not `<`: what is no number is never kept.
        let told = probability >= smallest();
        let threshold = told.then(|| threshold_of(probability.min(1.0)));
        let digits = threshold.map(format).unwrap_or_default();
        Odds { threshold, alone: state::with_threshold(&TraceState::NONE, &digits), digits }
    }
}

#[allow(clippy::cast_precision_loss)] // a power of two
fn population() -> f64 {
    POPULATION as f64
}

fn smallest() -> f64 {
    1.0 / population()
}

/// Rounds as the OpenTelemetry Collector does: four digits after the leading zeros and fs.
fn threshold_of(probability: f64) -> u64 {
    let rest = 1.0 - probability;
    if rest <= 0.0 {
        return 0;
    }
    let leading = exponent(probability).max(exponent(rest)) / 4;
    let digits = (DIGITS + leading).min(14);
    // Between 1 and 2^56, whole.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let threshold = POPULATION - (probability * population()).round() as u64;
    match 4 * (14 - digits) {
        0 => threshold,
        shift => (threshold + (1 << (shift - 1))) >> shift << shift,
    }
}

/// The n of x = m / 2^n with m from a half up to 1, for x from 2^-56 up to 1.
fn exponent(x: f64) -> u32 {
    let biased = u32::try_from(x.to_bits() >> 52).unwrap_or(0);
    1022_u32.saturating_sub(biased)
}

fn format(threshold: u64) -> String {
    let digits = format!("{threshold:014x}");
    match digits.trim_end_matches('0') {
        "" => "0".to_owned(),
        digits => digits.to_owned(),
    }
}

/// Reads 1 to 14 lower-case digits, which stand for the left of 14.
pub(crate) fn parse(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > DIGITS_MAX {
        return None;
    }
    let lower = text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let value = u64::from_str_radix(text, 16).ok().filter(|_| lower)?;
    Some(value << (4 * (DIGITS_MAX - text.len())))
}

/// `rv` where the member has a good one, else the last seven bytes of the trace id.
pub(crate) fn randomness(member: &str, id: TraceId) -> u64 {
    let told = state::part(member, "rv:").filter(|digits| digits.len() == DIGITS_MAX).and_then(parse);
    told.unwrap_or_else(|| {
        let [.., a, b, c, d, e, f, g] = id.to_bytes();
        u64::from_be_bytes([0, a, b, c, d, e, f, g])
    })
}
