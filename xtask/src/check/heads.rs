//! Every Rust file starts with `//!`: its job, its invariant, what is deliberately absent.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::finding::Finding;
use super::sources;

const FOLDERS: [&str; 4] = ["crates", "examples", "tests", "xtask"];

/// Finds the files whose first line is no module documentation.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in sources::files(root, &FOLDERS.map(PathBuf::from))? {
        if !has_head(&sources::read(root, &file)?) {
            findings.push(Finding {
                file,
                line: 1,
                rule: "head",
                what: "the file does not start with `//!`".to_owned(),
                why: "a reader learns what a file is for before reading how it does it",
                mend: "say its job, its invariant and what is deliberately absent".to_owned(),
            });
        }
    }
    Ok(findings)
}

fn has_head(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    first.strip_prefix("//!").is_some_and(|said| !said.trim().is_empty())
}
