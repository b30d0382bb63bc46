//! Resource usage: what the kernel counts for one container, and what is made of it.
//!
//! A [`Reading`] is a set of counters at one moment; [`Usage`] is what two of them say. Invariant: a
//! figure that is not known is absent, never guessed and never taken from another run of the
//! container. Deliberately absent: where readings come from, which is a
//! [port](crate::port::UsageSource).

mod history;
mod said;
mod session;
mod summary;
mod threshold;

pub use history::{Point, Range, Resolution, UsageRow};
pub use said::Said;
pub use session::CommandDigest;
pub use summary::Summary;
pub use threshold::{Pressure, Resource, Thresholds, Watch};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// What was counted for one run of one container up to one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// When, on a clock that never goes back. Only the difference of two readings of one gauge means
    /// anything.
    pub at: Duration,
    /// The CPU time of all its processes.
    pub cpu: Duration,
    /// Bytes of memory in use, without the file cache that the kernel gives back first.
    pub memory: u64,
    /// Bytes of memory that it may use; without a limit all that the host has.
    pub memory_limit: u64,
    /// How many processes and threads it has.
    pub pids: u64,
    /// Bytes through all its network interfaces but loopback.
    pub network: Transfer,
    /// Bytes from and to block devices.
    pub block: Transfer,
}

/// Bytes in two directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Transfer {
    /// Received, or read.
    pub inward: u64,
    /// Sent, or written.
    pub outward: u64,
}

impl Transfer {
    /// What came since `before`; `None` when the counters began anew in between.
    pub const fn since(self, before: Self) -> Option<Self> {
        match (self.inward.checked_sub(before.inward), self.outward.checked_sub(before.outward)) {
            (Some(inward), Some(outward)) => Some(Self { inward, outward }),
            _ => None,
        }
    }

    /// Both directions together.
    pub const fn total(self) -> u64 {
        self.inward.saturating_add(self.outward)
    }
}

impl Reading {
    /// What happened between an earlier reading of the same run and this one. `None` when no time has
    /// passed or a counter went back: then the two do not belong together.
    pub fn since(&self, before: &Self) -> Option<Interval> {
        let length = self.at.checked_sub(before.at).filter(|length| !length.is_zero())?;
        Some(Interval {
            length,
            cpu: self.cpu.checked_sub(before.cpu)?,
            network: self.network.since(before.network)?,
            block: self.block.since(before.block)?,
        })
    }
}

/// What happened between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// How long it was.
    pub length: Duration,
    /// CPU time.
    pub cpu: Duration,
    /// Bytes over the network.
    pub network: Transfer,
    /// Bytes from and to block devices.
    pub block: Transfer,
}

impl Interval {
    /// The share of processors, in percent of one: two that are busy all the time are 200.
    pub fn cpu_percent(&self) -> f64 {
        self.cpu.as_secs_f64() / self.length.as_secs_f64() * 100.0
    }
}

/// The newest figures of a running workspace.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// When they were read.
    pub time: Timestamp,
    /// Percent of one processor since the reading before; `None` at the first of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Bytes of memory in use.
    pub memory_usage: u64,
    /// Bytes of memory that it may use.
    pub memory_limit: u64,
    /// Bytes over the network since the container's start.
    pub network: Transfer,
    /// Bytes from and to block devices since the container's start.
    pub block: Transfer,
    /// Processes and threads.
    pub pids: u64,
    /// When the container was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it last did something; `None`: not since it is watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<Timestamp>,
}

/// Where a workspace's figures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The kernel's own files.
    ControlGroup,
    /// The engine's statistics, which cost it some milliseconds each; and why not the files.
    EngineStats {
        /// As a sentence without its full stop.
        why: String,
    },
    /// None: it cannot be measured now.
    None {
        /// As a sentence without its full stop.
        why: String,
    },
}

impl Source {
    /// The reason of the condition, as one word.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::ControlGroup => "ControlGroup",
            Self::EngineStats { .. } => "EngineStats",
            Self::None { .. } => "Unreadable",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlGroup => f.write_str("control group files"),
            Self::EngineStats { why } => write!(f, "the engine's statistics, as {why}"),
            Self::None { why } => write!(f, "nowhere, as {why}"),
        }
    }
}

/// What is said about a workspace besides its figures, for its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Where its figures come from.
    pub source: Source,
    /// The thresholds that it is beyond, in the order of [`Resource`].
    pub pressures: Vec<Pressure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at: u64, cpu_ms: u64, bytes: u64) -> Reading {
        let transfer = Transfer { inward: bytes, outward: 2 * bytes };
        Reading {
            at: Duration::from_secs(at),
            cpu: Duration::from_millis(cpu_ms),
            memory: 0,
            memory_limit: 0,
            pids: 1,
            network: transfer,
            block: transfer,
        }
    }

    #[test]
    fn a_hundred_percent_is_one_processor() {
        let interval = reading(12, 5_000, 7).since(&reading(10, 1_000, 3)).unwrap();
        assert!((interval.cpu_percent() - 200.0).abs() < 1e-9);
        assert_eq!(interval.network, Transfer { inward: 4, outward: 8 });
    }

    #[test]
    fn readings_that_do_not_belong_together_say_nothing() {
        let before = reading(10, 1_000, 3);
        assert_eq!(reading(10, 1_000, 3).since(&before), None, "no time has passed");
        assert_eq!(reading(12, 999, 3).since(&before), None, "the CPU time went back");
        assert_eq!(reading(12, 1_000, 2).since(&before), None, "the bytes went back");
        assert_eq!(reading(9, 1_000, 3).since(&before), None, "the clock went back");
    }
}
