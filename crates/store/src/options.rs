//! The bounds and deadlines of a store. Each has a default that fits one small machine.

use std::time::Duration;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The instance id of a store that has none yet; a store that has one keeps it.
    pub new_instance_id: String,
    /// How many passes are kept of each workspace.
    pub passes_per_workspace: u32,
    /// How many passes are kept of all removed workspaces together, the newest.
    pub passes_of_removed: u32,
    /// How many events are kept. Trimming is done at leisure, so that a few hundred more may be there
    /// for a while.
    pub events: u64,
    /// How many changes a subscriber may be behind before it misses some; rounded up to a power of two.
    pub change_buffer: usize,
    /// How many calls may wait for the writer; further ones wait for a place, up to their deadline.
    pub queue: usize,
    /// How many calls share a commit at most.
    pub batch: usize,
    /// How many connections there are for reading.
    pub readers: u32,
    /// How long a call may take before it fails with a `Backend` error. A write that was given up
    /// before its turn is not carried out; one that was under way may be.
    pub deadline: Duration,
    /// How long SQLite waits for another process that has locked the file.
    pub busy_timeout: Duration,
    /// How long after a write the write-ahead log is folded into the file, and how often a store that
    /// failed to write tries again by itself.
    pub upkeep_after: Duration,
    /// How large the database file may grow, in bytes; `None`: as large as the disk allows. Writes
    /// beyond it fail, everything else goes on.
    pub largest_file: Option<u64>,
}

impl Options {
    /// The defaults, with an instance id for a store that is new.
    pub fn new(new_instance_id: impl Into<String>) -> Self {
        Self {
            new_instance_id: new_instance_id.into(),
            passes_per_workspace: 50,
            passes_of_removed: 10_000,
            events: 1_000_000,
            change_buffer: 4096,
            queue: 1024,
            batch: 256,
            readers: 4,
            deadline: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(5),
            upkeep_after: Duration::from_secs(10),
            largest_file: None,
        }
    }
}
