//! Makes SQL fit for telemetry: values are taken out of the text, and a summary with few distinct values is made for span names, such
//! as `SELECT orders`. The Go kit's `sqltext` does the same; both read leniently and keep what they do not understand, except values.

use std::borrow::Cow;

const TEXT_BYTES_MAX: usize = 2048;
const SUMMARY_BYTES_MAX: usize = 100;

/// What may be told about an SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Literals replaced by `?`, comments dropped, white space folded; at most [`TEXT_BYTES_MAX`] bytes.
    pub(crate) text: String,
    /// Upper-case first keyword, empty if there is none.
    pub(crate) operation: String,
    /// The operation and the tables it names.
    pub(crate) summary: String,
}

impl Statement {
    pub(crate) fn parse(sql: &str) -> Statement {
        let mut scanner = Scanner { rest: sql };
        let mut summary = Summary::default();
        let mut text = String::with_capacity(sql.len().min(TEXT_BYTES_MAX));
        let mut space = false;
        while let Some(token) = scanner.next() {
            if token == Token::Gap {
                space = !text.is_empty();
                continue;
            }
            summary.see(&token);
            let shown = token.shown();
            if text.len() + shown.len() + 1 > TEXT_BYTES_MAX {
                text.push('…');
                break;
            }
            if std::mem::take(&mut space) {
                text.push(' ');
            }
            text.push_str(shown);
        }
        let (operation, summary) = summary.finish();
        Statement { text, operation, summary }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// White space and comments.
    Gap,
    /// Keywords, and names with their dots: `public.orders`.
    Word(&'a str),
    /// `"Name"` or `` `name` ``, with its quotes and its dots: `"public"."Orders"`.
    Quoted(&'a str),
    /// Strings and numbers: what must not be told.
    Literal,
    /// Operators, brackets, placeholders.
    Mark(&'a str),
}

impl<'a> Token<'a> {
    fn shown(&self) -> &'a str {
        match self {
            Token::Gap => " ",
            Token::Word(text) | Token::Mark(text) | Token::Quoted(text) => text,
            Token::Literal => "?",
        }
    }
}

/// Cuts SQL into tokens. An unterminated string or comment reaches to the end, so no value slips out.
struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.rest;
        let first = rest.chars().next()?;
        let second = rest.chars().nth(1);
        if first.is_ascii_whitespace() {
            self.take(rest.find(|c: char| !c.is_ascii_whitespace()).unwrap_or(rest.len()));
            return Some(Token::Gap);
        }
        if rest.starts_with("--") {
            self.take(past(rest, 2, "\n"));
            return Some(Token::Gap);
        }
        if rest.starts_with("/*") {
            self.take(past(rest, 2, "*/"));
            return Some(Token::Gap);
        }
        Some(match (first, second) {
            ('\'', _) => self.literal(quoted_len(rest, '\'', false)),
            ('e' | 'E', Some('\'')) => self.literal(1 + quoted_len(rest.get(1..).unwrap_or_default(), '\'', true)),
            ('x' | 'X' | 'b' | 'B' | 'n' | 'N', Some('\'')) => {
                self.literal(1 + quoted_len(rest.get(1..).unwrap_or_default(), '\'', false))
            }
            ('"' | '`', _) => {
                let mut len = quoted_len(rest, first, false);
                while let Some(next) =
                    rest.get(len..).and_then(|rest| rest.strip_prefix('.')).filter(|next| next.starts_with(first))
                {
                    len += 1 + quoted_len(next, first, false);
                }
                Token::Quoted(self.take(len))
            }
            ('$', _) => self.dollar(),
            ('0'..='9', _) | ('.', Some('0'..='9')) => self.literal(number_len(rest)),
            _ if is_word_start(first) => {
                let end = rest.find(|c: char| !(is_word_start(c) || c.is_ascii_digit() || c == '.' || c == '$'));
                Token::Word(self.take(end.unwrap_or(rest.len())))
            }
            _ => Token::Mark(self.take(first.len_utf8())),
        })
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn literal(&mut self, bytes: usize) -> Token<'a> {
        self.take(bytes);
        Token::Literal
    }

    /// A placeholder `$1` or a dollar-quoted string `$tag$ … $tag$`.
    fn dollar(&mut self) -> Token<'a> {
        let rest = self.rest;
        let after = rest.get(1..).unwrap_or_default();
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        if digits > 0 {
            return Token::Mark(self.take(1 + digits));
        }
        let name = after.find(|c: char| !(is_word_start(c) || c.is_ascii_digit())).unwrap_or(after.len());
        match rest.get(..name + 2) {
            Some(tag) if tag.ends_with('$') => self.literal(past(rest, tag.len(), tag)),
            _ => Token::Mark(self.take(1)),
        }
    }
}

fn is_word_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic() || !c.is_ascii()
}

/// The index behind the next `mark` at or after `from`.
fn past(text: &str, from: usize, mark: &str) -> usize {
    let found = text.get(from..).and_then(|rest| rest.find(mark));
    found.map_or(text.len(), |at| from + at + mark.len())
}

/// Length of a quoted run; a doubled quote stands for itself, and so does what follows a backslash if that escapes.
fn quoted_len(text: &str, quote: char, backslash: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if backslash && c == '\\' {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

/// Length of `12`, `1.5`, `1e-9`, `0xff`.
fn number_len(text: &str) -> usize {
    let mut previous = '0';
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let digit_follows = characters.peek().is_some_and(|(_, next)| next.is_ascii_digit());
        let sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E') && digit_follows;
        if !(c.is_ascii_digit() || is_word_start(c) || c == '.' || sign) {
            return at;
        }
        previous = c;
    }
    text.len()
}

/// Collects the operation and the names after FROM, JOIN, INTO, UPDATE and TABLE.
#[derive(Default)]
struct Summary<'a> {
    operation: String,
    tables: Vec<Cow<'a, str>>,
    /// The next word names a table.
    expect: bool,
    /// A comma may bring another table.
    list: bool,
    last: String,
}

impl<'a> Summary<'a> {
    fn see(&mut self, token: &Token<'a>) {
        match *token {
            Token::Word(text) => self.see_word(text, text.to_ascii_uppercase()),
            Token::Quoted(name) => self.see_word(name, String::new()),
            Token::Mark(",") if self.list => self.expect = true,
            // A subquery: its own FROM will follow.
            Token::Mark("(") if self.expect => (self.expect, self.list) = (false, false),
            _ => {}
        }
    }

    fn see_word(&mut self, text: &'a str, upper: String) {
        if self.operation.is_empty() {
            self.expect = upper == "UPDATE" || upper == "TRUNCATE";
            self.operation.clone_from(&upper);
        } else {
            match upper.as_str() {
                "FROM" | "JOIN" | "INTO" | "TABLE" => (self.expect, self.list) = (true, upper == "FROM"),
                // Not FOR UPDATE, not ON CONFLICT DO UPDATE.
                "UPDATE" => self.expect = self.last != "FOR" && self.last != "DO",
                "ONLY" | "IF" | "NOT" | "EXISTS" | "LATERAL" => {}
                "WHERE" | "SET" | "ON" | "USING" | "GROUP" | "ORDER" | "HAVING" | "LIMIT" | "VALUES" | "RETURNING"
                | "SELECT" => (self.expect, self.list) = (false, false),
                _ if self.expect => {
                    self.expect = false;
                    let table = if upper.is_empty() { Cow::from(text.replace(['"', '`'], "")) } else { text.into() };
                    if !self.tables.contains(&table) {
                        self.tables.push(table);
                    }
                }
                _ => {}
            }
        }
        self.last = upper;
    }

    fn finish(self) -> (String, String) {
        let mut summary = self.operation.clone();
        for table in self.tables {
            if summary.len() + 1 + table.len() <= SUMMARY_BYTES_MAX {
                summary.push(' ');
                summary.push_str(&table);
            }
        }
        (self.operation, summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shared_vectors_hold() {
        let vectors = include_str!("../../../spec/vectors/sql.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).expect("JSON");
        let cases = vectors["cases"].as_array().expect("cases");
        assert!(cases.len() > 20);
        for case in cases {
            let text = |key: &str| case[key].as_str().expect("text").to_owned();
            let expected = Statement { text: text("text"), operation: text("operation"), summary: text("summary") };
            assert_eq!(Statement::parse(&text("sql")), expected, "{}", case["name"]);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_bounded(sql in "\\PC*") {
            let statement = Statement::parse(&sql);
            prop_assert!(statement.text.len() <= TEXT_BYTES_MAX + '…'.len_utf8());
        }

        #[test]
        fn a_string_never_shows(secret in "[a-z0-9' ]{8,20}") {
            let quoted = secret.replace('\'', "''");
            let statement = Statement::parse(&format!("SELECT * FROM t WHERE a = '{quoted}' AND b = 1"));
            prop_assert_eq!(statement.text, "SELECT * FROM t WHERE a = ? AND b = ?");
        }
    }
}
