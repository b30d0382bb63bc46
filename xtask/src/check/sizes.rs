//! Files of at most 400 lines and functions of at most 70.
//!
//! Tests do not count: files named `tests.rs`, files in a folder `tests`, and modules marked
//! `#[cfg(test)]`. A function is measured from its name to its closing brace, its documentation
//! left out. Deliberately absent: the limits that the house style only recommends.

use std::path::{Path, PathBuf};

use anyhow::Result;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::finding::Finding;
use super::sources::{self, Source};

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 70;
const WHY: &str = "a reader holds one room in mind, and a limit that a tool knows needs no debate";

/// Finds what is too long in `crates/*/src` and `xtask/src`.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut folders: Vec<PathBuf> =
        sources::packages(root)?.iter().map(|package| package.join("src")).collect();
    folders.push("xtask/src".into());
    let sources = sources::parse(root, &folders)?;
    Ok(sources.iter().filter(|source| !is_test_file(&source.file)).flat_map(measure).collect())
}

fn is_test_file(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "tests.rs")
        || file.components().any(|part| part.as_os_str() == "tests")
}

fn measure(source: &Source) -> Vec<Finding> {
    let mut measured = Measured { file: &source.file, test_lines: 0, findings: Vec::new() };
    measured.visit_file(&source.tree);
    let lines = source.text.lines().count() - measured.test_lines;
    if lines > LONGEST_FILE {
        measured.findings.push(Finding {
            file: source.file.clone(),
            line: LONGEST_FILE + 1,
            rule: "file-size",
            what: format!("the file has {lines} lines, tests aside; {LONGEST_FILE} are allowed"),
            why: WHY,
            mend: "split it by noun into modules with one job each".to_owned(),
        });
    }
    measured.findings
}

struct Measured<'a> {
    file: &'a Path,
    test_lines: usize,
    findings: Vec<Finding>,
}

impl Measured<'_> {
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.ident.span().start().line;
        let lines = block.brace_token.span.close().end().line + 1 - first;
        if lines > LONGEST_FUNCTION {
            self.findings.push(Finding {
                file: self.file.to_owned(),
                line: first,
                rule: "function-size",
                what: format!(
                    "`{}` has {lines} lines; {LONGEST_FUNCTION} are allowed",
                    signature.ident
                ),
                why: WHY,
                mend: "name its parts and give each a function below it".to_owned(),
            });
        }
    }
}

impl<'ast> Visit<'ast> for Measured<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.content.is_some() && module.attrs.iter().any(is_cfg_test) {
            let span = module.span();
            self.test_lines += span.end().line + 1 - span.start().line;
        } else {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.function(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}
