//! `cargo xtask check`: the project's rules, enforced.
//!
//! Every rule is a function over a root folder that returns its findings, so that a test can run
//! it on a small made-up tree. All rules run and all findings are printed before the command fails.
//! Deliberately absent: a way to silence a finding; a rule that is wrong is changed here.

mod arrows;
mod clock;
mod commands;
mod finding;
mod heads;
mod licences;
mod modules;
mod sizes;
mod sources;

use std::path::Path;

use anyhow::{Result, bail};

use crate::{cargo, terminal};
use finding::Finding;

/// The check takes no options: there is one set of rules.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// A rule's name for people, and the rule.
type Rule = (&'static str, fn(&Path) -> Result<Vec<Finding>>);

/// The quick ones first; those that compile last.
const RULES: [Rule; 9] = [
    ("arrows between the crates", arrows::check),
    ("modules that stand on their own", modules::check),
    ("sizes of files and functions", sizes::check),
    ("wall clock and random ids only in the clock file", clock::check),
    ("every file says what it is for", heads::check),
    ("licences of all dependencies", licences::check),
    ("format (cargo fmt)", commands::format),
    ("lints (cargo clippy)", commands::lints),
    ("documentation (cargo doc)", commands::documentation),
];

/// Runs every rule on the workspace.
pub(crate) fn run(_args: &Args) -> Result<()> {
    let root = cargo::root();
    let mut count = 0;
    for (name, rule) in RULES {
        terminal::step(name);
        match rule(&root) {
            Ok(findings) => {
                for finding in &findings {
                    terminal::result(&finding.to_string());
                }
                count += findings.len();
            }
            // A rule that cannot judge refuses, and the next one still has its say.
            Err(error) => {
                terminal::failure(&format!("this rule could not be checked: {error:#}"));
                count += 1;
            }
        }
    }
    match count {
        0 => {
            terminal::step("all rules hold");
            Ok(())
        }
        1 => bail!("1 finding, see above"),
        _ => bail!("{count} findings, see above"),
    }
}

#[cfg(test)]
mod tests;
