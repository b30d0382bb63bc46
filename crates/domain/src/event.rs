//! The event log's entries: what happened to a workspace, who did it, and why.

use crate::{
    id::{EventId, WorkspaceId},
    name::WorkspaceKey,
    status::WorkspaceStatus,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The actor of what the controller does by itself.
pub const CONTROLLER: &str = "trueup";

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// The coarse status changed, or was set for the first time.
    StatusChanged,
    /// The container changed, or somebody changed what it should be.
    ContainerUpdate,
    /// Something failed.
    Error,
    /// Something that was wrong is right again.
    Recovery,
    /// Usage crossed a threshold.
    MetricsUpdate,
    /// A user asked for a sync.
    SyncStart,
    /// The pass that a user asked for is over.
    SyncComplete,
}

impl EventType {
    /// The word for it, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StatusChanged => "status_changed",
            Self::ContainerUpdate => "container_update",
            Self::Error => "error",
            Self::Recovery => "recovery",
            Self::MetricsUpdate => "metrics_update",
            Self::SyncStart => "sync_start",
            Self::SyncComplete => "sync_complete",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An event before the store has given it its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewEvent {
    /// When it happened.
    pub time: Timestamp,
    /// What kind of thing.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Who did it: a user, or `trueup`.
    pub actor: String,
    /// Why, as one word.
    pub reason: String,
    /// In words, for people.
    pub message: String,
    /// The coarse status before, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_status: Option<WorkspaceStatus>,
    /// The coarse status after, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_status: Option<WorkspaceStatus>,
    /// The trace of the pass that wrote it, as 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its place in the log.
    pub id: EventId,
    /// The workspace's identity.
    pub workspace_id: WorkspaceId,
    /// What the workspace was called.
    pub workspace: WorkspaceKey,
    /// What happened.
    #[serde(flatten)]
    pub what: NewEvent,
}
