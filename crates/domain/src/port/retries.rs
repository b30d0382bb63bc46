//! The retries: the failures of workspaces in a row, kept so that a restart of the controller does not
//! try at full speed again what failed before it.
//!
//! A port of its own beside [`PassLog`](super::PassLog): a failure is the queue's business and not the
//! workspace's, so that recording one makes no generation, no resource version and no
//! [`Change`](super::Change). Absent on purpose: any judgement of when to retry.

use crate::{error::StoreError, id::WorkspaceId};
use async_trait::async_trait;
use jiff::Timestamp;

/// The failures of one workspace since its last success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryState {
    /// How many passes failed in a row.
    pub failures: u32,
    /// How many of them lengthen the backoff: those that came after the wait before them was over.
    pub step: u32,
    /// When the next retry is due; `None`: not until something changes.
    pub retry_at: Option<Timestamp>,
}

/// Where the failures survive a restart.
#[async_trait]
pub trait Retries: Send + Sync + 'static {
    /// The states of all workspaces that have one, ordered by id.
    ///
    /// # Errors
    /// [`StoreError::Backend`], also when a single state cannot be read: none is left out.
    async fn load(&self) -> Result<Vec<(WorkspaceId, RetryState)>, StoreError>;

    /// Stores the states in place of those before, in one transaction; `None` forgets the failures of
    /// the workspace.
    ///
    /// Where a workspace comes several times, its last entry counts. One that does not exist, or does
    /// not any more, is left out without a word, as its removal may have overtaken the call; the
    /// removal of a workspace takes its state along.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; none of the changes was made then, unless the outcome of the
    /// transaction itself is unknown.
    async fn record(
        &self,
        changes: Vec<(WorkspaceId, Option<RetryState>)>,
    ) -> Result<(), StoreError>;
}
