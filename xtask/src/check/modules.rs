//! Which folder of a package must not know of what else the package can reach.
//!
//! The arrows between packages are in their manifests; within one there is no manifest, so the words
//! are counted. Identifiers and documentation are read, since a link or an example ties a module down
//! as an import does; other comments and strings are not. Deliberately absent: a parser of paths. A
//! folder that must not know of something has no use for its name either, however it is reached.

use std::path::{Path, PathBuf};

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};

use super::finding::Finding;
use super::sources::{self, Source};

/// A folder that stands on its own, and the words that it does without.
struct Apart {
    folder: &'static str,
    words: &'static [&'static str],
}

const APART: [Apart; 1] = [Apart {
    folder: "crates/reconciler/src/runtime",
    // `crate::workspace`, by whichever path it is imported.
    words: &["trueup_domain", "workspace"],
}];

/// Finds the words where they must not be.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for apart in APART {
        for source in sources::parse(root, &[PathBuf::from(apart.folder)])? {
            findings.extend(mentions(&source, &apart));
        }
    }
    Ok(findings)
}

fn mentions(source: &Source, apart: &Apart) -> Vec<Finding> {
    let mut found = Vec::new();
    collect(source.text.parse().unwrap_or_default(), apart.words, &mut found);
    let finding = |(word, line)| Finding {
        file: source.file.clone(),
        line,
        rule: "module",
        what: format!("`{word}` is mentioned below {}", apart.folder),
        why: "what stands on its own can be understood, tested and used on its own",
        mend: "hand in what is needed as a type parameter, a function or a trait of its own"
            .to_owned(),
    };
    found.into_iter().map(finding).collect()
}

/// Every mention with its line, from all depths of the token stream.
fn collect<'w>(tokens: TokenStream, words: &[&'w str], found: &mut Vec<(&'w str, usize)>) {
    let mut is_documentation = false;
    for token in tokens {
        let line = token.span().start().line;
        match &token {
            TokenTree::Ident(name) => {
                let name = name.to_string();
                found.extend(words.iter().filter(|word| **word == name).map(|word| (*word, line)));
                is_documentation = name == "doc";
            }
            TokenTree::Group(group) => collect(group.stream(), words, found),
            // A documentation comment is the text of a `doc` attribute to the parser.
            TokenTree::Literal(text) if is_documentation => {
                let text = text.to_string();
                let said = words.iter().filter(|word| is_path_in(&text, word));
                found.extend(said.map(|word| (*word, line)));
            }
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// Whether a text has the word as a part of a path; prose may say what it likes.
fn is_path_in(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        before.ends_with("::") || after.starts_with("::")
    })
}
