//! Runs cargo as a child, in the workspace's root and with its output where ours goes.
//!
//! The command line is printed first, so that it can be repeated by hand. Deliberately absent: a
//! deadline; a build takes what it takes, and tests have theirs in `.config/nextest.toml`.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::terminal;

/// The workspace's root, known since this program was compiled in it.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// A cargo command in the workspace's root.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.current_dir(root()).args(arguments);
    command
}

/// The cargo that started this program, or the one in the path.
pub(crate) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs cargo and fails if it does.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let line = arguments.join(" ");
    terminal::step(&format!("cargo {line}"));
    let status = command(arguments).status().context("cannot start cargo")?;
    if !status.success() {
        bail!("`cargo {line}` failed ({status})");
    }
    Ok(())
}

/// Whether `cargo nextest` can be used.
pub(crate) fn has_nextest() -> bool {
    command(&["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The arguments that run the tests of a selection, with nextest if it is there.
pub(crate) fn test_arguments<'a>(selection: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    let runner: &[&str] = if has_nextest() {
        &["nextest", "run"]
    } else {
        terminal::note("cargo-nextest is not installed (`cargo install cargo-nextest --locked`);");
        terminal::note("falling back to `cargo test`, which has no deadline for a test that hangs");
        &["test"]
    };
    let more = more.iter().map(String::as_str);
    runner.iter().chain(selection).copied().chain(more).collect()
}
