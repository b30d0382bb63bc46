//! What a pass has seen before it decides.
//!
//! `Absent` is a fact that the engine confirmed; `Unknown` is the want of one. Nothing may be created
//! or removed on `Unknown`.

use crate::{container::Container, error::EngineError, id::NetworkId};

/// The container of a workspace.
#[derive(Debug, Clone)]
pub enum Observed {
    /// The engine says that there is none, by name and by label.
    Absent,
    /// The engine says that there is one.
    Present(Box<Container>),
    /// The engine could not be asked, or did not answer in time.
    Unknown(EngineError),
}

/// All that `plan` looks at besides what is desired.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The container.
    pub container: Observed,
    /// Further containers with the workspace's label: the one that is being replaced, and any that
    /// came to be twice. Looked up only while the workspace is not known to be as declared.
    pub others: Vec<Container>,
    /// Whether the engine has the image; looked up only when a container may have to be made.
    pub image: Presence,
    /// The network that the workspace should be attached to, when it is a named one.
    pub network: Option<NetworkState>,
    /// The network of the workspace's own that is left from an older declaration; looked up only while
    /// the workspace is not known to be as declared.
    pub outgrown_network: Option<NetworkState>,
    /// The names of the volumes on the engine that carry the workspace's label; looked up only for a
    /// deletion that takes them along.
    pub volumes: Vec<String>,
    /// The project folder; looked up only when a container may have to be made or started.
    pub project: ProjectFolder,
}

impl Observation {
    /// An observation of the container alone.
    pub const fn of(container: Observed) -> Self {
        Self {
            container,
            others: Vec::new(),
            image: Presence::NotAsked,
            network: None,
            outgrown_network: None,
            volumes: Vec::new(),
            project: ProjectFolder::NotAsked,
        }
    }
}

/// Whether the engine has something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Here,
    /// It does not.
    Missing,
    /// Nobody asked, as nothing depends on it.
    NotAsked,
}

impl From<bool> for Presence {
    fn from(is_here: bool) -> Self {
        if is_here { Self::Here } else { Self::Missing }
    }
}

/// A network that exists on the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkState {
    /// The engine's id.
    pub id: NetworkId,
    /// Whether any container, running or not, refers to it.
    pub used: bool,
}

/// A project folder of the host, as seen just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectFolder {
    /// It may be mounted; the path is free of symbolic links.
    Allowed(String),
    /// It does not exist; the engine will say so in its own words.
    Missing,
    /// It may not be mounted, and why.
    Forbidden(String),
    /// Nobody asked, or the workspace has none.
    NotAsked,
}
