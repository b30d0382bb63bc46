//! What a pass can do to the engine: one engine call each, repeatable, and "already so" is success.

use crate::{
    container::ContainerConfig,
    id::ContainerId,
    spec::{Image, Resources},
};
use std::{collections::BTreeMap, fmt, time::Duration};

/// One step of a plan.
///
/// Containers that were observed are named by their id, so that a step never reaches another
/// container that has taken the name in between; a container that the plan itself creates is named
/// by its name, until it is made and [`about`](Action::about) puts its id in the name's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Fetch the image from its registry.
    PullImage {
        /// The image.
        image: Image,
    },
    /// Make a network unless it is there.
    EnsureNetwork(NetworkConfig),
    /// Make a named volume unless it is there.
    EnsureVolume {
        /// The volume's name on the engine.
        name: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
    /// Make the container; a container of ours that has the name already counts as made.
    CreateContainer(Box<ContainerConfig>),
    /// Start a container.
    StartContainer(ContainerId),
    /// Ask the process to end (TERM), then make it (KILL) when `grace` is over.
    StopContainer {
        /// Which.
        container: ContainerId,
        /// How long it may take to end by itself.
        grace: Duration,
    },
    /// End its processes at once.
    KillContainer(ContainerId),
    /// Freeze all processes.
    PauseContainer(ContainerId),
    /// Let them go on.
    UnpauseContainer(ContainerId),
    /// Give it its right name back.
    RenameContainer {
        /// Which.
        container: ContainerId,
        /// The right name.
        to: String,
    },
    /// Change the limits in place.
    UpdateResources {
        /// Which.
        container: ContainerId,
        /// The right limits.
        resources: Resources,
    },
    /// Remove a container and its anonymous volumes; named volumes stay.
    RemoveContainer(ContainerId),
    /// Remove a network, unless somebody has begun to use it.
    RemoveNetwork {
        /// Its name on the engine.
        name: String,
    },
    /// Remove a named volume and what is in it.
    RemoveVolume {
        /// Its name on the engine.
        name: String,
    },
}

impl Action {
    /// The same about the container that was just made with that name, by its id.
    pub fn about(&self, name: &str, id: &ContainerId) -> Self {
        match self {
            Self::StartContainer(container) if container.as_str() == name => {
                Self::StartContainer(id.clone())
            }
            Self::PauseContainer(container) if container.as_str() == name => {
                Self::PauseContainer(id.clone())
            }
            other => other.clone(),
        }
    }

    /// The operation as people read it in conditions, histories and traces.
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::PullImage { .. } => "pull image",
            Self::EnsureNetwork(_) => "ensure network",
            Self::EnsureVolume { .. } => "ensure volume",
            Self::CreateContainer(_) => "create container",
            Self::StartContainer(_) => "start container",
            Self::StopContainer { .. } => "stop container",
            Self::KillContainer(_) => "kill container",
            Self::PauseContainer(_) => "pause container",
            Self::UnpauseContainer(_) => "unpause container",
            Self::RenameContainer { .. } => "rename container",
            Self::UpdateResources { .. } => "update resources",
            Self::RemoveContainer(_) => "remove container",
            Self::RemoveNetwork { .. } => "remove network",
            Self::RemoveVolume { .. } => "remove volume",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = self.operation();
        match self {
            Self::PullImage { image } => write!(f, "{operation} {image}"),
            Self::EnsureNetwork(network) => write!(f, "{operation} {}", network.name),
            Self::CreateContainer(config) => write!(f, "{operation} {}", config.name),
            Self::StartContainer(container)
            | Self::StopContainer { container, .. }
            | Self::KillContainer(container)
            | Self::PauseContainer(container)
            | Self::UnpauseContainer(container)
            | Self::RemoveContainer(container) => write!(f, "{operation} {}", shorten(container)),
            Self::RenameContainer { container, to } => {
                write!(f, "{operation} {} to {to}", shorten(container))
            }
            Self::UpdateResources { container, resources } => write!(
                f,
                "{operation} {} to {} cpus, {} memory, {} pids",
                shorten(container),
                resources.cpus,
                resources.memory,
                resources.pids
            ),
            Self::EnsureVolume { name, .. }
            | Self::RemoveNetwork { name }
            | Self::RemoveVolume { name } => write!(f, "{operation} {name}"),
        }
    }
}

/// Twelve digits of an id, as `docker ps` shows it; a name stays whole.
fn shorten(container: &ContainerId) -> &str {
    let text = container.as_str();
    let is_id = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { &text[..12] } else { text }
}

/// How a network is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Its name on the engine.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether the containers on it can reach each other.
    pub inter_container: bool,
    /// The range that a free subnet is taken from (`10.200.0.0/16`); `None`: the engine's own pools.
    pub range: Option<String>,
    /// The number that says where in the range the search begins, so that two workspaces seldom meet.
    pub seed: u64,
}
