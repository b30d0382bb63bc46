//! What a simulated engine is started with: its seed, whose objects count as ours, and how long things
//! take.
//!
//! All values have a default that was measured on a real engine. Deliberately absent: what goes wrong,
//! which is [`Faults`](crate::Faults)'.

use crate::{CallKind, Tempo};
use jiff::Timestamp;
use std::{ops::Range, time::Duration};
use trueup_domain::id::InstanceId;

/// How a simulated engine is started.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// Everything that is left to chance follows from it.
    pub seed: u64,
    /// Only objects with this label are ours.
    pub instance: InstanceId,
    /// What the engine's clock says when it is made.
    pub begins: Timestamp,
    /// How long calls may take before they are given up.
    pub deadlines: Deadlines,
    /// How long calls take.
    pub latency: Latency,
    /// How long things take inside of the engine.
    pub tempo: Tempo,
    /// How many pulls may be under way; one more is refused as busy.
    pub pulls: usize,
}

impl SimOptions {
    /// The defaults. The clock begins at the start of the year 2026.
    pub fn new(seed: u64, instance: InstanceId) -> Self {
        // Seconds since 1970; a constant that any timestamp can hold.
        let begins = Timestamp::from_second(1_767_225_600).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            seed,
            instance,
            begins,
            deadlines: Deadlines::default(),
            latency: Latency::default(),
            tempo: Tempo::default(),
            pulls: 3,
        }
    }
}

/// How long calls may take; the same figures as the adapter for real engines has.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Inspect, list, the clock, and the beginning of the events.
    pub read: Duration,
    /// Create, start, rename, update, pause, and all that concerns networks and volumes.
    pub change: Duration,
    /// What a stop may take beyond its grace.
    pub stop_margin: Duration,
    /// Remove a container.
    pub remove: Duration,
    /// Pull an image.
    pub pull: Duration,
    /// How long a pull may make no progress.
    pub pull_silence: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(5),
            change: Duration::from_secs(30),
            stop_margin: Duration::from_secs(15),
            remove: Duration::from_mins(1),
            pull: Duration::from_mins(30),
            pull_silence: Duration::from_mins(2),
        }
    }
}

/// How long a call takes until the engine acts on it; the way back of the answer takes as long as a read.
#[derive(Debug, Clone)]
pub struct Latency {
    /// Inspect, list, look up.
    pub read: Range<Duration>,
    /// Everything else that is quick.
    pub change: Range<Duration>,
    /// Create, start, and make a network.
    pub heavy: Range<Duration>,
    /// One call in so many takes ten times as long; 0: none does.
    pub slow_one_in: u32,
}

impl Latency {
    /// No latency at all: every call takes effect and is answered at once.
    pub const fn none() -> Self {
        let none = Duration::ZERO..Duration::ZERO;
        Self {
            read: Duration::ZERO..Duration::ZERO,
            change: none.start..none.end,
            heavy: none,
            slow_one_in: 0,
        }
    }

    /// A draw for the way to the engine.
    pub(crate) fn draw(&self, kind: CallKind, rng: &mut fastrand::Rng) -> Duration {
        let range = match kind {
            CallKind::Create | CallKind::Start | CallKind::CreateNetwork => &self.heavy,
            kind if kind.mutates() => &self.change,
            _ => &self.read,
        };
        let usual = between(range, rng);
        let slow = self.slow_one_in > 0 && rng.u32(0..self.slow_one_in) == 0;
        if slow { usual.saturating_mul(10) } else { usual }
    }

    /// A draw for the way back.
    pub(crate) fn draw_back(&self, rng: &mut fastrand::Rng) -> Duration {
        between(&self.read, rng) / 4
    }
}

impl Default for Latency {
    fn default() -> Self {
        let millis = Duration::from_millis;
        Self {
            read: millis(1)..millis(12),
            change: millis(5)..millis(40),
            heavy: millis(40)..millis(140),
            slow_one_in: 100,
        }
    }
}

/// A draw, to the microsecond; the start of an empty range.
pub(crate) fn between(range: &Range<Duration>, rng: &mut fastrand::Rng) -> Duration {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let (from, to) = (micros(range.start), micros(range.end));
    Duration::from_micros(if from < to { rng.u64(from..to) } else { from })
}
