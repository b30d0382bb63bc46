//! Usage over time: what is kept of each reading, in which steps, and for how long.
//!
//! Whatever a row holds is made to be added up: counters of an interval and not since the start, so
//! that a container that began anew in between spoils nothing.

use crate::id::WorkspaceId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One reading of one workspace, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UsageRow {
    /// Which workspace.
    pub workspace: WorkspaceId,
    /// When it was read.
    pub time: Timestamp,
    /// Percent of one processor since the reading before.
    pub cpu_percent: f64,
    /// Bytes of memory in use.
    pub memory: u64,
    /// Bytes received since the reading before.
    pub received: u64,
    /// Bytes sent since the reading before.
    pub sent: u64,
    /// Bytes read from block devices since the reading before.
    pub read: u64,
    /// Bytes written to block devices since the reading before.
    pub written: u64,
    /// Processes and threads.
    pub pids: u64,
}

/// How finely history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// Every reading.
    Raw,
    /// One row a minute.
    Minute,
    /// One row for fifteen minutes.
    Quarter,
}

impl Resolution {
    /// All of them, the finest first.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Minute, Self::Quarter];

    /// How long a row of it speaks for; zero: for the one reading.
    pub const fn step(self) -> Duration {
        match self {
            Self::Raw => Duration::ZERO,
            Self::Minute => Duration::from_mins(1),
            Self::Quarter => Duration::from_mins(15),
        }
    }

    /// How long its rows are kept.
    pub const fn kept(self) -> Duration {
        match self {
            Self::Raw => Duration::from_hours(1),
            Self::Minute => Duration::from_hours(24),
            Self::Quarter => Duration::from_hours(30 * 24),
        }
    }

    /// The finest that reaches back to `since` and is not finer than `step` needs; the coarsest when
    /// none reaches back so far.
    pub fn for_range(since: Timestamp, step: Duration, now: Timestamp) -> Self {
        let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let fits = |resolution: &Self| {
            let next = Self::ALL.into_iter().find(|other| other > resolution);
            let is_needless = next.is_some_and(|next| step >= next.step() * 2);
            resolution.kept() >= age && !is_needless
        };
        Self::ALL.into_iter().find(fits).unwrap_or(Self::Quarter)
    }
}

/// A stretch of time, cut into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Its beginning.
    pub since: Timestamp,
    /// Its end, not included.
    pub until: Timestamp,
    /// The length of a step; zero: as finely as it is kept.
    pub step: Duration,
}

/// The usage of a workspace in one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where the step begins.
    pub time: Timestamp,
    /// Percent of one processor, on average over the readings.
    pub cpu_percent: f64,
    /// The highest of them.
    pub cpu_percent_max: f64,
    /// Bytes of memory in use, on average.
    pub memory_usage: u64,
    /// The highest.
    pub memory_usage_max: u64,
    /// Bytes received in the step.
    pub network_rx_bytes: u64,
    /// Bytes sent in the step.
    pub network_tx_bytes: u64,
    /// Bytes read from block devices in the step.
    pub block_read_bytes: u64,
    /// Bytes written to block devices in the step.
    pub block_write_bytes: u64,
    /// The highest number of processes and threads.
    pub pids_max: u64,
    /// How many readings it is made from.
    pub samples: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    fn chosen(hours: i64, step: u64) -> Resolution {
        let now = Timestamp::from_second(2_000_000_000).unwrap();
        Resolution::for_range(now - hours.hours(), Duration::from_secs(step), now)
    }

    #[test]
    fn the_finest_rows_that_reach_back_far_enough_are_read() {
        assert_eq!(chosen(1, 0), Resolution::Raw);
        assert_eq!(chosen(2, 0), Resolution::Minute);
        assert_eq!(chosen(25, 0), Resolution::Quarter);
        assert_eq!(chosen(24 * 365, 0), Resolution::Quarter);
    }

    #[test]
    fn long_steps_are_made_from_coarser_rows() {
        assert_eq!(chosen(1, 60), Resolution::Raw);
        assert_eq!(chosen(1, 120), Resolution::Minute);
        assert_eq!(chosen(1, 1800), Resolution::Quarter);
    }
}
