//! What is wrong with a document, before it is shown: words, advice and, where there is one, a
//! place.
//!
//! It is the error type of the decoder, so serde's own complaints are put into our words here.

use super::{
    error::{ManifestError, Source},
    foreign,
    node::{Mark, Node},
    path::{Path, Step},
};
use serde::de::{self, Unexpected};
use std::{fmt, sync::Arc};

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Fault {
    /// What is wrong.
    what: String,
    /// How to mend it. Boxed, as a fault is returned by value through many frames.
    advice: Option<Box<Advice>>,
    /// Which value it is about.
    path: Path,
    place: Place,
}

/// How to mend a fault. Some advice depends on whether the document is YAML or JSON.
#[derive(Debug)]
pub(super) enum Advice {
    Words(String),
    /// A number or a flag stands where text is needed.
    Quote,
    /// The same was said before, there.
    Before {
        path: Path,
        mark: Option<Mark>,
    },
}

/// Where the fault is, as far as that is known.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In the value that is being read; whoever reads it knows where it is.
    Value,
    /// Not in the value but that something is not in it; its key shows that best.
    Absence,
    Known(Option<Mark>),
}

impl Fault {
    /// A fault of the value that is being read.
    pub(super) fn new(what: String, advice: Option<Advice>) -> Self {
        Self { what, advice: advice.map(Box::new), path: Path::root(), place: Place::Value }
    }

    /// A fault whose place is known.
    pub(super) fn at(mark: Option<Mark>, what: String, advice: Option<Advice>) -> Self {
        Self { place: Place::Known(mark), ..Self::new(what, advice) }
    }

    /// The same fault with the value that it is about, counted from the root.
    pub(super) fn about(self, path: Path) -> Self {
        Self { path, ..self }
    }

    /// The same fault with better advice.
    pub(super) fn with_advice(self, words: String) -> Self {
        Self { advice: Some(Box::new(Advice::Words(words))), ..self }
    }

    /// The steps from the value that is being read to the one that it is about.
    pub(super) fn steps(&self) -> &[Step] {
        self.path.steps()
    }

    /// Adds where it happened, unless somebody deeper did, and one step of the path.
    pub(super) fn within(self, step: Option<Step>, key: Option<&Node>, value: &Node) -> Self {
        let mark = match (self.place, key) {
            (Place::Known(mark), _) => mark,
            (Place::Absence, Some(key)) => key.mark.or(value.mark),
            (Place::Absence | Place::Value, _) => value.mark,
        };
        let path = match step {
            Some(step) => self.path.below(step),
            None => self.path,
        };
        Self { what: self.what, advice: self.advice, path, place: Place::Known(mark) }
    }

    /// The error that shows the place in the text.
    pub(super) fn locate(self, source: &Arc<Source>) -> ManifestError {
        let mark = match self.place {
            Place::Known(Some(mark)) => mark,
            _ => Mark::START,
        };
        let help = self.advice.map(|advice| match *advice {
            Advice::Words(words) => words,
            Advice::Quote => {
                let spelling = super::error::slice(source.inner(), mark);
                format!("put it in quotes: \"{spelling}\"")
            }
            Advice::Before { mark: Some(first), .. } => {
                format!("the first one is in line {}", first.line)
            }
            Advice::Before { path, mark: None } => format!("the first one is `{path}`"),
        });
        ManifestError::new(source, mark, &self.what, help.as_deref())
    }
}

/// For a document without lines: the path takes the place of the line.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.to_string();
        let path = if path.is_empty() { "the manifest" } else { &path };
        write!(f, "{path}: {}", self.what)?;
        match self.advice.as_deref() {
            None => Ok(()),
            Some(Advice::Words(words)) => write!(f, "; {words}"),
            Some(Advice::Quote) => f.write_str("; make it a JSON string"),
            Some(Advice::Before { path, .. }) => write!(f, "; the first one is `{path}`"),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    /// What a checked type says of its text.
    fn custom<T: fmt::Display>(words: T) -> Self {
        let words = words.to_string();
        match words.rsplit_once("; ") {
            // Not within a value that is quoted.
            Some((what, advice)) if what.matches('`').count().is_multiple_of(2) => {
                Self::new(what.to_owned(), Some(Advice::Words(advice.to_owned())))
            }
            _ => Self::new(words, None),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = plain(expected);
        // What a type expects may end with an example, which is advice.
        let (expected, example) = match expected.split_once(" such as ") {
            Some((expected, example)) => (expected, Some(format!("write for example {example}"))),
            None => (expected.as_str(), None),
        };
        let what = format!("expected {expected}, found {}", describe(found));
        Self::new(what, example.map(Advice::Words))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let advice = Advice::Words(format!("write {}", plain(expected)));
        Self::new(format!("{} is out of range", describe(found)), Some(advice))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let list = known.join(", ");
        let (guess, advice) = match foreign::field(field, known) {
            Some(advice) => (String::new(), format!("{advice}; ")),
            None => (did_you_mean(field, known), String::new()),
        };
        let advice = format!("{advice}the fields here are: {list}");
        Self::new(format!("unknown field `{field}`{guess}"), Some(Advice::Words(advice)))
    }

    fn unknown_variant(value: &str, known: &'static [&'static str]) -> Self {
        let advice = match known {
            [only] => format!("write `{only}`"),
            _ => format!("write one of: {}", known.join(", ")),
        };
        let advice = match foreign::word(value) {
            Some(foreign) => foreign.to_owned(),
            None => advice,
        };
        let guess = if known.len() > 1 { did_you_mean(value, known) } else { String::new() };
        Self::new(format!("`{value}` is not accepted here{guess}"), Some(Advice::Words(advice)))
    }

    fn missing_field(field: &'static str) -> Self {
        let advice = match field {
            "apiVersion" => "begin the document with `apiVersion: trueup/v1`".to_owned(),
            "kind" => "add `kind: Workspace` below `apiVersion`".to_owned(),
            _ => format!("add a line `{field}: …`"),
        };
        Self {
            place: Place::Absence,
            ..Self::new(format!("the field `{field}` is missing"), Some(Advice::Words(advice)))
        }
    }
}

/// serde names Rust types; a user knows numbers.
fn plain(expected: &dyn de::Expected) -> String {
    match expected.to_string().as_str() {
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "a nonzero u16" => "a whole number from 1 to 65535".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        other => other.to_owned(),
    }
}

fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(flag) => format!("`{flag}`"),
        Unexpected::Unsigned(number) => format!("the number `{number}`"),
        Unexpected::Signed(number) => format!("the number `{number}`"),
        Unexpected::Float(_) => "a number with a fraction".to_owned(),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

/// The known word that was probably meant, as the end of a sentence.
fn did_you_mean(given: &str, known: &[&str]) -> String {
    /// The longest word that is worth comparing; none of ours is nearly as long.
    const LONGEST: usize = 64;
    if given.len() > LONGEST {
        return String::new();
    }
    let simple = |word: &str| word.to_lowercase().replace(['_', '-'], "");
    let given = simple(given);
    let distance = |word: &str| {
        let word = simple(word);
        let contained = word.len() > 2 && given.len() > 2;
        let contained = contained && (given.starts_with(&word) || word.starts_with(&given));
        if contained && given != word { 1 } else { strsim::osa_distance(&given, &word) }
    };
    let nearest = known.iter().map(|word| (distance(word), word)).min();
    match nearest {
        Some((distance, word)) if distance <= (given.chars().count() / 3).max(1) => {
            format!(", did you mean `{word}`?")
        }
        _ => String::new(),
    }
}
