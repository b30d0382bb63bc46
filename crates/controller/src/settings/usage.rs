//! How the usage of workspaces is read, and from when on it is too much.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use trueup_domain::{quantity::Period, usage::Thresholds};

/// The shortest interval: what a kernel counts in less is mostly its own clock's ticks.
const SHORTEST: Duration = Duration::from_secs(1);

/// Resource usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// How often each running workspace is read.
    pub interval: Period,
    /// From how many percent of its processors on a workspace uses too much; 0: never.
    pub cpu_threshold: u32,
    /// The same of its memory.
    pub memory_threshold: u32,
    /// The same of its processes.
    pub pids_threshold: u32,
    /// How long it must be so, or not be so any more.
    pub hold: Period,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            interval: Period::from_secs(10),
            cpu_threshold: 0,
            memory_threshold: 90,
            pids_threshold: 90,
            hold: Period::from_secs(60),
        }
    }
}

impl Usage {
    /// The thresholds in the sampler's words.
    pub fn thresholds(&self) -> Thresholds {
        let of = |percent: u32| (percent > 0).then(|| f64::from(percent));
        Thresholds {
            cpu: of(self.cpu_threshold),
            memory: of(self.memory_threshold),
            pids: of(self.pids_threshold),
            hold: self.hold.duration(),
        }
    }

    /// Rules that a type cannot hold.
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |key, why: &str| Err(Error::Setting { key, why: why.to_owned() });
        if self.interval.duration() < SHORTEST {
            return wrong("usage.interval", "must be at least 1s");
        }
        let percents = [
            ("usage.cpu_threshold", self.cpu_threshold),
            ("usage.memory_threshold", self.memory_threshold),
            ("usage.pids_threshold", self.pids_threshold),
        ];
        match percents.into_iter().find(|(_, percent)| *percent > 100) {
            Some((key, _)) => wrong(key, "is a percentage: 1 to 100, or 0 for none"),
            None => Ok(()),
        }
    }
}
