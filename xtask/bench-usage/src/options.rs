//! The command line: which part, how many containers, and for how long.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "usage: bench-usage [--containers N,M] [--seconds N] [--only engine|many]";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many containers there are on the real engine, one measurement each.
    pub containers: Vec<usize>,
    /// How long each measurement takes.
    pub time: Duration,
    only: Option<String>,
}

impl Options {
    /// Reads the arguments, without the program's name.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut options =
            Self { containers: vec![50, 200], time: Duration::from_secs(20), only: None };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let value = arguments.next().with_context(|| USAGE)?;
            match argument.as_str() {
                "--containers" => {
                    let counts = value.split(',').map(|count| count.parse().with_context(|| USAGE));
                    options.containers = counts.collect::<Result<_>>()?;
                    ensure!(options.containers.iter().all(|count| *count > 0), USAGE);
                }
                "--seconds" => {
                    let seconds: u64 = value.parse().with_context(|| USAGE)?;
                    ensure!(seconds >= 5, "--seconds takes at least 5");
                    options.time = Duration::from_secs(seconds);
                }
                "--only" if ["engine", "many"].contains(&value.as_str()) => {
                    options.only = Some(value);
                }
                _ => bail!(USAGE),
            }
        }
        Ok(options)
    }

    /// Whether a part is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}
