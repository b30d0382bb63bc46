//! A document as a tree of values, each with its place in the text.
//!
//! Between the reader of YAML or JSON and the typed manifest, so that whatever is refused later can
//! still be pointed at. Duplicate keys are kept: refusing them needs the words of `decode`.

use super::path::{Path, Step};
use serde::{Deserialize, Deserializer, de};
use serde_yaml::{Location, Spanned};
use std::fmt;

/// A place in the text, in lines and characters, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: usize,
    pub(super) column: usize,
    /// In characters; a list or a mapping is marked at its beginning only.
    pub(super) length: usize,
}

impl Mark {
    /// The beginning of the text.
    pub(super) const START: Self = Self { line: 1, column: 1, length: 0 };
}

impl From<Location> for Mark {
    fn from(location: Location) -> Self {
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        Self {
            line: number(location.line()).max(1),
            column: number(location.column()).max(1),
            length: number(location.span().len()),
        }
    }
}

/// A value and where it stands; JSON has no places.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) mark: Option<Mark>,
    pub(super) value: Value,
}

/// What YAML and JSON have in common.
#[derive(Debug)]
pub(super) enum Value {
    Nothing,
    Flag(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// What stands here, in words for an error.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Nothing => "nothing".to_owned(),
            Value::Flag(flag) => format!("`{flag}`"),
            Value::Unsigned(number) => format!("the number `{number}`"),
            Value::Signed(number) => format!("the number `{number}`"),
            // Its spelling is lost (`1.10` is 1.1), and the snippet shows it.
            Value::Float(_) => "a number with a fraction".to_owned(),
            Value::Text(text) => format!("the text `{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// The text that stands here, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The place of what `path` names, or of the nearest value above it that was written: a default
    /// has no place.
    pub(super) fn find(&self, path: &Path) -> Option<Mark> {
        let mut here = self;
        let mut mark = self.mark;
        for step in path.steps() {
            let below = match (&here.value, step) {
                (Value::List(items), Step::Item(index)) => {
                    items.get(*index).map(|item| (item, item))
                }
                (Value::Mapping(entries), Step::Field(name)) => entries
                    .iter()
                    .find(|(key, _)| key.text() == Some(name))
                    .map(|(key, value)| (key, value)),
                _ => None,
            };
            let Some((key, value)) = below else { break };
            // An empty flow list has a place; a block mapping's is that of its first key.
            mark = if value.is_block() { key.mark } else { value.mark };
            here = value;
        }
        mark
    }

    /// Whether it was written over lines below its key, so that the key is the better place.
    fn is_block(&self) -> bool {
        matches!(self.value, Value::Mapping(_)) && self.mark.is_some_and(|mark| mark.length == 0)
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { mark: Some(spanned.referenced.into()), value: spanned.value }
    }
}

impl From<serde_json::Value> for Node {
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let value = match json {
            Json::Null => Value::Nothing,
            Json::Bool(flag) => Value::Flag(flag),
            Json::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(unsigned), _) => Value::Unsigned(unsigned),
                (None, Some(signed)) => Value::Signed(signed),
                (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::Text(text),
            Json::Array(items) => Value::List(items.into_iter().map(Self::from).collect()),
            Json::Object(entries) => Value::Mapping(
                entries
                    .into_iter()
                    .map(|(key, value)| (Self::from(Json::from(key)), value.into()))
                    .collect(),
            ),
        };
        Self { mark: None, value }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> de::Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(u64::try_from(number).map_or(Value::Signed(number), Value::Unsigned))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Value>>()? {
            items.push(item.into());
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<Spanned<Value>, Spanned<Value>>()? {
            entries.push((key.into(), value.into()));
        }
        Ok(Value::Mapping(entries))
    }
}
