//! Thresholds: when much becomes too much, and when it is over.
//!
//! Invariant: neither is said before it was so for the whole hold time, and what is between the two
//! marks changes nothing; so figures that go up and down around a mark make no noise.

use super::Usage;
use crate::spec::Resources;
use std::{fmt, time::Duration};

/// What can be short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
    /// Processes and threads.
    Pids,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Pids];

    /// The reason of the condition, as one word.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Cpu => "CpuHigh",
            Self::Memory => "MemoryHigh",
            Self::Pids => "PidsHigh",
        }
    }

    /// Whether a condition's reason is one of these.
    pub fn is_reason(reason: &str) -> bool {
        Self::ALL.into_iter().any(|resource| resource.reason() == reason)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Pids => "processes",
        })
    }
}

/// How much is too much, in percent of what the workspace may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Of its processors; `None`: any use is fine.
    pub cpu: Option<f64>,
    /// Of its memory.
    pub memory: Option<f64>,
    /// Of its processes.
    pub pids: Option<f64>,
    /// How long it must be so.
    pub hold: Duration,
}

impl Thresholds {
    const fn of(&self, resource: Resource) -> Option<f64> {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
            Resource::Pids => self.pids,
        }
    }
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}% or more of its limit", self.resource, self.threshold)
    }
}

/// It is over only below this share of the threshold.
const LEFT: f64 = 0.9;

/// That a workspace uses more than a threshold allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pressure {
    /// What of.
    pub resource: Resource,
    /// The threshold, in percent of what it may use, rounded.
    pub threshold: u32,
}

/// One workspace's state between the marks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watch {
    marks: [Mark; Resource::ALL.len()],
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    is_beyond: bool,
    /// Since when the figures say the opposite, on the caller's clock.
    contrary_since: Option<Duration>,
}

impl Watch {
    /// One that goes on where an earlier process stopped, which had given this reason.
    pub fn resume(reason: &str) -> Self {
        let marks = Resource::ALL
            .map(|resource| Mark { is_beyond: resource.reason() == reason, contrary_since: None });
        Self { marks }
    }

    /// Takes new figures, read at `at` on a clock that never goes back. Whether what
    /// [`pressures`](Self::pressures) says has changed.
    pub fn note(
        &mut self,
        usage: &Usage,
        limits: &Resources,
        thresholds: &Thresholds,
        at: Duration,
    ) -> bool {
        let mut has_changed = false;
        for (mark, resource) in self.marks.iter_mut().zip(Resource::ALL) {
            let share = share(resource, usage, limits);
            has_changed |= match (share, thresholds.of(resource)) {
                (Some(share), Some(threshold)) => mark.note(share, threshold, thresholds.hold, at),
                // A figure that is not known says nothing; one that nobody watches is fine.
                (None, Some(_)) => false,
                (_, None) => std::mem::take(mark).is_beyond,
            };
        }
        has_changed
    }

    /// Nothing is known from here to the next figures: what was so before says nothing about the time
    /// between.
    pub fn lose_sight(&mut self) {
        self.marks.iter_mut().for_each(|mark| mark.contrary_since = None);
    }

    /// What it is beyond now.
    pub fn pressures(&self, thresholds: &Thresholds) -> Vec<Pressure> {
        self.marks
            .iter()
            .zip(Resource::ALL)
            .filter(|(mark, _)| mark.is_beyond)
            .filter_map(|(_, resource)| {
                let threshold = thresholds.of(resource)?;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "percent, saturating"
                )]
                Some(Pressure { resource, threshold: threshold.round() as u32 })
            })
            .collect()
    }
}

impl Mark {
    fn note(&mut self, share: f64, threshold: f64, hold: Duration, at: Duration) -> bool {
        let is_contrary =
            if self.is_beyond { share < threshold * LEFT } else { share >= threshold };
        if !is_contrary {
            self.contrary_since = None;
            return false;
        }
        let since = *self.contrary_since.get_or_insert(at);
        if at.saturating_sub(since) < hold {
            return false;
        }
        *self = Self { is_beyond: !self.is_beyond, contrary_since: None };
        true
    }
}

/// How much of what it may use it does use, in percent.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(resource: Resource, usage: &Usage, limits: &Resources) -> Option<f64> {
    let (used, most) = match resource {
        Resource::Cpu => (usage.cpu_percent?, limits.cpus.nanos() as f64 / 1e7),
        Resource::Memory => (usage.memory_usage as f64, usage.memory_limit as f64),
        Resource::Pids => (usage.pids as f64, f64::from(limits.pids)),
    };
    (most > 0.0).then(|| used / most * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Transfer;
    use jiff::Timestamp;

    const THRESHOLDS: Thresholds =
        Thresholds { cpu: None, memory: Some(80.0), pids: None, hold: Duration::from_secs(30) };

    fn usage(memory: u64) -> Usage {
        Usage {
            time: Timestamp::UNIX_EPOCH,
            cpu_percent: Some(1000.0),
            memory_usage: memory,
            memory_limit: 100,
            network: Transfer::default(),
            block: Transfer::default(),
            pids: 1000,
            started_at: None,
            last_activity: None,
        }
    }

    /// The times at which something was said, as memory goes through these figures every ten seconds.
    fn changes(figures: &[u64]) -> Vec<(u64, bool)> {
        let mut watch = Watch::default();
        let limits = Resources::default();
        (0..)
            .map(|tick| tick * 10)
            .zip(figures)
            .filter_map(|(second, memory)| {
                let at = Duration::from_secs(second);
                watch
                    .note(&usage(*memory), &limits, &THRESHOLDS, at)
                    .then(|| (second, !watch.pressures(&THRESHOLDS).is_empty()))
            })
            .collect()
    }

    #[test]
    fn much_is_too_much_only_after_the_hold_time() {
        assert_eq!(changes(&[80, 85, 90]), []);
        assert_eq!(changes(&[80, 85, 90, 95, 99]), [(30, true)]);
        assert_eq!(changes(&[80, 85, 79, 80, 85, 90, 95]), [(60, true)]);
    }

    #[test]
    fn time_in_which_nothing_is_known_does_not_count() {
        let mut watch = Watch::default();
        let limits = Resources::default();
        let note = |watch: &mut Watch, second| {
            watch.note(&usage(90), &limits, &THRESHOLDS, Duration::from_secs(second))
        };
        assert!(!note(&mut watch, 0));
        watch.lose_sight();
        assert!(!note(&mut watch, 300));
        assert!(note(&mut watch, 330));
        watch.lose_sight();
        assert_eq!(watch.pressures(&THRESHOLDS).len(), 1, "what was said stays");
    }

    #[test]
    fn it_is_over_only_well_below_and_after_the_hold_time() {
        let high = [90, 90, 90, 90];
        let then = |figures: &[u64]| changes(&[&high[..], figures].concat());
        assert_eq!(then(&[71, 71, 71, 71]), [(30, true), (70, false)]);
        assert_eq!(then(&[75, 75, 75, 75, 75]), [(30, true)], "between the marks");
        assert_eq!(then(&[71, 71, 73, 71, 71, 71, 71]), [(30, true), (100, false)]);
    }

    #[test]
    fn what_nobody_watches_is_never_too_much() {
        let mut watch = Watch::default();
        for second in 0..100 {
            let at = Duration::from_secs(second);
            assert!(!watch.note(&usage(10), &Resources::default(), &THRESHOLDS, at));
        }
        assert_eq!(watch.pressures(&THRESHOLDS), []);
    }
}
