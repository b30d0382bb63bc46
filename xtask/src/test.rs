//! `cargo xtask test`: every test there is.
//!
//! The engine is looked for first, because a test that needs it must fail with a useful text
//! rather than pass by skipping; and the test program is built first, so that the tests' own
//! deadlines are not spent on a compiler. What loom checks comes last, as it is a build of its own.
//! Deliberately absent: a selection of its own; more arguments go to the test runner as they are.

use anyhow::{Context, Result};
use trueup_tests::{engine, workload};

use crate::{cargo, terminal};

/// What goes on to the test runner.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For `cargo nextest run` (or `cargo test`), such as `-p trueup-domain`; leaves out doc tests and loom
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    more: Vec<String>,
}

/// Runs the tests.
pub(crate) fn run(args: &Args) -> Result<()> {
    prepare()?;
    cargo::run(cargo::tests(&["--workspace"], &args.more))?;
    if !args.more.is_empty() {
        terminal::note("doc tests and loom are left out, as arguments were given");
        return Ok(());
    }
    if cargo::has_nextest() {
        // Without it `cargo test` ran them above.
        cargo::run(cargo::command(&["test", "--doc", "--workspace"]))?;
    }
    // With the feature nothing else in the package works, hence the filter.
    let loom = ["--package", "trueup-reconciler", "--features", "loom", "--lib", "interleavings"];
    cargo::run(cargo::tests(&loom, &[]))
}

fn prepare() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("start a runtime")?;
    runtime.block_on(async {
        terminal::step("looking for a Docker Engine");
        let endpoint = engine::find().await?;
        terminal::note(&format!("found at {endpoint}"));
        terminal::step("building the test program");
        workload::build().await?;
        Ok(())
    })
}
