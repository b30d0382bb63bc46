//! A container in our words: how it should be made, and how the engine says it is.
//!
//! Both sides use [`ContainerConfig`], so that [`drift`](crate::drift) is a comparison of two values.

use crate::{
    id::{ContainerId, ImageId, NetworkId, WorkspaceId},
    spec::{Protocol, Resources},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// All that a container is made from.
#[expect(clippy::struct_excessive_bools, reason = "each mirrors one switch of the engine")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerConfig {
    /// Its name on the engine.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The image reference.
    pub image: String,
    /// The program and its arguments; `None`: the image's own.
    pub command: Option<Vec<String>>,
    /// Environment variables; on an observed container the image's own are among them.
    pub env: BTreeMap<String, String>,
    /// `None`: the image's own.
    pub working_dir: Option<String>,
    /// `None`: the image's own.
    pub user: Option<String>,
    /// What `hostname` says inside.
    pub hostname: String,
    /// Mounted folders and volumes, in the order of their targets.
    pub mounts: BTreeSet<Mount>,
    /// Published ports.
    pub ports: BTreeSet<PortBinding>,
    /// Limits.
    pub resources: Resources,
    /// The capabilities that are kept, without the `CAP_` prefix; all others are dropped.
    pub capabilities: BTreeSet<String>,
    /// Whether the root file system is read-only.
    pub read_only_root: bool,
    /// Whether set-uid programs gain nothing.
    pub no_new_privileges: bool,
    /// Whether the engine's init is PID 1, which passes TERM on and reaps.
    pub init: bool,
    /// Whether it runs with all the host's powers. Never so for what we make; observed for drift.
    pub privileged: bool,
    /// Whether the engine itself starts it again when it ends. Never so for what we make.
    // Left out while it is off, as is the next one, so that digests stay what they were.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
    /// Whether it may use swap beyond its memory. Not so for what we make.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub swap: bool,
    /// The network it is attached to.
    pub network: NetworkMode,
    /// The health check; `None`: the image's own, if any.
    pub health: Option<HealthConfig>,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// Where it appears.
    pub target: String,
    /// A folder of the host or a named volume.
    pub kind: MountKind,
    /// The folder's path or the volume's name.
    pub source: String,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// What kind of thing is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A folder of the host.
    Bind,
    /// A named volume.
    Volume,
    /// Memory.
    Tmpfs,
}

/// A port of a container published on the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortBinding {
    /// The port in the container.
    pub container: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address of the host, as text.
    pub address: String,
    /// The port on the host; `None`: the engine chooses.
    pub host: Option<u16>,
}

/// What a container is attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "mode")]
pub enum NetworkMode {
    /// No network but loopback.
    None,
    /// The engine's own bridge.
    Bridge,
    /// A network by name.
    Named {
        /// Its name.
        name: String,
    },
}

impl NetworkMode {
    /// The name of the network; the engine has one for its bridge and for the absence of any, too.
    pub const fn network(&self) -> &str {
        match self {
            Self::None => "none",
            Self::Bridge => "bridge",
            Self::Named { name } => name.as_str(),
        }
    }
}

/// A health check as the engine takes it; times in nanoseconds there, milliseconds here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthConfig {
    /// The program and its arguments (`CMD` form, no shell).
    pub command: Vec<String>,
    /// The time between two checks, ms.
    pub interval_ms: u64,
    /// The time after which a check has failed, ms.
    pub timeout_ms: u64,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
    /// The time after the start in which failures do not count, ms.
    pub start_period_ms: u64,
}

/// What the engine says a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerState {
    /// Made, and never successfully started.
    Created,
    /// Its process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// The engine is about to start it again.
    Restarting,
    /// The engine is removing it.
    Removing,
    /// Its process ended.
    Exited,
    /// A removal went wrong; only another removal helps.
    Dead,
}

impl ContainerState {
    /// The engine's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// Whether there is a process, running or frozen.
    pub const fn has_process(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

impl std::str::FromStr for ContainerState {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        [
            Self::Created,
            Self::Running,
            Self::Paused,
            Self::Restarting,
            Self::Removing,
            Self::Exited,
            Self::Dead,
        ]
        .into_iter()
        .find(|state| state.as_str() == word)
        .ok_or_else(|| format!("the engine names a container state that is not known: `{word}`"))
    }
}

/// What a health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// Not decided yet.
    Starting,
    /// It works.
    Healthy,
    /// It does not.
    Unhealthy,
}

/// A container as one inspect reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine's id.
    pub id: ContainerId,
    /// What it does.
    pub state: ContainerState,
    /// The image it was made from.
    pub image_id: ImageId,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// When it last ended.
    pub finished_at: Option<Timestamp>,
    /// What it last ended with; `None` while it runs or before its first start.
    pub exit_code: Option<i64>,
    /// Whether it last ended for want of memory.
    pub oom_killed: bool,
    /// How often the engine restarted it.
    pub restart_count: u64,
    /// What its health check says; `None` when it has none.
    pub health: Option<HealthState>,
    /// Why its last start failed, or its command could not be run, in the words of the engine or of
    /// its init.
    pub error: Option<String>,
    /// The ports that are really published, the engine's choices among them; none while it is stopped.
    pub published: BTreeSet<PortBinding>,
    /// The id of the network that it was attached to when it was made, when that is a named one.
    pub network_id: Option<NetworkId>,
    /// The names of all networks that it is attached to now, whatever it was made with.
    pub attached: BTreeSet<String>,
    /// How it was made.
    pub config: ContainerConfig,
}

impl Container {
    /// The value of one of our labels.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.config.labels.get(key).map(String::as_str)
    }
}

/// A container as one row of a list: enough to see that something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSummary {
    /// The engine's id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// The workspace that its label names.
    pub workspace: WorkspaceId,
    /// What the list says it does. A list may be stale right after a death; an inspect is not.
    pub state: ContainerState,
    /// The names of the networks that it is attached to: no event of its own tells of a change.
    pub networks: BTreeSet<String>,
}
