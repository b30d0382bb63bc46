//! Does what a `Program` says.
//!
//! The threads started here (signals, burning, serving) belong to the process and end with it:
//! the process has one job and no state to save, so nobody waits for them. Deliberately absent:
//! a graceful end; TERM ends the process at once, with the code that a shell would report.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::program::{Program, Step};
use crate::{burn, serve, traffic};

const MEBIBYTE: usize = 1 << 20;

/// Runs the steps; returns only if one of them ends the program or none is left to wait for.
pub(crate) fn run(program: Program) -> ExitCode {
    if let Err(error) = watch_signals(program.ignore_term) {
        return fail(&format!("cannot watch for signals: {error}"));
    }
    // Memory that steps hold lives as long as this function.
    let mut held = Vec::new();
    let background = program.steps.iter().any(Step::is_background);
    for step in program.steps {
        match perform(step, &mut held) {
            Ok(None) => {}
            Ok(Some(code)) => return ExitCode::from(code),
            Err(message) => return fail(&message),
        }
    }
    if background {
        sleep_forever();
    }
    ExitCode::SUCCESS
}

/// Writes a line to the error output; a closed one is no reason to stop.
pub(crate) fn say_error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// One step; `Some(code)` ends the program.
fn perform(step: Step, held: &mut Vec<Vec<u8>>) -> Result<Option<u8>, String> {
    match step {
        Step::Sleep(duration) => thread::sleep(duration),
        Step::SleepForever => sleep_forever(),
        Step::Exit { code, after } => {
            thread::sleep(after);
            return Ok(Some(code));
        }
        Step::Burn { share } => burn::burn(share),
        // Ones, not zeroes: the kernel backs untouched zero pages with nothing.
        Step::Hold { mebibytes } => held.push(vec![1; mebibytes * MEBIBYTE]),
        Step::Cache { file, mebibytes } => cache(&file, mebibytes)
            .map_err(|error| format!("cannot fill {}: {error}", file.display()))?,
        Step::Receive { port } => {
            let listener = serve::listen(port)
                .map_err(|error| format!("cannot receive at {port}: {error}"))?;
            thread::spawn(move || traffic::receive(&listener));
        }
        Step::Send { to, bytes } => traffic::send(to, bytes)
            .map_err(|error| format!("cannot send {bytes} bytes to {to}: {error}"))?,
        Step::Serve { port } => {
            let listener =
                serve::listen(port).map_err(|error| format!("cannot serve {port}: {error}"))?;
            thread::spawn(move || serve::answer(&listener));
        }
        Step::Write { file, text } => std::fs::write(&file, text)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?,
        Step::Echo { text } => say(&text)?,
        Step::Env => print_environment()?,
        Step::Health { file } => return Ok(Some(u8::from(!file.exists()))),
    }
    Ok(None)
}

/// A process that is PID 1 of a container never sees a signal it has no handler for, so the
/// handler is needed even where the default action would do.
fn watch_signals(ignore: bool) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if !ignore {
                process::exit(128 + signal);
            }
        }
    });
    Ok(())
}

fn sleep_forever() -> ! {
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

/// Written and read back, whatever of it the writing left in memory.
fn cache(file: &Path, mebibytes: usize) -> std::io::Result<()> {
    let mut written = File::create(file)?;
    let block = vec![1; MEBIBYTE];
    for _ in 0..mebibytes {
        written.write_all(&block)?;
    }
    written.sync_all()?;
    std::io::copy(&mut File::open(file)?, &mut std::io::sink())?;
    Ok(())
}

fn print_environment() -> Result<(), String> {
    let mut variables: Vec<_> = std::env::vars_os().collect();
    variables.sort();
    for (name, value) in variables {
        say(&format!("{}={}", name.display(), value.display()))?;
    }
    Ok(())
}

fn say(text: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| format!("cannot print: {error}"))
}

fn fail(message: &str) -> ExitCode {
    say_error(&format!("workload: {message}"));
    ExitCode::FAILURE
}
