//! The rules that cargo's own tools know: format, lints and documentation.
//!
//! What clippy and rustdoc say goes to the terminal as they say it, with place, rule, reason and
//! remedy; the finding here only makes the check fail and names the command to repeat. The format's
//! places are read from rustfmt's output, whose own text is a diff.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::finding::Finding;
use crate::cargo;

/// Where the benchmarks are, which are workspaces of their own.
const BENCHMARKS: [&str; 4] = [
    "xtask/bench-converge/Cargo.toml",
    "xtask/bench-queue/Cargo.toml",
    "xtask/bench-report/Cargo.toml",
    "xtask/bench-usage/Cargo.toml",
];

/// On every target of a selection, and to the end of it.
const CLIPPY: [&str; 5] = ["--all-targets", "--keep-going", "--", "-D", "warnings"];

/// Finds where `cargo fmt` would change something, in the benchmarks too.
pub(crate) fn format(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = misformatted(root, &["--all"])?;
    for manifest in BENCHMARKS.into_iter().filter(|manifest| root.join(manifest).is_file()) {
        findings.extend(misformatted(root, &["--manifest-path", manifest])?);
    }
    Ok(findings)
}

/// Runs clippy on everything, with warnings as errors. The model of the queue's interleavings is
/// behind a feature with which nothing else works, and has a run of its own.
pub(crate) fn lints(root: &Path) -> Result<Vec<Finding>> {
    let why = "a warning that stays is a warning nobody reads";
    let mut findings = Vec::new();
    for selection in [&["--workspace"][..], &["-p", "trueup-reconciler", "--features", "loom"]] {
        let line = [&["clippy"][..], selection, &CLIPPY].concat();
        findings.extend(run(&mut command(root, &line), "lints", why)?);
    }
    Ok(findings)
}

/// Runs rustdoc on our packages, with warnings as errors.
pub(crate) fn documentation(root: &Path) -> Result<Vec<Finding>> {
    let mut command = command(root, &["doc", "--no-deps", "--workspace", "--keep-going"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    run(&mut command, "docs", "a broken link in the documentation misleads its reader")
}

fn run(command: &mut Command, rule: &'static str, why: &'static str) -> Result<Vec<Finding>> {
    let words: Vec<_> =
        command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let line = words.join(" ");
    let status = command.status().context("cannot start cargo")?;
    if status.success() {
        return Ok(Vec::new());
    }
    Ok(vec![Finding {
        file: "Cargo.toml".into(),
        line: 1,
        rule,
        what: format!("`cargo {line}` failed; its own findings are above"),
        why,
        mend: "follow the `help` lines above".to_owned(),
    }])
}

fn command(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo::program());
    command.current_dir(root).args(arguments);
    command
}

/// Where `cargo fmt` would change something in a selection of packages.
fn misformatted(root: &Path, selection: &[&str]) -> Result<Vec<Finding>> {
    let output = command(root, &[&["fmt"], selection, &["--", "--check"]].concat())
        .output()
        .context("cannot start cargo fmt")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let places = text.lines().filter_map(|line| place_of_diff(root, line));
    let findings: Vec<Finding> = places
        .map(|(file, line)| Finding {
            file,
            line,
            rule: "format",
            what: "rustfmt would write this differently".to_owned(),
            why: "one format for all keeps diffs to what changed",
            mend: format!("cargo fmt {}", selection.join(" ")),
        })
        .collect();
    if !output.status.success() && findings.is_empty() {
        bail!("cargo fmt failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(findings)
}

/// rustfmt says `Diff in /path/file.rs:12:`.
fn place_of_diff(root: &Path, line: &str) -> Option<(PathBuf, usize)> {
    let place = line.strip_prefix("Diff in ")?.trim_end().trim_end_matches(':');
    let (file, line) = place.rsplit_once(':')?;
    let file = Path::new(file);
    Some((file.strip_prefix(root).unwrap_or(file).to_owned(), line.parse().ok()?))
}
