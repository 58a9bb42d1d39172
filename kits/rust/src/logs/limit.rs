//! How many log records a call site may emit (`spec/vectors/log-rate.json`).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// How many call sites are told apart; the others share one bucket.
const SITES_MAX: usize = 1024;

/// Gives every call site a bucket of tokens.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    per_second: u64,
    sites: Mutex<HashMap<Option<K>, Bucket>>,
}

/// Counts in thousandths of a record.
#[derive(Debug)]
struct Bucket {
    level: u64,
    last_ms: u64,
    held: u64,
}

impl<K: Eq + Hash> Limiter<K> {
    pub(crate) fn new(per_second: u32) -> Self {
        Limiter { per_second: per_second.into(), sites: Mutex::default() }
    }

    /// How many records were held back before this one, or `None` when this one is to be held back too.
    pub(crate) fn admit(&self, site: K, now_ms: u64) -> Option<u64> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Some(site);
        let key = if sites.len() >= SITES_MAX && !sites.contains_key(&key) { None } else { key };
        let full = self.per_second * 1000;
        let bucket = sites.entry(key).or_insert(Bucket { level: full, last_ms: now_ms, held: 0 });
        let passed = now_ms.saturating_sub(bucket.last_ms).min(1000);
        bucket.level = full.min(bucket.level + passed * self.per_second);
        bucket.last_ms = bucket.last_ms.max(now_ms);
        if bucket.level < 1000 {
            bucket.held += 1;
            return None;
        }
        bucket.level -= 1000;
        Some(std::mem::take(&mut bucket.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn it_admits_what_both_kits_agreed_on() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../../spec/vectors/log-rate.json")).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() >= 8);
        for case in cases {
            let per_second = case["per_s"].as_u64().and_then(|rate| rate.try_into().ok()).expect("per_s");
            let limiter = Limiter::new(per_second);
            for record in case["records"].as_array().expect("records") {
                let held = limiter.admit("site", record["at_ms"].as_u64().expect("at_ms"));
                assert_eq!(Some(held.is_some()), record["admitted"].as_bool(), "{}: {record}", case["name"]);
                assert_eq!(Some(held.unwrap_or(0)), record["held_back"].as_u64(), "{}: {record}", case["name"]);
            }
        }
    }

    #[test]
    fn call_sites_are_bounded() {
        let limiter = Limiter::new(1);
        let admitted = (0..2 * SITES_MAX).filter(|site| limiter.admit(*site, 0).is_some()).count();
        assert_eq!(admitted, SITES_MAX + 1);
        assert_eq!(limiter.sites.lock().expect("lock").len(), SITES_MAX + 1);
    }
}
