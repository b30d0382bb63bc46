//! The one binary: `trueup run` is the controller, everything else is its client.
//!
//! Here is only the way in and the way out: arguments to command, result to exit code. Standard
//! output carries what was asked for, standard error what happened.

mod age;
mod arguments;
mod command;
mod context;
mod error;
mod input;
mod output;
mod render;
mod selection;
mod top;
mod trouble;
mod waiting;

use arguments::{Arguments, Command};
use error::Error;
use output::Output;
use std::process::ExitCode;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) => {
            // It knows whether it is help or a complaint; if it cannot be shown, the code still tells.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { error::USAGE } else { 0 });
        }
    };
    let mut output = Output::of_process();
    match run(arguments, &mut output) {
        Ok(()) | Err(Error::OutputClosed) => ExitCode::SUCCESS,
        Err(error) => {
            output.complain(&error);
            ExitCode::from(error.code())
        }
    }
}

fn run(arguments: Arguments, output: &mut Output) -> Result<(), Error> {
    // A client waits for one answer at a time and needs no more than this thread.
    let mut builder = match &arguments.command {
        Command::Run(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(command::run(arguments, output))
}
