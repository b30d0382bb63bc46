//! How long things take inside of the engine.

use std::{ops::Range, time::Duration};

/// How long things take inside of the engine; the defaults were measured.
#[derive(Debug, Clone)]
pub struct Tempo {
    /// From a KILL to the end of the process.
    pub kill: Range<Duration>,
    /// From a TERM to the end of a process that hears it.
    pub term: Range<Duration>,
    /// How long a list still shows the old state after an end.
    pub stale_list: Range<Duration>,
    /// How long a removal takes.
    pub removal: Range<Duration>,
    /// From an end to the restart by the engine's own policy; it doubles with each in a row.
    pub policy_restart: Duration,
    /// How long a pull takes for which nothing else is said.
    pub pull: Range<Duration>,
}

impl Default for Tempo {
    fn default() -> Self {
        let millis = Duration::from_millis;
        Self {
            kill: millis(15)..millis(35),
            term: millis(20)..millis(60),
            stale_list: millis(5)..millis(150),
            removal: millis(25)..millis(95),
            policy_restart: millis(100),
            pull: millis(500)..millis(4000),
        }
    }
}
