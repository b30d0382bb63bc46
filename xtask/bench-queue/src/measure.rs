//! Rounds: who runs when, on which runtime, and what is made of the times.
//!
//! A round is a future that makes ready whatever it needs, does its work and returns how long the
//! work took by its own clock; so the preparation never counts. It runs as a task, as a controller
//! does in a program.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::options::Options;

/// How long both sides take turns at least.
const LEAST_TIME: Duration = Duration::from_secs(3);

/// The kinds of runtime that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Everything on one thread.
    CurrentThread,
    /// Two threads that share the work.
    TwoWorkers,
}

impl Flavour {
    pub const ALL: [Self; 2] = [Self::CurrentThread, Self::TwoWorkers];

    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::CurrentThread => "current thread",
            Self::TwoWorkers => "2 workers",
        }
    }

    fn build(self) -> Result<Runtime> {
        let mut builder = match self {
            Self::CurrentThread => Builder::new_current_thread(),
            Self::TwoWorkers => Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_time().build().context("there is no runtime to be had")
    }
}

/// The medians of both sides, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    pub ours: f64,
    pub peer: f64,
}

impl Pair {
    /// What a single operation takes, if a round had this many.
    pub fn each(self, operations: usize) -> Self {
        Self { ours: self.ours / operations as f64, peer: self.peer / operations as f64 }
    }
}

/// A runtime, and what was asked for.
pub struct Bench {
    pub flavour: Flavour,
    options: Options,
    runtime: Runtime,
}

impl Bench {
    pub fn new(flavour: Flavour, options: Options) -> Result<Self> {
        Ok(Self { flavour, options, runtime: flavour.build()? })
    }

    /// Whether a row of this name is to be measured. Says so, if it is.
    pub fn wants(&self, name: &str) -> bool {
        let wanted = self.options.wants(name);
        if wanted {
            eprintln!("{name}, {} ...", self.flavour.name());
        }
        wanted
    }

    /// Runs a future as a task of the runtime, and waits for it.
    pub fn spawn<T: Send + 'static>(
        &self,
        round: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let task = self.runtime.spawn(round);
        self.runtime.block_on(task).context("a round has panicked")?
    }

    /// Lets both sides take turns: a warm-up each, and then the rounds, as many as were asked for and
    /// more while they are short, so that a hiccup of the machine does not fill most of them. Who
    /// goes first changes from round to round, so that neither always finds the caches of the other.
    pub fn alternate<A, B>(&self, ours: impl Fn() -> A, peer: impl Fn() -> B) -> Result<Pair>
    where
        A: Future<Output = Result<Duration>> + Send + 'static,
        B: Future<Output = Result<Duration>> + Send + 'static,
    {
        self.spawn(ours())?;
        self.spawn(peer())?;
        let mut times = (Vec::new(), Vec::new());
        let begin = Instant::now();
        for round in 0.. {
            if round >= self.options.rounds && begin.elapsed() >= LEAST_TIME {
                break;
            }
            if round % 2 == 0 {
                times.0.push(self.spawn(ours())?);
                times.1.push(self.spawn(peer())?);
            } else {
                times.1.push(self.spawn(peer())?);
                times.0.push(self.spawn(ours())?);
            }
        }
        eprintln!("  ours {:.3?}\n  kube {:.3?}", times.0, times.1);
        Ok(Pair { ours: median(times.0), peer: median(times.1) })
    }

    /// One side alone: a warm-up and the rounds.
    pub fn alone<A>(&self, round: impl Fn() -> A) -> Result<f64>
    where
        A: Future<Output = Result<Duration>> + Send + 'static,
    {
        self.spawn(round())?;
        let times = (0..self.options.rounds).map(|_| self.spawn(round()));
        let times = times.collect::<Result<Vec<_>>>()?;
        eprintln!("  ours {times:.3?}");
        Ok(median(times))
    }
}

/// The middle one in seconds, or halfway between the two in the middle. Zero if there is none.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let middle = times.len() / 2;
    match times.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => times[middle].as_secs_f64(),
        _ => f64::midpoint(times[middle - 1].as_secs_f64(), times[middle].as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median_of(seconds: &[u64]) -> f64 {
        median(seconds.iter().map(|seconds| Duration::from_secs(*seconds)).collect())
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "whole numbers and halves are exact")]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median_of(&[900, 1, 3]), 3.0);
        assert_eq!(median_of(&[4, 900, 1, 3]), 3.5);
        assert_eq!(median_of(&[7]), 7.0);
        assert_eq!(median_of(&[]), 0.0);
    }
}
