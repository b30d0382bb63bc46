//! Reading: workspaces, passes, events, and the controller itself.

use super::{shape::Shape, usage::WorkspaceMetrics};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trueup_domain::{event::Event, id::EventId, pass::Pass, workspace::Workspace};

/// A workspace as the API shows it: the fields of what is stored, `live` beside them, and `metrics`
/// within `status`.
///
/// `status.phase` shows a deletion at once; `status.lastSyncAttempt` and `status.syncAttempts` are
/// as fresh as the controller's memory.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkspaceView {
    /// What is stored.
    pub workspace: Workspace,
    /// What the controller is doing about it; none before the controller has taken it up.
    pub live: Option<LiveView>,
    /// What it uses; travels as `status.metrics`.
    pub metrics: WorkspaceMetrics,
}

impl Serialize for WorkspaceView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shape::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WorkspaceView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Shape::deserialize(deserializer).map(Self::from)
    }
}

/// What only the running controller knows of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveView {
    /// When a pass last looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_attempt: Option<Timestamp>,
    /// How many passes there were.
    pub sync_attempts: u64,
    /// Whether a pass is due.
    pub queued: bool,
    /// Whether a pass runs now.
    pub running: bool,
    /// When the next pass is due at the latest, if no cause comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_wake: Option<Timestamp>,
}

/// The answer to `GET /v1/workspaces`, ordered by owner and name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceList {
    /// The workspaces.
    pub items: Vec<WorkspaceView>,
}

/// The answer to `GET /v1/workspaces/{owner}/{name}/passes`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassList {
    /// The passes.
    pub items: Vec<Pass>,
}

/// The answer to `GET /v1/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventPage {
    /// The events in their order.
    pub items: Vec<Event>,
    /// The `after` of the next request: nothing is missed and nothing comes twice.
    pub next: EventId,
}

/// The answer to `GET /v1/version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// The controller's version.
    pub version: String,
    /// The value of the label `trueup.instance-id` on all that this controller makes.
    pub instance_id: String,
    /// When it started.
    pub started_at: Timestamp,
}

/// The answer to `GET /healthz` and `GET /readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether every check is good.
    pub ok: bool,
    /// What was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What: `store` or `engine`.
    pub name: String,
    /// Whether it is good.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}
