//! Measures what it costs to know what containers use: our sampler beside the engine's own
//! statistics, in one run.
//!
//! Costs are processor time, of whoever asks and of the engine together, by a sample. The first part is
//! on a real engine that is started for the run; the second has a thousand workspaces and more, whose
//! kernel files are made. It prints one table, then one line with the verdict, and ends with 1 if a
//! floor is missed. Progress goes to the error stream.
//!
//! Deliberately absent: how right the figures are, which tests show.

mod asked;
mod counting;
mod cpu;
mod crowd;
mod options;
mod real;
mod sampling;
mod table;
mod tree;

use std::process::ExitCode;

use anyhow::Result;

use crate::options::Options;
use crate::table::Table;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench usage: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Measures what was asked for and prints it. Whether all floors were met.
async fn run() -> Result<bool> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut table = Table::default();
    if options.wants("many") {
        crowd::measure(&options, &mut table).await?;
    }
    if options.wants("engine") {
        real::measure(&options, &mut table).await?;
    }
    print!("{table}");
    Ok(table.is_met())
}
