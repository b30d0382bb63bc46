//! The filters of lists and of events.

use super::answer::{Failed, invalid};
use serde_json::Value;
use std::collections::BTreeMap;

/// Words by the kind of filter; a kind that is not there lets all pass.
#[derive(Debug, Default, Clone)]
pub(super) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// From the query's `filters`, which come as lists or as maps.
    pub(super) fn parse(query: &BTreeMap<String, String>) -> Result<Self, Failed> {
        let Some(text) = query.get("filters").filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        let value: BTreeMap<String, Value> =
            serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let words = |value: Value| match value {
            Value::Array(words) => {
                words.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Value::Object(words) => words.into_iter().map(|(word, _)| word).collect(),
            _ => Vec::new(),
        };
        Ok(Self(value.into_iter().map(|(kind, value)| (kind, words(value))).collect()))
    }

    /// Whether one of the kind's words fits.
    pub(super) fn any(&self, kind: &str, fits: impl Fn(&str) -> bool) -> bool {
        self.0.get(kind).is_none_or(|words| words.iter().any(|word| fits(word)))
    }

    /// Whether the labels have all that are asked for, `key` or `key=value`.
    pub(super) fn labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |word: &String| match word.split_once('=') {
            Some((key, value)) => labels.get(key).map(String::as_str) == Some(value),
            None => labels.contains_key(word),
        };
        self.0.get("label").is_none_or(|words| words.iter().all(has))
    }

    /// The labels that are asked for with a value.
    pub(super) fn valued_labels(&self) -> BTreeMap<String, String> {
        let words = self.words("label").iter();
        let pairs = words.filter_map(|word| word.split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The words of a kind.
    pub(super) fn words(&self, kind: &str) -> &[String] {
        self.0.get(kind).map_or(&[], Vec::as_slice)
    }
}
