//! All that an engine holds of ours, whichever workspace it belongs to.
//!
//! A port of its own beside [`Engine`](super::Engine): passes look after one workspace each and never
//! ask for everything. Deliberately absent: any judgement of what should be there, which is
//! [`orphan`](crate::orphan)'s, and of what may be adopted, which is [`adoption`](crate::adoption)'s.

use crate::{
    adoption::Candidate,
    error::EngineError,
    id::{ContainerId, WorkspaceId},
};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An engine as a store of things that carry our instance id.
#[async_trait]
pub trait Inventory: Send + Sync + 'static {
    /// Everything that carries our instance id and was made by us: what has the label only because its
    /// image does is a stranger's.
    async fn stock(&self) -> Result<Stock, EngineError>;

    /// Removes the object that was found, and no other: by its id, and only while it is still ours and
    /// nothing uses it. The volumes without a name that a container mounts go with it only if `volumes`
    /// are to go: there is data in them.
    ///
    /// # Errors
    /// Also [`Reason::NameConflict`](crate::error::Reason::NameConflict), when something else has taken
    /// its name since.
    async fn remove(&self, object: &Object, volumes: bool) -> Result<Removal, EngineError>;

    /// Any container with that id, beginning of an id, or name, with what decides whether it can be
    /// adopted; `None` when there is none.
    async fn candidate(&self, container: &ContainerId) -> Result<Option<Candidate>, EngineError>;
}

/// What an engine holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// When it was looked at, by the engine's own clock, as the times of the objects are.
    pub at: Timestamp,
    /// Everything of ours.
    pub objects: Vec<Object>,
    /// The ids of all containers that are not among the objects: an adopted one has no label of ours.
    pub strangers: BTreeSet<ContainerId>,
}

/// Something of ours on the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// The engine's id; a volume has none but its name.
    pub id: String,
    /// Its name on the engine.
    pub name: String,
    /// The workspace that its label names; `None` for a network that several share, and for what has
    /// lost its label's meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// Whose that workspace is or was, as the label says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What that workspace is or was called, as the label says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_name: Option<String>,
    /// When it was made, by the engine's clock, as far as the engine tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Of a container, whether it has a process; of anything else, whether a container refers to it,
    /// be it a stopped one or a stranger's.
    pub in_use: bool,
}

/// The kinds of things that are made for workspaces, in the order in which they can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// A container.
    Container,
    /// A network.
    Network,
    /// A named volume, which holds data.
    Volume,
}

impl ObjectKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
        }
    }
}

/// What came of a removal that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is removed.
    Removed,
    /// It was gone already.
    Gone,
    /// A container refers to it, so that it stays.
    InUse,
}
