//! Measures how fast trueup brings a real Docker Engine to what was declared, beside the engine's own
//! speed and beside other tools, in one run.
//!
//! Everything is seen through the engine's events, whoever is measured, and all sides run the same
//! kind of containers in turns. It prints one table, then one line with the verdict, and ends with
//! 1 if a floor is missed. Progress goes to the error stream. Whatever it makes on the engine
//! carries a label and is removed at the end, after a failure and after Ctrl-C too.
//!
//! `cargo xtask bench converge` builds and runs it, with the binary that is measured.
//! Deliberately absent: absolute goals. Machines and engines differ; ratios hold.

mod bare;
mod compose;
mod heal;
mod options;
mod ours;
mod pattern;
mod scale;
mod stage;
mod swarm;
mod table;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::options::Options;
use crate::ours::Ours;
use crate::stage::Stage;
use crate::table::Table;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench converge: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Measures what was asked for, cleans up, and prints it. Whether all floors were met.
async fn run() -> Result<bool> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let stage = Arc::new(Stage::set(options.private).await?);
    let mut work = tokio::spawn(measure(Arc::clone(&stage), options));
    let outcome = tokio::select! {
        ended = &mut work => ended.context("a measurement has panicked").and_then(|table| table),
        _ = interrupts.recv() => interrupt(work).await,
        _ = terminations.recv() => interrupt(work).await,
    };
    let swept = stage.sweep().await;
    let table = outcome?;
    print!("{table}");
    swept?;
    Ok(table.is_met())
}

/// Everything that the work holds, the controller among it, is gone when this returns.
async fn interrupt(work: tokio::task::JoinHandle<Result<Table>>) -> Result<Table> {
    eprintln!("interrupted; cleaning up");
    work.abort();
    let _ = work.await;
    bail!("interrupted")
}

async fn measure(stage: Arc<Stage>, options: Options) -> Result<Table> {
    let mut table = Table::new();
    let mut ours = Ours::start(&stage)?;
    let pattern = ours.pattern(&stage).await?;
    if options.wants("scale") {
        scale::measure(&stage, &options, &ours, &pattern, &mut table).await?;
    }
    if options.wants("heal") {
        heal::measure(&stage, &options, &ours, &pattern, &mut table).await?;
        swarm::measure(&stage, &options, &pattern, &mut table).await?;
    }
    ours.end()?;
    table.finish();
    Ok(table)
}
