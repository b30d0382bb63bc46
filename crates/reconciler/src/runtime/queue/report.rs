//! What the queue tells about itself: numbers, and names.
//!
//! Plain values, true at the moment they were taken. `adds - gets = queued` holds in each.

use std::time::Duration;

use tokio::time::Instant;

/// Counters since the queue was made, and how much is in it now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How often a key came to stand in line.
    pub adds: u64,
    /// How often a key was taken out of the line to run.
    pub gets: u64,
    /// How often something was merged into a key that stood in line already.
    pub merged: u64,
    /// How many causes were left out because their pass had enough of them.
    pub omitted: u64,
    /// How often a failure was to be retried.
    pub retries: u64,
    /// How many passes were reported as a hot loop.
    pub hot_loops: u64,
    /// Keys that stand in line, or will as soon as their present run is over.
    pub queued: usize,
    /// Keys that run.
    pub running: usize,
    /// Keys with a timer: a retry, a wake-up or a reminder.
    pub waiting: usize,
    /// Keys about which anything is known at all; 0 when idle.
    pub known: usize,
    /// Owners of known keys; 0 when idle.
    pub owners: usize,
    /// How long the passes under way have been running, all together.
    pub unfinished_work: Duration,
    /// How long the oldest of them has.
    pub longest_running: Duration,
}

/// Which keys are where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot<K> {
    /// In the order in which they would start if there were room now; those that still run come
    /// last.
    pub queued: Vec<K>,
    /// Oldest first.
    pub running: Vec<K>,
    /// By their earliest deadline. A key may be here and in another list too.
    pub waiting: Vec<(K, Instant)>,
}

/// Where one key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// It stands in line, or will as soon as its present run is over.
    pub queued: bool,
    /// It runs.
    pub running: bool,
    /// How many of its passes failed in a row.
    pub failures: u32,
    /// When it is due at the latest: its retry, wake-up or reminder.
    pub due: Option<Instant>,
}

/// What is worth remembering about the failures of a key beyond the end of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryState {
    /// How many passes failed in a row.
    pub failures: u32,
    /// How many of them lengthen the backoff, at most `failures`.
    pub step: u32,
    /// How long from now until the retry; zero if it is due or was never waited for.
    pub retry_in: Duration,
}
