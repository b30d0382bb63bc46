//! The one file that reads the wall clock and makes ids.
//!
//! Everything else takes the [`Clock`] port, so that a test can hold time still.

#![expect(clippy::disallowed_methods, reason = "this is the file that the rule speaks of")]

use jiff::Timestamp;
use trueup_domain::{id::WorkspaceId, port::Clock};
use uuid::Uuid;

/// The host's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn workspace_id(&self) -> WorkspaceId {
        WorkspaceId::new(Uuid::now_v7())
    }
}
