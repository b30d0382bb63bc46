//! `workload`: the only program in the test and demo image.
//!
//! Its job is to behave, on request, like anything a development container may do: sleep, end
//! with a code, burn CPU, hold memory, send bytes, serve HTTP, ignore TERM. It is linked statically and needs
//! nothing from the image around it. As PID 1 it gets only those signals for which it has a
//! handler, so one is installed before anything else. Deliberately absent: a shell, subcommands
//! with side effects on the engine, and any dependency beyond signals and clocks.

mod burn;
mod program;
mod run;
mod serve;
mod traffic;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match program::parse(&arguments) {
        Ok(program) => run::run(program),
        Err(error) => {
            run::say_error(&format!("workload: {error}\n\n{}", program::USAGE));
            ExitCode::from(2)
        }
    }
}
