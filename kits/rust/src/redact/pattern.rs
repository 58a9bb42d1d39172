//! The subset of regular expressions that RE2 and this crate's engine read alike. `\d`, `\w`, `\s` and `\b` are ASCII, as RE2 has
//! them; this engine has them Unicode, so they are written out.

use regex::Regex;

const PATTERN_BYTES_MAX: usize = 256;
/// Of one repetition; RE2 refuses more.
const REPEATS_MAX: u32 = 1000;

pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("a rule has 1 to {PATTERN_BYTES_MAX} bytes"));
    }
    let regex = Regex::new(&translate(pattern)?).map_err(|error| error.to_string())?;
    if regex.is_match("") {
        return Err("it matches nothing".into());
    }
    Ok(regex)
}

/// The pattern in this engine's syntax, or why it is not portable.
fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let size = match c {
            '\\' => escape(rest, false, &mut out)?,
            '[' => class(rest, &mut out)?,
            _ => {
                match c {
                    '(' => group(rest)?,
                    '{' => repetition(rest)?,
                    '*' | '+' | '?' | '}' if rest[1..].starts_with(['+', '*', '{']) => {
                        return Err("repetitions of repetitions are not portable".into());
                    }
                    _ => {}
                }
                out.push(c);
                c.len_utf8()
            }
        };
        rest = rest.get(size..).unwrap_or_default();
    }
    Ok(out)
}

/// Translates the escape `p` begins with, and returns its length.
fn escape(p: &str, in_class: bool, out: &mut String) -> Result<usize, String> {
    let Some(c) = p.chars().nth(1) else {
        return Err("it ends with a backslash".into());
    };
    let ascii = match (c, in_class) {
        ('d', false) => "[0-9]",
        ('w', false) => "[0-9A-Za-z_]",
        ('s', false) => "[\\t\\n\\f\\r ]",
        ('D', false) => "[^0-9]",
        ('W', false) => "[^0-9A-Za-z_]",
        ('S', false) => "[^\\t\\n\\f\\r ]",
        ('b', false) => "(?-u:\\b)",
        ('A', false) => "\\A",
        ('z', false) => "\\z",
        ('d', true) => "0-9",
        ('w', true) => "0-9A-Za-z_",
        ('s', true) => "\\t\\n\\f\\r ",
        ('t' | 'n' | 'r' | 'f' | 'v', _) => p.get(..2).unwrap_or_default(),
        ('x', _) => match p.get(2..4) {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                out.push_str(p.get(..4).unwrap_or_default());
                return Ok(4);
            }
            _ => return Err("the escape \\x is not portable".into()),
        },
        (c, _) if c.is_ascii_punctuation() && c != '_' => {
            out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
            return Ok(2);
        }
        _ => return Err(format!("the escape \\{c} is not portable")),
    };
    out.push_str(ascii);
    Ok(2)
}

/// Translates the class `p` begins with, and returns its length.
fn class(p: &str, out: &mut String) -> Result<usize, String> {
    out.push('[');
    let mut at = 1;
    if p[at..].starts_with('^') {
        out.push('^');
        at += 1;
    }
    let first = at;
    while let Some(c) = p[at..].chars().next() {
        let rest = &p[at..];
        if c == ']' && at == first {
            return Err("a class without members is not portable".into());
        }
        if c == ']' {
            out.push(']');
            return Ok(at + 1);
        }
        if c == '[' || ["&&", "--", "~~"].iter().any(|set| rest.starts_with(set)) {
            return Err("classes of classes are not portable".into());
        }
        if c == '\\' {
            at += escape(rest, true, out)?;
            continue;
        }
        out.push(c);
        at += c.len_utf8();
    }
    Err("a class is not closed".into())
}

/// Looks at the opening of a group.
fn group(p: &str) -> Result<(), String> {
    let Some(rest) = p.strip_prefix("(?").filter(|rest| !rest.starts_with("P<")) else {
        return Ok(());
    };
    let flags = rest.trim_start_matches(['i', 'm', 's']);
    if flags.starts_with(':') || flags.starts_with(')') && flags.len() < rest.len() {
        return Ok(());
    }
    Err("only groups (…), (?:…), (?P<name>…) and the flags i, m and s are portable".into())
}

/// Looks at a repetition's bounds.
fn repetition(p: &str) -> Result<(), String> {
    let bounds = p[1..].split('}').next().unwrap_or_default();
    let large = |bound: &str| !bound.is_empty() && !bound.parse::<u32>().is_ok_and(|count| count <= REPEATS_MAX);
    if bounds.split(',').any(large) {
        return Err(format!("a repetition has bounds up to {REPEATS_MAX}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_rule_is_refused_or_does_not_match_nothing(pattern in "\\PC{0,40}|[\\[\\](){}*+?|\\\\^$.a-z0-9-]{0,40}") {
            if let Ok(regex) = compile(&pattern) {
                proptest::prop_assert!(!regex.is_match(""));
            }
        }
    }
}
