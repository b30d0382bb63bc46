//! The resource as it is stored: what was declared, and what was last observed.

use crate::{
    id::{ContainerId, Generation, ResourceVersion, WorkspaceId},
    name::WorkspaceKey,
    spec::{Metadata, Spec},
    status::{Phase, Status},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A declared workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// Its identity for life.
    pub id: WorkspaceId,
    /// Its name, owner and labels.
    pub metadata: Metadata,
    /// What it should be.
    pub spec: Spec,
    /// Counts the changes of the spec.
    pub generation: Generation,
    /// Moves with every change of what is desired; a write that names an older one is refused.
    pub resource_version: ResourceVersion,
    /// When it was first declared.
    pub created_at: Timestamp,
    /// The container that somebody else made and that was taken over for it, by its id: it carries no
    /// label of ours. Forgotten with the first change of the spec that needs another container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<ContainerId>,
    /// Set once somebody asked for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
    /// What was last observed.
    #[serde(default)]
    pub status: Status,
}

impl Workspace {
    /// `owner/name`.
    pub fn key(&self) -> WorkspaceKey {
        self.metadata.key()
    }

    /// The phase to show: a deletion that was asked for shows at once, before its first pass.
    pub fn phase(&self) -> Phase {
        match (self.deletion.is_some(), self.status.phase) {
            (true, Phase::Unknown) => Phase::Unknown,
            (true, _) => Phase::Deleting,
            (false, phase) => phase,
        }
    }
}

/// That and how a workspace is to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// By whom.
    pub actor: String,
    /// Whether its named volumes go with it.
    pub volumes: bool,
}
