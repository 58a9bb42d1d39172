//! Reading a document field by field: every problem is noted, and what is not said has its default.

use serde_json::{Map, Value};

/// A part of the document, where it stands, and what is wrong with all of it.
pub(super) struct Part<'a> {
    path: String,
    values: Option<&'a Map<String, Value>>,
}

pub(super) type Problems = Vec<String>;

pub(super) fn note(problems: &mut Problems, at: &str, what: &str) {
    problems.push(format!("{at} {what}"));
}

impl<'a> Part<'a> {
    pub(super) fn of(path: String, value: &'a Value, problems: &mut Problems) -> Self {
        let values = value.as_object();
        if values.is_none() {
            note(problems, &path, "is not an object");
        }
        Part { path, values }
    }

    pub(super) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// What is said: null is not.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.values?.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.values.into_iter().flatten()
    }

    pub(super) fn flag(&self, name: &str, otherwise: bool, problems: &mut Problems) -> bool {
        let Some(value) = self.get(name) else {
            return otherwise;
        };
        value.as_bool().unwrap_or_else(|| {
            note(problems, &self.at(name), "is neither true nor false");
            otherwise
        })
    }

    pub(super) fn number(&self, name: &str, least: f64, most: f64, problems: &mut Problems) -> Option<f64> {
        let value = self.get(name)?.as_f64().filter(|value| (least..=most).contains(value));
        if value.is_none() {
            note(problems, &self.at(name), &format!("is not a number from {least} to {most}"));
        }
        value
    }

    /// Bounds are whole numbers that a double holds.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    pub(super) fn whole(&self, name: &str, least: i64, most: i64, problems: &mut Problems) -> Option<i64> {
        let value = self.number(name, least as f64, most as f64, problems)?;
        if value.fract() != 0.0 {
            note(problems, &self.at(name), "is not a whole number");
            return None;
        }
        Some(value as i64)
    }

    pub(super) fn text(&self, name: &str, bytes_max: usize, problems: &mut Problems) -> String {
        self.get(name).map(|value| text(&self.at(name), value, bytes_max, true, problems)).unwrap_or_default()
    }

    pub(super) fn part(&self, name: &str, problems: &mut Problems) -> Part<'a> {
        match self.get(name) {
            Some(value) => Part::of(self.at(name), value, problems),
            None => Part { path: self.at(name), values: None },
        }
    }

    pub(super) fn list(&self, name: &str, most: usize, problems: &mut Problems) -> &'a [Value] {
        let Some(value) = self.get(name) else {
            return &[];
        };
        let Some(list) = value.as_array() else {
            note(problems, &self.at(name), "is not a list");
            return &[];
        };
        self.count(name, list.len(), most, problems);
        list
    }

    pub(super) fn count(&self, name: &str, entries: usize, most: usize, problems: &mut Problems) {
        if entries > most {
            note(problems, &self.at(name), &format!("has more than {most} entries"));
        }
    }
}

pub(super) fn text(at: &str, value: &Value, bytes_max: usize, empty_too: bool, problems: &mut Problems) -> String {
    match value.as_str() {
        None => note(problems, at, "is not a text"),
        Some("") if !empty_too => note(problems, at, "is empty"),
        Some(text) if text.len() > bytes_max => note(problems, at, &format!("has more than {bytes_max} bytes")),
        Some(text) => return text.to_owned(),
    }
    String::new()
}
