//! From a tree to typed values: a serde deserializer over [`Node`].
//!
//! It exists for its errors: each knows which value it is about, what was expected and what was
//! found, and says so alike for YAML and JSON. Deliberately absent: enums with content, which the
//! manifest does not have.

use super::{
    fault::{Advice, Fault},
    foreign,
    node::{Node, Value},
    path::{Path, Step},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, IntoDeserializer, Visitor},
    forward_to_deserialize_any,
};
use std::collections::HashMap;

/// Reads a whole document.
pub(super) fn decode<'a, T: Deserialize<'a>>(root: &'a Node) -> Result<T, Fault> {
    T::deserialize(Decoder(root)).map_err(|fault| fault.within(None, None, root))
}

/// One value on its way into a type.
struct Decoder<'a>(&'a Node);

impl Decoder<'_> {
    fn wrong_type(&self, expected: &str, advice: Option<Advice>) -> Fault {
        Fault::new(format!("expected {expected}, found {}", self.0.describe()), advice)
    }

    fn not_a_number(&self, expected: &str) -> Fault {
        let advice = match &self.0.value {
            Value::Text(text) if text.parse::<f64>().is_ok() && !text.starts_with('0') => {
                Some(words("take the quotes away"))
            }
            _ => None,
        };
        self.wrong_type(expected, advice)
    }

    fn not_a_flag(&self) -> Fault {
        let advice = self.0.text().and_then(|text| match text.to_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => Some(words("write `true`, without quotes")),
            "no" | "off" | "n" | "false" => Some(words("write `false`, without quotes")),
            _ => None,
        });
        self.wrong_type("`true` or `false`", advice)
    }

    /// `known` are the fields that the mapping would have; none if a user chooses them.
    fn not_a_mapping(&self, known: &[&str]) -> Fault {
        let advice = match self.0.value {
            Value::Nothing => "write its fields on the next lines, two spaces further in",
            Value::List(_) => "take the `- ` or the brackets away",
            _ => "write it as `key: value`",
        };
        let fields = match known {
            [] => String::new(),
            _ => format!("; its fields are: {}", known.join(", ")),
        };
        self.wrong_type("a mapping", Some(words(&format!("{advice}{fields}"))))
    }

    fn visit_entries<'de, V: Visitor<'de>>(
        entries: &'de [(Node, Node)],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        refuse_duplicates(entries)?;
        visitor.visit_map(Entries { rest: entries.iter(), current: None })
    }

    fn not_a_list(&self) -> Fault {
        let advice = match self.0.value {
            Value::Nothing => "write `[]`, or leave the field out",
            Value::Mapping(_) => "put `- ` before every item, or `[` and `]` around all of them",
            _ => "put `[` and `]` around it",
        };
        self.wrong_type("a list", Some(words(advice)))
    }
}

fn words(text: &str) -> Advice {
    Advice::Words(text.to_owned())
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.0.value {
                Value::Unsigned(number) => visitor.visit_u64(number),
                Value::Signed(number) => visitor.visit_i64(number),
                _ => Err(self.not_a_number("a whole number")),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = Fault;

    whole_numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Nothing => visitor.visit_unit(),
            Value::Flag(flag) => visitor.visit_bool(*flag),
            Value::Unsigned(number) => visitor.visit_u64(*number),
            Value::Signed(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Mapping(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.value {
            Value::Flag(flag) => visitor.visit_bool(flag),
            _ => Err(self.not_a_flag()),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.value {
            Value::Float(number) => visitor.visit_f64(number),
            Value::Unsigned(number) => visitor.visit_u64(number),
            Value::Signed(number) => visitor.visit_i64(number),
            _ => Err(self.not_a_number("a number")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Nothing => {
                Err(self.wrong_type("text", Some(words("write \"\" if it is to be empty"))))
            }
            Value::List(_) | Value::Mapping(_) => Err(self.wrong_type("text", None)),
            _ => Err(self.wrong_type("text", Some(Advice::Quote))),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.value {
            Value::Nothing => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let Some(text) = self.0.text() else {
            let list = known.join(", ");
            return Err(self.wrong_type("a word", Some(words(&format!("write one of: {list}")))));
        };
        visitor.visit_enum(text.into_deserializer())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::List(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            _ => Err(self.not_a_list()),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Mapping(entries) => Self::visit_entries(entries, visitor),
            _ => Err(self.not_a_mapping(&[])),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Mapping(entries) => Self::visit_entries(entries, visitor),
            _ => Err(self.not_a_mapping(known)),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any
    }
}

/// A key that stands twice would otherwise win or lose silently.
fn refuse_duplicates(entries: &[(Node, Node)]) -> Result<(), Fault> {
    let mut seen = HashMap::new();
    for (key, _) in entries {
        let Some(name) = key.text() else { continue };
        if let Some(first) = seen.insert(name, key.mark) {
            let advice = Advice::Before { path: Path::root().field(name), mark: first };
            return Err(Fault::at(key.mark, format!("`{name}` is given twice"), Some(advice)));
        }
    }
    Ok(())
}

struct Items<'a>(std::iter::Enumerate<std::slice::Iter<'a, Node>>);

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((index, item)) = self.0.next() else { return Ok(None) };
        let read = seed.deserialize(Decoder(item));
        read.map(Some).map_err(|fault| fault.within(Some(Step::Item(index)), None, item))
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, (Node, Node)>,
    current: Option<&'a (Node, Node)>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.current = self.rest.next();
        let Some((key, _)) = self.current else { return Ok(None) };
        let read = seed.deserialize(Decoder(key));
        read.map(Some).map_err(|fault| fault.within(key.text().map(field), None, key))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, value)) = self.current else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(Decoder(value)).map_err(|fault| {
            let fault = match key.text().and_then(|name| counterpart(name, value, &fault)) {
                Some(advice) => fault.with_advice(advice),
                None => fault,
            };
            fault.within(key.text().map(field), Some(key), value)
        })
    }
}

/// What a refused value, or the refused item of a list, would be in our words.
fn counterpart(name: &str, value: &Node, fault: &Fault) -> Option<String> {
    match (fault.steps(), &value.value) {
        ([], _) => foreign::value(name, value, false),
        ([Step::Item(index)], Value::List(items)) => foreign::value(name, items.get(*index)?, true),
        _ => None,
    }
}

fn field(name: &str) -> Step {
    Step::Field(name.to_owned())
}
