//! The wall clock, the monotonic clock and random ids are used in one file only.
//!
//! Paths are read from the token stream, so that calls inside macros count and words in comments
//! and strings do not; a path's first word is looked up among the file's imports, so that
//! `tokio::time::Instant`, which a test can pause, stays allowed. A name that comes in by
//! `use super::*` is left to clippy's `disallowed-methods`, which knows types. Deliberately absent:
//! an exception for tests; they take their time from the same port.

mod imports;

use std::path::{Path, PathBuf};

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};

use super::finding::Finding;
use super::sources::{self, Source};
use imports::Imports;

const CLOCK_FILE: &str = "crates/controller/src/clock.rs";

/// A type and its function that read the outside world.
const REFUSED: [(&str, &str); 6] = [
    ("SystemTime", "now"),
    ("Instant", "now"),
    ("Timestamp", "now"),
    ("Zoned", "now"),
    ("Uuid", "now_v7"),
    ("Uuid", "new_v4"),
];

/// The crates whose types are meant; tokio's and the project's own of the same name are not.
const HOMES: [&str; 5] = ["std", "core", "jiff", "uuid", "chrono"];

/// Finds the uses in `crates/*/src` outside the clock file.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let folders: Vec<PathBuf> =
        sources::packages(root)?.iter().map(|package| package.join("src")).collect();
    let mut findings = Vec::new();
    for source in sources::parse(root, &folders)? {
        if source.file != Path::new(CLOCK_FILE) {
            findings.extend(uses(&source));
        }
    }
    Ok(findings)
}

fn uses(source: &Source) -> Vec<Finding> {
    let imports = Imports::of(&source.tree);
    let tokens: TokenStream = source.text.parse().unwrap_or_default();
    let mut paths = Vec::new();
    collect(tokens, &mut paths);
    paths
        .into_iter()
        .filter(|(path, _)| is_refused(path, &imports))
        .map(|(path, line)| Finding {
            file: source.file.clone(),
            line,
            rule: "clock",
            what: format!("`{}` is used outside {CLOCK_FILE}", path.join("::")),
            why: "a test must be able to hold time and ids still, and a replay to repeat them",
            mend: "take them from the Clock port; for a delay or a deadline import \
                   tokio::time::Instant, which a test can pause"
                .to_owned(),
        })
        .collect()
}

fn is_refused(path: &[String], imports: &Imports) -> bool {
    let [.., _, function] = path else { return false };
    let refused = |owner: &str| REFUSED.contains(&(owner, function.as_str()));
    imports.resolve(path).iter().any(|full| match full.as_slice() {
        // No import explains the name, so nothing says that it is a harmless one.
        [owner, _] => refused(owner) && !imports.declares(owner),
        [first, .., owner, _] => refused(owner) && HOMES.contains(&first.as_str()),
        _ => false,
    })
}

/// Every `a::b::c` with the line of its first word, from all depths of the token stream.
fn collect(tokens: TokenStream, paths: &mut Vec<(Vec<String>, usize)>) {
    let mut path: Vec<String> = Vec::new();
    let mut line = 0;
    let mut colons = 0;
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                if colons != 2 || path.is_empty() {
                    paths.push((std::mem::take(&mut path), line));
                    line = word.span().start().line;
                }
                path.push(word.to_string());
                colons = 0;
                continue;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                colons += 1;
                continue;
            }
            TokenTree::Group(group) => collect(group.stream(), paths),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        paths.push((std::mem::take(&mut path), line));
        colons = 0;
    }
    paths.push((path, line));
}
