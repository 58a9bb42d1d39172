//! How long to wait before an export is tried again, and what an answer means: pure functions, the same in every kit
//! (`spec/vectors/backoff.json`). Times are milliseconds.

use std::time::Duration;

const RETRY_FIRST_MS: u64 = 100;
const RETRY_MAX_MS: u64 = 1000;
/// A longer Retry-After is cut to this.
const ASKED_MAX_MS: u64 = 300_000;
/// A batch is not kept in memory for longer.
const HELD_MAX_MS: u64 = 30_000;

/// `SplitMix64`: small, seeded, and the same in every language.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Full jitter: a number from 0 to `most`.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        let product = u128::from(self.next()) * (u128::from(most) + 1);
        u64::try_from(product >> 64).unwrap_or(most)
    }

    /// The jitter before a retry; the first is number 0.
    pub(crate) fn retry_wait(&mut self, retry: u32) -> u64 {
        self.up_to(RETRY_MAX_MS.min(RETRY_FIRST_MS << retry.min(10)))
    }
}

/// What became of one try to export. Only `Failed` and `Retryable` count for the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    /// The receiver is well and will never want this.
    Rejected,
    Failed,
    Retryable,
}

impl Outcome {
    pub(crate) fn of_http(status: u16) -> Self {
        match status {
            200..=299 => Outcome::Delivered,
            400 | 401 | 403 | 404 | 413 => Outcome::Rejected,
            429 | 502 | 503 | 504 => Outcome::Retryable,
            _ => Outcome::Failed,
        }
    }

    /// The outcome a gRPC code means, and how long the status asks to wait, in milliseconds. Without a RetryInfo, `told`, an exhausted
    /// resource is not asked again.
    #[cfg(any(feature = "grpc-export", test))]
    pub(crate) fn of_grpc(code: u64, told: Option<Duration>) -> (Self, Option<u64>) {
        match code {
            0 => (Outcome::Delivered, None),
            // INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED
            3 | 5 | 7 | 12 | 16 => (Outcome::Rejected, None),
            // RESOURCE_EXHAUSTED
            8 if told.is_none() => (Outcome::Failed, None),
            // CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS
            1 | 4 | 8 | 10 | 11 | 14 | 15 => {
                let asked = |delay: Duration| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX).min(ASKED_MAX_MS);
                (Outcome::Retryable, told.map(asked))
            }
            _ => (Outcome::Failed, None),
        }
    }
}

/// Reads a Retry-After header: milliseconds to wait from `now`, which is the time since 1970. `None`: it says nothing.
pub(crate) fn retry_after(header: &str, now: Duration) -> Option<u64> {
    let header = header.trim_matches([' ', '\t']);
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds: u64 = header.parse().unwrap_or(u64::MAX);
        return Some(seconds.saturating_mul(1000).min(ASKED_MAX_MS));
    }
    let wait = u128::from(imf_fixdate(header)?) * 1000;
    let wait = wait.saturating_sub(now.as_millis());
    Some(u64::try_from(wait).unwrap_or(u64::MAX).min(ASKED_MAX_MS))
}

/// `Fri, 27 Nov 2026 10:00:00 GMT` as seconds since 1970. The name of the day is not checked against the date.
fn imf_fixdate(text: &str) -> Option<u64> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    if text.len() != 29 || !text.is_ascii() || !text.ends_with(" GMT") {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|part| part.parse::<u64>().ok())
    };
    let marks = [(3, ", "), (7, " "), (11, " "), (16, " "), (19, ":"), (22, ":")];
    let marked = marks.iter().all(|(at, mark)| text.get(*at..).is_some_and(|rest| rest.starts_with(mark)));
    if !marked || !DAYS.contains(&text.get(..3)?) {
        return None;
    }
    let (day, year) = (number(5, 7)?, number(12, 16)?);
    let month = MONTHS.iter().position(|name| text.get(8..11) == Some(name))?;
    let (hour, minute, second) = (number(17, 19)?, number(20, 22)?, number(23, 25)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if year < 1970 || day == 0 || day > *lengths.get(month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + lengths.iter().take(month).sum::<u64>() + day - 1;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// What to do with a batch after a retryable failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Drop,
    /// After so many milliseconds, within the same export.
    Retry(u64),
    /// After so many milliseconds, as an export of its own.
    Hold(u64),
}

/// Decides about a batch whose export began `elapsed` ago. `asked` is what Retry-After said.
pub(crate) fn plan(elapsed: u64, budget: u64, jitter: u64, asked: Option<u64>, held: bool) -> Step {
    let wait = jitter.max(asked.unwrap_or(0));
    if elapsed + wait <= budget {
        return Step::Retry(wait);
    }
    match asked {
        Some(asked) if asked <= HELD_MAX_MS && !held => Step::Hold(asked),
        _ => Step::Drop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn it_decides_as_both_kits_agreed() {
        let vectors: Value = serde_json::from_str(include_str!("../../../../spec/vectors/backoff.json")).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() >= 70);
        for case in cases {
            let name = &case["name"];
            if let Some(seed) = case["seed"].as_str() {
                let mut random = Random(seed.parse().expect("seed"));
                let waits: Vec<_> = (0..8).map(|retry| random.retry_wait(retry)).collect();
                assert_eq!(json!(waits), case["waits_ms"], "{name}");
            } else if let Some(header) = case["retry_after"].as_str() {
                let now = case["now"].as_str().map(|now| imf_fixdate(now).expect("now")).unwrap_or_default();
                assert_eq!(json!(retry_after(header, Duration::from_secs(now))), case["wait_ms"], "{name}");
            } else if let Some(outcome) = case["outcome"].as_str() {
                let (got, asked) = match (case["http_status"].as_u64(), case["grpc_code"].as_u64()) {
                    (Some(status), _) => (Outcome::of_http(status.try_into().expect("status")), None),
                    (_, code) => {
                        let told = case["retry_info_ms"].as_u64().map(Duration::from_millis);
                        Outcome::of_grpc(code.expect("code"), told)
                    }
                };
                assert_eq!(format!("{got:?}").to_lowercase(), outcome, "{name}");
                assert_eq!(json!(asked), case["wait_ms"], "{name}");
            } else {
                let input = &case["plan"];
                let number = |key: &str| input[key].as_u64();
                let [elapsed, budget, jitter] =
                    ["elapsed_ms", "budget_ms", "jitter_ms"].map(|key| number(key).expect("number"));
                let held = input["held"].as_bool().expect("held");
                let (then, wait) = match plan(elapsed, budget, jitter, number("retry_after_ms"), held) {
                    Step::Drop => ("drop", 0),
                    Step::Retry(wait) => ("retry", wait),
                    Step::Hold(wait) => ("hold", wait),
                };
                assert_eq!((json!(then), json!(wait)), (case["then"].clone(), case["wait_ms"].clone()), "{name}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn nobody_waits_longer_than_is_reasonable(header in "\\PC*", now in 0u64..4_000_000_000) {
            let wait = retry_after(&header, Duration::from_secs(now));
            proptest::prop_assert!(wait.unwrap_or_default() <= ASKED_MAX_MS);
        }

        #[test]
        fn any_date_is_read_without_a_panic(
            text in "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
        ) {
            let _ = retry_after(&text, Duration::ZERO);
        }
    }
}
