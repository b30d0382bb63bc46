//! `cargo xtask bench NAME`: one of the benchmarks, built with optimisation and run.
//!
//! Each is a workspace of its own in `xtask/bench-NAME`, because it builds other projects to measure
//! beside ours. It has its floors in itself and fails when one is missed, and so does this command.
//! Deliberately absent: a benchmark that runs unasked. It takes minutes and needs a quiet machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::{cargo, terminal};

/// Which benchmark, and what it is told.
#[derive(clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Args {
    /// Which one
    #[arg(value_name = "NAME")]
    name: Name,
    /// For the benchmark itself, such as `--only scheduler` and `--rounds 9`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    more: Vec<String>,
}

/// The benchmarks that there are.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// From nothing to 100 workspaces and back, and healing, on the engine of the machine
    Converge,
    /// The queue and the generic controller, beside those of kube
    Queue,
    /// What it costs to know what containers use, beside the engine's own statistics
    Usage,
}

/// The variable that names the trueup to measure; without it one is built.
const BINARY: &str = "TRUEUP_BIN";

/// Builds and runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    terminal::note("the first run builds everything that is measured, which takes minutes");
    let mut command = command(args);
    if args.name == Name::Converge && std::env::var_os(BINARY).is_none() {
        cargo::run(release())?;
        command.env(BINARY, released());
    }
    cargo::run(command)
}

fn command(args: &Args) -> Command {
    let manifest = match args.name {
        Name::Converge => "xtask/bench-converge/Cargo.toml",
        Name::Queue => "xtask/bench-queue/Cargo.toml",
        Name::Usage => "xtask/bench-usage/Cargo.toml",
    };
    // In the target folder like everything that is built, but in a corner of its own: the two
    // workspaces resolve the same crates differently and would build them in turns.
    let apart = ["--manifest-path", manifest, "--target-dir", TARGET];
    let mut command = cargo::command(&["run", "--release"]);
    command.args(apart).arg("--").args(&args.more);
    command
}

/// Where benchmarks and what they measure are built, in the workspace's root.
const TARGET: &str = "target/bench";

/// The binary as users get it, as an unoptimised one would be measured otherwise.
fn release() -> Command {
    cargo::command(&["build", "--release", "--package", "trueup-cli", "--target-dir", TARGET])
}

/// Where [`release`] puts it.
fn released() -> PathBuf {
    let name = format!("trueup{}", std::env::consts::EXE_SUFFIX);
    cargo::root().join(TARGET).join("release").join(name)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let words = std::iter::once("bench").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args)
    }

    #[test]
    fn what_follows_the_name_goes_to_the_benchmark_as_it_is() {
        let args = parse("queue --only scheduler --rounds 5").unwrap();
        let line = cargo::line(&command(&args));
        assert!(line.ends_with(" -- --only scheduler --rounds 5"), "{line}");
    }

    #[test]
    fn what_is_measured_on_an_engine_is_built_with_optimisation_and_found_there() {
        let built = cargo::line(&release());
        assert!(built.contains("--release") && built.contains(TARGET), "{built}");
        assert!(released().starts_with(cargo::root().join(TARGET)), "{}", released().display());
    }

    #[test]
    fn without_a_name_or_with_an_unknown_one_it_says_what_there_is() {
        for line in ["", "speed"] {
            let error = parse(line).err().unwrap();
            assert_eq!(error.exit_code(), 2, "{line}");
            for name in ["queue", "converge", "usage"] {
                assert!(error.to_string().contains(name), "{line}: {error}");
            }
        }
    }
}
