//! Runs cargo as a child, in the workspace's root and with its output where ours goes.
//!
//! The command line is printed first, so that it can be repeated by hand. Deliberately absent: a
//! deadline; a build takes what it takes, and tests have theirs in `.config/nextest.toml`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::terminal;

/// The workspace's root. Cargo says at run time where this package is; what was compiled in may be
/// another checkout, if two of them share a target folder.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let own = PathBuf::from(own);
    own.parent().map(Path::to_owned).unwrap_or(own)
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

/// Runs a cargo command and fails if it does.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let line = line(&command);
    terminal::step(&line);
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// The command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy());
    std::iter::once("cargo".into()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Whether `cargo nextest` can be used.
pub(crate) fn has_nextest() -> bool {
    command(&["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command that runs the tests of a selection, with nextest if it is there.
pub(crate) fn tests(selection: &[&str], more: &[String]) -> Command {
    let mut tests = if has_nextest() {
        command(&["nextest", "run"])
    } else {
        terminal::note("cargo-nextest is not installed (`cargo install cargo-nextest --locked`);");
        terminal::note("falling back to `cargo test`: one test at a time, as it cannot tell those");
        terminal::note("that share the engine, and without a deadline for a test that hangs");
        let mut tests = command(&["test"]);
        tests.env("RUST_TEST_THREADS", "1");
        tests
    };
    tests.args(selection).args(more);
    tests
}
