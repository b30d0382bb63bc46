//! When each workspace was last looked at, and how often: in memory, so that a pass that finds
//! nothing to do writes nothing.
//!
//! Bounded by the number of workspaces; an entry goes with its workspace.

use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use trueup_domain::{id::WorkspaceId, status::Status};

/// The looks at one workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempted {
    /// The last one.
    pub last: Timestamp,
    /// How many there were, counting on from what the store knew.
    pub count: u64,
}

/// The looks at all workspaces.
#[derive(Debug, Default)]
pub struct Activity(Mutex<HashMap<WorkspaceId, Attempted>>);

impl Activity {
    /// Notes a look, and says what is known with it.
    pub fn note(&self, id: WorkspaceId, stored: &Status, now: Timestamp) -> Attempted {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(&id).map_or(stored.sync_attempts, |attempted| attempted.count);
        let attempted = Attempted { last: now, count: before.max(stored.sync_attempts) + 1 };
        all.insert(id, attempted);
        attempted
    }

    /// What is known of one workspace; `None` before its first look.
    pub fn of(&self, id: WorkspaceId) -> Option<Attempted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// Forgets a workspace that is gone.
    pub fn forget(&self, id: WorkspaceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}
