//! The bounds and deadlines of the history. Each has a default that fits one small machine.

use std::time::Duration;

/// How a history is opened.
#[derive(Debug, Clone)]
pub struct UsageOptions {
    /// How long a call may take before it fails. Rows that were given up before their turn are not
    /// kept; those that were under way may be.
    pub deadline: Duration,
    /// How many rows may wait for the writer; those beyond it are dropped.
    pub queue: usize,
    /// How many connections there are for reading.
    pub readers: u32,
    /// How long SQLite waits for another process that has locked the file.
    pub busy_timeout: Duration,
    /// How large the file may grow, in bytes. Beyond it the oldest rows go before their time. A batch
    /// that is larger than a quarter of it may fail.
    pub largest_file: u64,
    /// How long the clock must have gone evenly before anything is added up or removed by it.
    pub steady_after: Duration,
}

impl Default for UsageOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            queue: 64 * 1024,
            readers: 2,
            busy_timeout: Duration::from_secs(5),
            largest_file: 2 << 30,
            steady_after: Duration::from_mins(10),
        }
    }
}
