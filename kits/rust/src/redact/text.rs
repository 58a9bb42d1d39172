//! Finding secrets in text, by hand and not by regular expressions: each scan is linear, and reads the same in both kits. Only ASCII
//! is looked at, so cuts never fall inside a character. `None` means that nothing was found.

use super::REDACTED;

pub(super) fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_'
}

pub(super) fn is_space(c: u8) -> bool {
    c == b' ' || (b'\t'..=b'\r').contains(&c)
}

pub(super) fn is_name(c: u8) -> bool {
    is_word(c) || matches!(c, b'-' | b'.' | b'[' | b']')
}

/// Both alphabets, and what separates the parts of a JSON web token.
fn is_base64(c: u8) -> bool {
    is_word(c) || matches!(c, b'-' | b'.' | b'~' | b'+' | b'/' | b'=')
}

fn word_before(s: &str, at: usize) -> bool {
    at > 0 && is_word(s.as_bytes()[at - 1])
}

/// From `at`, where bytes stop being of a kind.
pub(super) fn end_of(s: &str, at: usize, kind: impl Fn(u8) -> bool) -> usize {
    s.as_bytes()[at..].iter().position(|c| !kind(*c)).map_or(s.len(), |length| at + length)
}

/// Builds a text with parts replaced, and copies nothing as long as there are none.
pub(super) struct Edit<'a> {
    from: &'a str,
    out: String,
    /// How much of `from` is in `out`.
    pub(super) done: usize,
}

impl<'a> Edit<'a> {
    pub(super) fn new(from: &'a str) -> Self {
        Edit { from, out: String::new(), done: 0 }
    }

    pub(super) fn redact(&mut self, start: usize, end: usize) {
        self.out.push_str(&self.from[self.done..start]);
        self.out.push_str(REDACTED);
        self.done = end;
    }

    pub(super) fn finish(mut self) -> Option<String> {
        if self.done == 0 {
            return None;
        }
        self.out.push_str(&self.from[self.done..]);
        Some(self.out)
    }
}

/// What stands between `://` and the last `@` of the authority.
pub(super) fn user_info(s: &str) -> Option<String> {
    let mut edit = Edit::new(s);
    let mut at = 0;
    while let Some(next) = s[at..].find("://") {
        let start = at + next + 3;
        let end = end_of(s, start, |c| !is_space(c) && !b"/?#\"'<>".contains(&c));
        if let Some(length) = s[start..end].rfind('@')
            && length > 0
            && &s[start..start + length] != REDACTED
        {
            edit.redact(start, start + length);
        }
        at = end;
    }
    edit.finish()
}

/// JSON web tokens, which begin with the base64 of `{"`.
pub(super) fn web_tokens(s: &str) -> Option<String> {
    let mut edit = Edit::new(s);
    let mut at = 0;
    while let Some(next) = s[at..].find("eyJ") {
        let start = at + next;
        let end = end_of(s, start, |c| is_word(c) || c == b'-' || c == b'.');
        let mut parts = s[start..end].trim_end_matches('.').split('.').map(str::len);
        let (header, claims) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if !word_before(s, start) && header > 10 && claims > 7 {
            edit.redact(start, end);
        }
        at = end;
    }
    edit.finish()
}

/// What follows the words bearer and basic, when it looks like a credential and not like prose.
pub(super) fn credentials(s: &str) -> Option<String> {
    let mut edit = Edit::new(s);
    let mut at = 0;
    while at < s.len() {
        let start = if s.as_bytes()[at] | 0x20 == b'b' && !word_before(s, at) { scheme_end(s, at) } else { None };
        let Some(start) = start else {
            at += 1;
            continue;
        };
        let end = end_of(s, start, is_base64);
        let credential = s[start..end].trim_end_matches('.');
        at = start;
        if is_credential(credential) {
            edit.redact(start, start + credential.len());
            at = end;
        }
    }
    edit.finish()
}

/// Where the credential begins after a scheme at `at`.
fn scheme_end(s: &str, at: usize) -> Option<usize> {
    ["bearer", "basic"].iter().find_map(|scheme| {
        let end = at + scheme.len();
        let word = s.as_bytes().get(at..end)?;
        if !word.eq_ignore_ascii_case(scheme.as_bytes()) || s.as_bytes().get(end) != Some(&b' ') {
            return None;
        }
        Some(end_of(s, end, |c| c == b' '))
    })
}

fn is_credential(s: &str) -> bool {
    let telling = |(at, c): (usize, u8)| c.is_ascii_digit() || c == b'=' || at > 0 && c.is_ascii_uppercase();
    s.len() >= 8 && s.bytes().enumerate().any(telling)
}

/// 13 to 19 digits, in groups parted by single spaces or hyphens, with an issuer's prefix and a right check digit.
pub(super) fn cards(s: &str) -> Option<String> {
    let bytes = s.as_bytes();
    let mut edit = Edit::new(s);
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let mut groups = Vec::new();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        while digit(at) {
            let end = end_of(s, at, |c| c.is_ascii_digit());
            groups.push((at, end));
            at = end;
            if matches!(bytes.get(at), Some(b' ' | b'-')) && digit(at + 1) {
                at += 1;
            }
        }
        let mut first = 0;
        while first < groups.len() {
            let most = groups.len().min(first + CARD_DIGITS_MAX);
            let found = (first..most).rev().find(|last| {
                let (start, end) = (groups[first].0, groups[*last].1);
                stands_alone(s, start, end) && is_card(&s[start..end])
            });
            if let Some(last) = found {
                edit.redact(groups[first].0, groups[last].1);
                first = last;
            }
            first += 1;
        }
    }
    edit.finish()
}

/// Not part of a word or of a fraction.
fn stands_alone(s: &str, start: usize, end: usize) -> bool {
    let bytes = s.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let word = word_before(s, start) || bytes.get(end).is_some_and(|c| is_word(*c));
    let after_point = start > 1 && bytes[start - 1] == b'.' && digit(start - 2);
    let before_point = bytes.get(end) == Some(&b'.') && digit(end + 1);
    !word && !after_point && !before_point
}

const CARD_DIGITS_MIN: usize = 13;
const CARD_DIGITS_MAX: usize = 19;

pub(super) fn is_card(s: &str) -> bool {
    let digits: Vec<u32> =
        s.bytes().filter(u8::is_ascii_digit).take(CARD_DIGITS_MAX + 1).map(|c| u32::from(c - b'0')).collect();
    if !(CARD_DIGITS_MIN..=CARD_DIGITS_MAX).contains(&digits.len()) {
        return false;
    }
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let weigh = |(at, digit): (usize, &u32)| if at % 2 == 1 { doubled(*digit) } else { *digit };
    let sum: u32 = digits.iter().rev().enumerate().map(weigh).sum();
    let prefix = digits.iter().take(4).fold(0, |prefix, digit| prefix * 10 + digit);
    sum.is_multiple_of(10) && has_issuer(prefix, digits.len())
}

/// Knows the first four digits and the length of the cards in use (ISO/IEC 7812).
fn has_issuer(prefix: u32, length: usize) -> bool {
    match prefix {
        4000..=4999 => matches!(length, 13 | 16 | 19),           // Visa
        5100..=5599 | 2221..=2720 => length == 16,               // Mastercard
        3400..=3499 | 3700..=3799 => length == 15,               // American Express
        3600..=3699 | 3800..=3999 | 3000..=3059 => length >= 14, // Diners Club
        6011 | 6500..=6599 | 6440..=6499 | 6200..=6299 | 3528..=3589 => length >= 16, // Discover, UnionPay, JCB
        5000..=5099 | 5600..=5899 | 6304 | 6759 | 6761..=6763 => true, // Maestro
        _ => false,
    }
}
