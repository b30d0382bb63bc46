//! `cargo xtask sim`: deterministic simulation, many lives of a controller with everything that can go
//! wrong.
//!
//! It is built with optimisation, as it is about numbers of seeds. Deliberately absent: what is
//! simulated and judged, which is in `tests/simulation`.

use anyhow::Result;

use crate::cargo;

/// What goes on to the simulation.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// `--seeds N`, `--seed S`, `--workspaces W`, `--minutes M`, `--mutate NAME`, `--help` for all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    more: Vec<String>,
}

/// Builds and runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut command = cargo::command(&["run", "--release", "--package", "trueup-simulation", "--"]);
    command.args(&args.more);
    cargo::run(command)
}
