//! Withholding secrets from telemetry before it leaves the process, by the same rules in every kit (`spec/vectors/redaction.json`).

mod apply;
mod assign;
mod merge;
mod metrics;
mod pattern;
mod text;

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use regex::Regex;

/// Stands where something was withheld.
pub(crate) const REDACTED: &str = "[redacted]";

/// Rules one may add, of keys and of values.
const RULES_MAX: usize = 64;
const KEY_BYTES_MAX: usize = 128;
const REPLACEMENT_BYTES_MAX: usize = 64;

/// What is always denied.
const DEFAULT_KEYS: [&str; 35] = [
    "*authorization",
    "cookie",
    "cookies",
    "set_cookie",
    "*_cookie",
    "*password*",
    "*passwd*",
    "pwd",
    "*_pwd",
    "*passphrase*",
    "*secret*",
    "token",
    "*_token",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "*api_key",
    "*apikey",
    "*private_key",
    "privatekey",
    "*access_key",
    "accesskey",
    "awsaccesskeyid",
    "credential",
    "credentials",
    "*_credentials",
    "jwt",
    "sig",
    "signature",
    "*_signature",
    "card_number",
    "cardnumber",
    "cvv",
    "cvc",
];

/// Replaces what a regular expression matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValueRule {
    pub(crate) regex: String,
    pub(crate) with: String,
}

/// Finds one kind of secret; `None` when there is none.
type Scan<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is withheld. Immutable, so that readers never wait for one another.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    keys: Vec<String>,
    values: Vec<(Regex, String)>,
}

impl Default for Rules {
    /// The rules that always hold.
    fn default() -> Self {
        let keys = DEFAULT_KEYS.iter().chain(&["ssn"]).map(|key| normal(key)).collect();
        Rules { keys, values: Vec::new() }
    }
}

impl Rules {
    /// These rules and more, or what of those cannot be used.
    pub(crate) fn with(&self, keys: &[String], values: &[ValueRule]) -> Result<Self, String> {
        let mut more = self.clone();
        if keys.len() > RULES_MAX || values.len() > RULES_MAX {
            return Err(format!("more than {RULES_MAX} redaction rules"));
        }
        for key in keys {
            if key.trim_matches('*').is_empty() || key.len() > KEY_BYTES_MAX {
                let limit = KEY_BYTES_MAX;
                return Err(format!(
                    "redaction key {key:?} is empty, or longer than {limit} bytes, or matches everything"
                ));
            }
            more.keys.push(normal(key));
        }
        for rule in values {
            let regex =
                pattern::compile(&rule.regex).map_err(|error| format!("redaction rule {:?}: {error}", rule.regex))?;
            if rule.with.len() > REPLACEMENT_BYTES_MAX {
                let limit = REPLACEMENT_BYTES_MAX;
                return Err(format!("redaction rule {:?}: the replacement is longer than {limit} bytes", rule.regex));
            }
            more.values.push((regex, rule.with.clone()));
        }
        Ok(more)
    }

    /// Whether what has this name is withheld whatever its value.
    pub(crate) fn denied(&self, name: &str) -> bool {
        if name.is_empty() {
            return false;
        }
        let name = normal(name);
        let last = name.rsplit('.').next().unwrap_or(&name);
        let matches = |pattern: &String| {
            glob(pattern.as_bytes(), last.as_bytes())
                || last.len() < name.len() && glob(pattern.as_bytes(), name.as_bytes())
        };
        self.keys.iter().any(matches)
    }

    /// A text without what is withheld; `None` when that is nothing.
    pub(crate) fn text(&self, text: &str) -> Option<String> {
        let mut changed = Cow::Borrowed(text);
        let scans: [Scan<'_>; 5] = [
            &text::user_info,
            &text::web_tokens,
            &text::credentials,
            &|text| assign::assignments(self, text),
            &text::cards,
        ];
        for scan in scans {
            if let Some(text) = scan(&changed) {
                changed = Cow::Owned(text);
            }
        }
        for (regex, with) in &self.values {
            if regex.is_match(&changed) {
                changed = Cow::Owned(regex.replace_all(&changed, regex::NoExpand(with)).into_owned());
            }
        }
        match changed {
            Cow::Owned(redacted) if redacted != text => Some(redacted),
            _ => None,
        }
    }
}

/// The form names are compared in.
fn normal(name: &str) -> String {
    let map = |c: char| match c {
        '-' => Some('_'),
        '[' => Some('.'),
        ']' => None,
        _ => Some(c.to_ascii_lowercase()),
    };
    name.chars().filter_map(map).collect()
}

/// Matches all of `text`; only the last `*` is ever tried again.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((at, mark)) => {
                    *mark += 1;
                    (p, t) = (*at + 1, *mark);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == b'*')
}

/// The rules in force. The defaults and what the configuration adds always hold; [`set`](Redaction::set) replaces what was set before.
#[derive(Debug)]
pub(crate) struct Redaction {
    base: Rules,
    rules: RwLock<Arc<Rules>>,
}

impl Redaction {
    pub(crate) fn new(keys: &[String], values: &[ValueRule]) -> Result<Self, String> {
        let base = Rules::default().with(keys, values)?;
        Ok(Redaction { rules: RwLock::new(Arc::new(base.clone())), base })
    }

    /// Whether these could be set.
    #[cfg(feature = "control")]
    pub(crate) fn check(&self, keys: &[String], values: &[ValueRule]) -> Result<(), String> {
        self.base.with(keys, values).map(drop)
    }

    /// Replaces the rules that came at run time. When one cannot be used, all stay as they were.
    #[cfg_attr(not(any(test, feature = "control")), allow(dead_code))]
    pub(crate) fn set(&self, keys: &[String], values: &[ValueRule]) -> Result<(), String> {
        let next = Arc::new(self.base.with(keys, values)?);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Redaction {
    fn default() -> Self {
        let base = Rules::default();
        Redaction { rules: RwLock::new(Arc::new(base.clone())), base }
    }
}
