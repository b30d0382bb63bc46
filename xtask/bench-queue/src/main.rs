//! Measures the queue and the controller of trueup beside those of `kube`, in one run.
//!
//! Both sides do the same work on the same kind of runtime, take turns round by round after a
//! warm-up, and are compared by their medians. It prints one table, then one line with the
//! verdict, and ends with 1 if a floor is missed. Progress goes to the error stream.
//!
//! `cargo xtask bench queue` builds and runs it. It is a workspace of its own, so that nobody who
//! builds trueup resolves or builds `kube`.
//! Deliberately absent: absolute goals, save where a clock sets them. Machines differ; ratios
//! hold.

mod backlog;
mod controller;
mod fairness;
mod in_flight;
mod measure;
mod objects;
mod options;
mod ours;
mod peer;
mod scheduler;
mod table;

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::measure::{Bench, Flavour};
use crate::options::Options;
use crate::table::Table;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench queue: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Measures what was asked for and prints it. Whether all floors were met.
fn run() -> Result<bool> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut table = Table::default();
    for flavour in Flavour::ALL {
        let bench = Bench::new(flavour, options.clone())?;
        scheduler::measure(&bench, &mut table)?;
        controller::measure(&bench, &mut table)?;
        backlog::measure(&bench, &mut table)?;
        in_flight::measure(&bench, &mut table)?;
    }
    // What starves is decided by the order of the keys, and the threads have no say in that.
    fairness::measure(&Bench::new(Flavour::CurrentThread, options)?, &mut table)?;
    ensure!(!table.is_empty(), "there is no row of that name");
    print!("{table}");
    Ok(table.is_met())
}
