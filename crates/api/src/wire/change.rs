//! Changing: what is asked, and what came of it.

use super::WorkspaceView;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, str::FromStr};
use trueup_domain::{id::ResourceVersion, name::WorkspaceKey, spec::DesiredState};

/// The body of `POST /v1/workspaces`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyRequest {
    /// Manifests as they are in a file, each with `apiVersion`, `kind`, `metadata` and `spec`.
    pub manifests: Vec<Value>,
    /// Only say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
}

/// The answer to an apply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyResponse {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What came of each manifest, in their order.
    pub items: Vec<Applied>,
}

/// What came of one change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Which workspace.
    pub key: WorkspaceKey,
    /// What came of it.
    pub outcome: Outcome,
    /// The workspace as it is now; none in a dry run that would create it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceView>,
}

/// What came of a change, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was not there before.
    Created,
    /// It was changed.
    Configured,
    /// It was so already.
    Unchanged,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
        })
    }
}

/// The body of `POST /v1/workspaces/{owner}/{name}/{verb}`; it may be left out.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct StateRequest {
    /// The version that the sender has seen; a newer one is a conflict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<ResourceVersion>,
}

/// The verbs that change the desired state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Run.
    Start,
    /// End the process, keep the container.
    Stop,
    /// Freeze.
    Pause,
    /// Run, and forget that recovery gave up.
    Resume,
    /// Remove the container, keep the volumes.
    Archive,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Start, Self::Stop, Self::Pause, Self::Resume, Self::Archive];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Archive => "archive",
        }
    }

    /// The state that it asks for.
    pub const fn state(self) -> DesiredState {
        match self {
            Self::Start | Self::Resume => DesiredState::Running,
            Self::Stop => DesiredState::Stopped,
            Self::Pause => DesiredState::Paused,
            Self::Archive => DesiredState::Archived,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Verb {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|verb| verb.as_str() == word)
            .ok_or_else(|| format!("`{word}` is nothing that can be done to a workspace"))
    }
}

/// The answer to a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncResponse {
    /// How many workspaces will be reconciled.
    pub requested: usize,
}
