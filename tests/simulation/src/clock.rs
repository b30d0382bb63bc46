//! The controller's wall clock: tokio's clock put on a date. The engine's own clock is another one.

use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;
use trueup_domain::{id::WorkspaceId, port::Clock};

/// Seconds since 1970 at which every run begins.
const BEGIN: i64 = 1_767_225_600;

/// A clock that moves with tokio's, and numbers workspaces in their order.
#[derive(Debug)]
pub(crate) struct SimClock {
    origin: Instant,
    ids: AtomicU64,
}

impl SimClock {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), ids: AtomicU64::new(1) }
    }

    /// How long the run has lasted.
    pub(crate) fn elapsed(&self) -> std::time::Duration {
        self.origin.elapsed()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let begin = Timestamp::from_second(BEGIN).unwrap_or(Timestamp::UNIX_EPOCH);
        let elapsed = SignedDuration::try_from(self.origin.elapsed()).unwrap_or_default();
        begin.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    fn workspace_id(&self) -> WorkspaceId {
        let number = self.ids.fetch_add(1, Ordering::SeqCst);
        // Shaped like a UUID of version 7; the text is always one.
        format!("0195a0000000700080000000{number:08x}").parse().unwrap_or_else(|_| unreachable!())
    }
}
