//! From text to trees: the limits, the options of the YAML reader, and its complaints in our words.
//!
//! Strict: YAML 1.2 booleans only, no tags of an application, bounded size and bounded expansion of
//! aliases. Anchors, aliases and merge keys within one document are welcome.

use super::{
    error::{ManifestError, ManifestErrors, Source, inert},
    fault::{Advice, Fault},
    node::{Mark, Node, Value},
};
use serde_yaml::{
    DuplicateKeyPolicy, MessageFormatter, NonFiniteFloatPolicy, Options, Spanned,
    UserMessageFormatter, budget::BudgetBreach,
};
use std::{iter, sync::Arc};

/// The size of a file of manifests, at most.
pub const MAX_BYTES: usize = 4 << 20;
/// How many errors are collected before the rest of a text is left unread.
pub const MAX_ERRORS: usize = 32;

/// Values in one document; a large manifest has a few hundred.
const MAX_NODES: usize = 10_000;
/// Levels in one document; a manifest has five.
const MAX_DEPTH: usize = 32;

/// Text of acceptable size, or why it is none.
pub(super) fn check_text(name: &str, bytes: &[u8]) -> Result<Arc<Source>, ManifestErrors> {
    let refuse = |text: String, mark, what: &str, help| {
        let source = Arc::new(Source::new(name, text));
        let error = ManifestError::new(&source, mark, what, Some(help));
        Err(ManifestErrors::new(vec![error]))
    };
    if bytes.len() > MAX_BYTES {
        let mib = MAX_BYTES >> 20;
        let what = format!("{} bytes are too many; the limit is {mib} MiB", bytes.len());
        return refuse(
            String::new(),
            Mark::START,
            &what,
            "spread the manifests over several files",
        );
    }
    // A byte order mark is no part of the text, and would shift the columns of the first line.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match str::from_utf8(bytes) {
        Ok(text) => Ok(Arc::new(Source::new(name, inert(text)))),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = good.split('\n').count();
            let column = good.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            let text = inert(&String::from_utf8_lossy(bytes));
            let what = "this is not UTF-8 text";
            refuse(text, Mark { line, column, length: 1 }, what, "save the file as UTF-8")
        }
    }
}

/// Whether a text that was refused was meant as a manifest at all: its first document is a mapping,
/// or is not YAML and has the field that a manifest begins with.
pub fn looks_like_manifest(bytes: &[u8]) -> bool {
    let Ok(source) = check_text("", bytes) else { return false };
    let mut text = source.inner().as_bytes();
    match read(&mut text).next() {
        Some(Ok(tree)) => matches!(tree.value, Value::Mapping(_)),
        Some(Err(_)) => source.inner().contains("apiVersion"),
        None => false,
    }
}

/// The documents that are not empty, up to the first fault of syntax.
pub(super) fn read<'a, 'b>(
    text: &'a mut &'b [u8],
) -> impl Iterator<Item = Result<Node, Vec<Fault>>> + use<'a, 'b> {
    let mut trees = serde_yaml::read_with_options::<_, Spanned<Value>>(text, options()).peekable();
    iter::from_fn(move || {
        let tree = trees.next()?;
        // `key:value` without the space is read as a text that ends where the next key begins; the
        // complaint about that place says enough.
        let fragment = matches!(&tree, Ok(tree) if matches!(tree.value, Value::Text(_)));
        let tree = match trees.peek() {
            Some(Err(_)) if fragment => trees.next()?,
            _ => tree,
        };
        Some(tree.map(Node::from).map_err(|error| vec![fault(&error)]))
    })
}

/// What is said of a text without any document.
pub(super) fn no_document() -> Fault {
    Fault::at(
        None,
        "there is no manifest in it".to_owned(),
        Some(Advice::Words("a manifest begins with `apiVersion: trueup/v1`".to_owned())),
    )
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! { max_nodes: MAX_NODES, max_depth: MAX_DEPTH },
        // The decoder refuses them, naming both places.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        emit_comments: false,
        leading_zero_numbers_as_strings: true,
        // The range of cpus refuses them.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        reject_unsupported_tags: true,
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

fn fault(error: &serde_yaml::Error) -> Fault {
    // The place is that of the alias; the words are those of what went wrong behind it.
    let mut cause = error;
    while let serde_yaml::Error::AliasError { error: inner, .. } = cause {
        cause = inner;
    }
    let (what, advice) = match cause {
        serde_yaml::Error::Budget { breach, .. } => budget(breach),
        other => {
            let words = UserMessageFormatter.format_message(other).into_owned();
            explain(&words).unwrap_or((words, "mend this line so that it is YAML"))
        }
    };
    Fault::at(error.location().map(Mark::from), what, Some(Advice::Words(advice.to_owned())))
}

fn budget(breach: &BudgetBreach) -> (String, &'static str) {
    let what = match breach {
        BudgetBreach::Nodes { .. } => {
            format!("the document has more than {MAX_NODES} values, aliases included")
        }
        BudgetBreach::Depth { .. } => format!("the document has more than {MAX_DEPTH} levels"),
        _ => "the document is too large or uses too many aliases".to_owned(),
    };
    (what, "one document declares one workspace; put `---` between two")
}

/// The reader's terms, by the beginning of its sentence, in those of somebody who edits a file.
fn explain(words: &str) -> Option<(String, &'static str)> {
    const QUOTE: &str = "put the value in quotes";
    const ALIGN: &str = "the fields of one mapping begin in the same column; count the spaces";
    const QUOTE_ALL: &str = "put the whole value in one pair of quotes";
    const STAR: &str = "put text that begins with `*` in quotes";
    let table: [(&str, &str, &str); 13] = [
        ("tabs disallowed", "a tab is used to indent", "indent with spaces"),
        ("while parsing a block mapping", "this line is indented unlike its neighbours", ALIGN),
        (
            "while parsing a block collection",
            "this line is neither an item of the list above nor indented below one",
            "begin it with `- `, or indent it as far as the fields around the list",
        ),
        (
            "mapping values are not allowed",
            "a `:` is not possible here",
            "write a space after the `:` of the key above, put a value that holds `: ` in quotes, or \
             mend the indentation",
        ),
        (
            "block sequence entries",
            "a list cannot begin behind its key",
            "begin it on the next line, or write `[a, b]`",
        ),
        (
            "illegal placement of ':'",
            "a `:` is not possible here",
            "is a `[` or `{` above it closed?",
        ),
        ("unclosed quote", "this quote is not closed", "add the closing quote"),
        ("unclosed bracket", "this bracket is not closed", "add the closing bracket"),
        ("invalid trailing content", "there is text behind the closing quote", QUOTE_ALL),
        ("reference to unknown value", "no anchor of this name was set before", STAR),
        ("Recursive reference", "this alias stands within its own anchor", "write the value out"),
        ("YAML merge value", "only a mapping can be merged with `<<`", "give it the alias of one"),
        ("invalid ", "the value does not suit its tag", "remove the tag (`!!…`)"),
    ];
    if let Some(character) = words.strip_prefix("unexpected character: ") {
        let character = character.trim_matches(['`', '\'']);
        return Some((format!("a value cannot begin with the character {character}"), QUOTE));
    }
    if let Some(tag) = words.strip_prefix("unsupported tag ") {
        let advice = "remove it, or put text that begins with `!` in quotes";
        return Some((format!("the tag {tag} means nothing here"), advice));
    }
    let found = table.into_iter().find(|(begin, ..)| words.starts_with(begin));
    found.map(|(_, what, advice)| (what.to_owned(), advice))
}
