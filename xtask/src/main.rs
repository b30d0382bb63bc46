//! The project's tooling: `cargo xtask check | test | integration | sim | demo | bench`.
//!
//! One module for each subcommand, and none knows another. It runs the same commands that a person
//! would, prints what it runs, and ends with 1 if anything failed. Deliberately absent: anything
//! that only a build server can do; what is red there is red here.

mod bench;
mod cargo;
mod check;
mod demo;
mod integration;
mod sim;
mod terminal;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Checks, tests, shows and measures trueup")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Refuse what breaks the rules: format, lints, arrows, sizes, clocks, heads, docs, licences
    Check(check::Args),
    /// Run every test there is; needs a Docker Engine
    Test(test::Args),
    /// Run only the tests on a real Docker Engine, on a private one if there is no other
    Integration(integration::Args),
    /// Play many lives of a controller over a simulated engine, with everything that can go wrong
    Sim(sim::Args),
    /// Show the product at work on this machine's Docker Engine
    Demo(demo::Args),
    /// Measure a part of trueup beside its peers; the first run builds them and takes minutes
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Check(args) => check::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Integration(args) => integration::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
