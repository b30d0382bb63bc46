//! What a user declares: the manifest's metadata and spec, with safe defaults.
//!
//! Every value that can be wrong by itself has a type that refuses it while it is read, so that the
//! error carries the line. Rules *between* values are in [`manifest`](crate::manifest).

mod text;

pub use text::{
    EnvName, Image, LabelKey, ProjectPath, TargetPath, UnixUser, WorkingDir, check_not_system,
};

use crate::{
    name::{Name, Owner, VolumeName, WorkspaceKey},
    quantity::{Cpus, Memory, Period},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, num::NonZeroU16};

/// Who and what a workspace is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Unique per owner.
    pub name: Name,
    /// Whose it is; `default` when not given.
    #[serde(default)]
    pub owner: Owner,
    /// Free words for selecting.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<LabelKey, String>,
}

impl Metadata {
    /// `owner/name`.
    pub fn key(&self) -> WorkspaceKey {
        WorkspaceKey { owner: self.owner.clone(), name: self.name.clone() }
    }
}

/// What a workspace should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// Running, stopped, paused or archived. Not given: `running` for a new workspace, unchanged for
    /// one that exists, so that applying a file again does not undo a user's `stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DesiredState>,
    /// The image to run.
    pub image: Image,
    /// When the image is pulled.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,
    /// The program and its arguments; not given: the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Environment variables, beside the image's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<EnvName, String>,
    /// The directory that the command starts in; not given: the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<WorkingDir>,
    /// `user` or `uid:gid`; not given: the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UnixUser>,
    /// The project folder of the host that is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
    /// Named volumes; they survive stop, archive and re-creation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Ports that are published on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// Limits.
    #[serde(default)]
    pub resources: Resources,
    /// How to tell that the workspace works; not given: running is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// How far the workspace is kept from others and from the host.
    #[serde(default)]
    pub isolation: Isolation,
    /// What is done when the command ends by itself.
    #[serde(default)]
    pub recovery: Recovery,
    /// What is done when somebody alters the container behind our back.
    #[serde(default)]
    pub on_drift: OnDrift,
}

impl Spec {
    /// The desired state, `running` when none was ever given.
    pub fn desired_state(&self) -> DesiredState {
        self.state.unwrap_or_default()
    }
}

/// The state a user asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DesiredState {
    /// A container that runs, and runs again whenever it ends.
    #[default]
    Running,
    /// No process; the container stays.
    Stopped,
    /// All processes frozen.
    Paused,
    /// No container; named volumes stay.
    Archived,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImagePullPolicy {
    /// Before every creation of a container.
    Always,
    /// Only when the engine does not have it.
    #[default]
    IfNotPresent,
    /// Not at all.
    Never,
}

/// A folder of the host, mounted into the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Project {
    /// The folder on the host, under one of the configured roots.
    pub path: ProjectPath,
    /// Where it appears in the workspace.
    #[serde(default)]
    pub target: TargetPath,
    /// Whether the workspace may not write to it.
    #[serde(default)]
    pub read_only: bool,
}

/// A named volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    /// Its name within the workspace.
    pub name: VolumeName,
    /// Where it appears in the workspace.
    pub target: TargetPath,
}

/// A published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Port {
    /// The port in the workspace.
    pub container: NonZeroU16,
    /// The port on the host; not given: one that the engine chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<NonZeroU16>,
    /// TCP or UDP.
    #[serde(default)]
    pub protocol: Protocol,
}

/// A transport protocol.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`, as the engine writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Limits; all of them can be changed without re-creating the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Resources {
    /// Processor time.
    pub cpus: Cpus,
    /// Memory; there is no swap beyond it.
    pub memory: Memory,
    /// Processes and threads.
    pub pids: u32,
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpus: Cpus::from_millis(1000), memory: Memory::from_mib(512), pids: 256 }
    }
}

/// A health check that the engine runs inside the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Health {
    /// The program and its arguments; exit code 0 means healthy.
    pub command: Vec<String>,
    /// The time between two checks.
    #[serde(default = "Health::default_interval")]
    pub interval: Period,
    /// The time after which a check has failed.
    #[serde(default = "Health::default_timeout")]
    pub timeout: Period,
    /// How many failures in a row make the workspace unhealthy.
    #[serde(default = "Health::default_retries")]
    pub retries: u32,
    /// The time after the start in which failures do not count.
    #[serde(default = "Health::default_start_period")]
    pub start_period: Period,
    /// What is done when the workspace is unhealthy.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What is done about a workspace whose health check fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It is told, and the workspace is left alone: somebody may be at work in it.
    #[default]
    Report,
    /// Its container is started anew, as seldom as the recovery rules say for a command that ends.
    Restart,
}

impl Health {
    const fn default_interval() -> Period {
        Period::from_secs(10)
    }
    const fn default_timeout() -> Period {
        Period::from_secs(3)
    }
    const fn default_retries() -> u32 {
        3
    }
    const fn default_start_period() -> Period {
        Period::from_secs(5)
    }
}

/// How far a workspace is kept from others and from the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// The engine's own bridge.
    Basic,
    /// A shared bridge on which workspaces cannot reach each other.
    #[default]
    Standard,
    /// A network of its own, or none, and a read-only root.
    Strict,
}

/// What is done when the command ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Recovery {
    /// Whether it is started again.
    pub policy: RecoveryPolicy,
    /// The wait before the second start in a row; it doubles from there. The first is at once.
    pub backoff_base: Period,
    /// The longest wait.
    pub backoff_max: Period,
    /// How long it must run to count as stable again.
    pub stable_after: Period,
    /// After how many ends in a row nothing more is tried; 0 means never.
    pub give_up_after: u32,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            policy: RecoveryPolicy::Always,
            backoff_base: Period::from_secs(1),
            backoff_max: Period::from_secs(300),
            stable_after: Period::from_secs(60),
            give_up_after: 10,
        }
    }
}

/// Whether a command that ended is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecoveryPolicy {
    /// Whatever its exit code.
    #[default]
    Always,
    /// Only when its exit code is not 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// What is done when somebody alters the container behind our back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDrift {
    /// It is brought back: in place where the engine can, by re-creation where it cannot.
    #[default]
    Recreate,
    /// A condition shows the difference.
    Report,
    /// Nothing.
    Ignore,
}
