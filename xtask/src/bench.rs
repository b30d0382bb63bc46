//! `cargo xtask bench NAME`: one of the benchmarks, built with optimisation and run.
//!
//! Each is a workspace of its own in `xtask/bench-NAME`, because it builds other projects to measure
//! beside ours. It has its floors in itself and fails when one is missed, and so does this command.
//! Deliberately absent: a benchmark that runs unasked. It takes minutes and needs a quiet machine.

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
#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// The queue and the generic controller, beside those of kube
    Queue,
}

/// Builds and runs it.
pub(crate) fn run(args: &Args) -> Result<()> {
    terminal::note("the first run builds everything that is measured, which takes minutes");
    cargo::run(command(args))
}

fn command(args: &Args) -> Command {
    let manifest = match args.name {
        Name::Queue => "xtask/bench-queue/Cargo.toml",
    };
    // In the target folder like everything that is built, but in a corner of its own: the two
    // workspaces resolve the same crates differently and would build them in turns.
    let apart = ["--manifest-path", manifest, "--target-dir", "target/bench"];
    let mut command = cargo::command(&["run", "--release"]);
    command.args(apart).arg("--").args(&args.more);
    command
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
    fn without_a_name_or_with_an_unknown_one_it_says_what_there_is() {
        for line in ["", "speed"] {
            let error = parse(line).err().unwrap();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains("queue"), "{line}: {error}");
        }
    }
}
