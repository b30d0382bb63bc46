//! Where the engine is, whose objects are ours, and every limit that the adapter keeps.
//!
//! All values have a default that suits a local engine. Deliberately absent: reading them from a
//! file or the environment, which is the controller's job.

use std::{num::NonZero, time::Duration};
use trueup_domain::id::InstanceId;

/// How an engine is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// `unix:///path` or `tcp://host:port`.
    pub host: String,
    /// Only objects with this label are ours.
    pub instance_id: InstanceId,
    /// How long each kind of call may take.
    pub deadlines: Deadlines,
    /// How many calls of a kind may be under way.
    pub concurrency: Concurrency,
}

impl Options {
    /// The defaults for the engine at `host`.
    pub fn new(host: impl Into<String>, instance_id: InstanceId) -> Self {
        Self {
            host: host.into(),
            instance_id,
            deadlines: Deadlines::default(),
            concurrency: Concurrency::default(),
        }
    }
}

/// How long calls may take, their answers read to the end. The wait for a place in a lane comes on
/// top and is bounded by the same figure.
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

/// How many calls may be under way at once, by lane.
#[derive(Debug, Clone, Copy)]
pub struct Concurrency {
    /// Create, start and remove. The engine saturates at two to four times its cores: four, as a hundred
    /// starts take a sixth longer with two.
    pub heavy: NonZero<u32>,
    /// Everything else that changes something; a stop may wait for its grace in here.
    pub light: NonZero<u32>,
    /// Inspect and list.
    pub reads: NonZero<u32>,
    /// Pulls.
    pub pulls: NonZero<u32>,
}

impl Default for Concurrency {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, NonZero::get);
        let heavy = u32::try_from(cores * 4).unwrap_or(u32::MAX).clamp(4, 16);
        let count = |count| NonZero::new(count).unwrap_or(NonZero::<u32>::MIN);
        Self { heavy: count(heavy), light: count(64), reads: count(32), pulls: count(3) }
    }
}
