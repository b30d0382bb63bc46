//! What was observed of a workspace, and what the controller makes of it.

use crate::{
    backoff::Backoff,
    condition::Conditions,
    container::{Container, ContainerState, HealthState, PortBinding},
    error::Reason,
    id::{ContainerId, Generation, ImageId},
    spec::Recovery,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// The coarse status; the table in the product's description maps the engine's states to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkspaceStatus {
    /// A container runs.
    Active,
    /// None does.
    #[default]
    Inactive,
    /// Archived, and no container exists.
    Archived,
}

impl fmt::Display for WorkspaceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Archived => "archived",
        })
    }
}

/// The fine status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is a word that says itself")]
pub enum Phase {
    #[default]
    Pending,
    Pulling,
    Creating,
    Starting,
    Running,
    Unhealthy,
    Pausing,
    Paused,
    Stopping,
    Stopped,
    Restarting,
    CrashLoop,
    Archiving,
    Archived,
    Deleting,
    Unknown,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Pending,
        Self::Pulling,
        Self::Creating,
        Self::Starting,
        Self::Running,
        Self::Unhealthy,
        Self::Pausing,
        Self::Paused,
        Self::Stopping,
        Self::Stopped,
        Self::Restarting,
        Self::CrashLoop,
        Self::Archiving,
        Self::Archived,
        Self::Deleting,
        Self::Unknown,
    ];
}

impl std::str::FromStr for Phase {
    type Err = String;

    /// A phase by its name, in any case.
    fn from_str(word: &str) -> Result<Self, String> {
        let named = |phase: &Self| phase.to_string().eq_ignore_ascii_case(word);
        Self::ALL.into_iter().find(named).ok_or_else(|| {
            let all = Self::ALL.map(|phase| phase.to_string());
            format!("no phase is called `{word}`; there are {}", all.join(", "))
        })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The status of a workspace, stored whole with every pass that changed something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The coarse status.
    pub status: WorkspaceStatus,
    /// The fine status.
    pub phase: Phase,
    /// The newest generation that a pass has seen.
    pub observed_generation: Generation,
    /// The newest generation that the engine was in sync with; what is found altered after that was
    /// altered behind our back.
    pub synced_generation: Generation,
    /// Ready, Synced, Progressing, Degraded.
    pub conditions: Conditions,
    /// The container, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerStatus>,
    /// The container that waits for its successor to come up. What its name and labels say of it others
    /// may have, too: whoever runs an image that was made of a container has its labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<ContainerId>,
    /// How often the command has ended in a row.
    pub recovery: RecoveryStatus,
    /// The replacement that did not come up, if the present generation needed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// When this status was last written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<Timestamp>,
    /// When a pass last looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_attempt: Option<Timestamp>,
    /// How many passes there were.
    pub sync_attempts: u64,
    /// The last failure, until the workspace is in sync again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Failure>,
}

impl Status {
    /// Whether two statuses say the same, apart from when they were said.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let timeless = |status: &Self| Self {
            last_updated: None,
            last_sync_attempt: None,
            sync_attempts: 0,
            ..status.clone()
        };
        timeless(self) == timeless(other)
    }

    /// Whether a container is one that this workspace had, whatever its labels say.
    pub fn knows(&self, container: &ContainerId) -> bool {
        let current = self.container.as_ref().map(|known| &known.id);
        current.into_iter().chain(&self.set_aside).any(|known| known == container)
    }

    /// When the present run of a container was first seen, by our own clock; `now` if that is now.
    pub fn seen_at(&self, container: &Container, now: Timestamp) -> Timestamp {
        let known = self
            .container
            .as_ref()
            .filter(|known| known.id == container.id && known.started_at == container.started_at);
        known.and_then(|known| known.seen_at).filter(|at| *at <= now).unwrap_or(now)
    }

    /// Whether the container could use swap when it was first seen, or is seen for the first time.
    ///
    /// An engine whose kernel cannot limit swap lifts the limit that it is told, and would do so again
    /// after every mend: only a limit that was there before was taken away by somebody.
    pub fn could_always_swap(&self, container: &ContainerId) -> bool {
        let known = self.container.as_ref().filter(|known| known.id == *container);
        known.is_none_or(|known| known.swap)
    }
}

/// The container as last observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    /// The engine's id.
    pub id: ContainerId,
    /// Its name on the engine.
    pub name: String,
    /// What the engine says it does.
    pub state: ContainerState,
    /// The image by name.
    pub image: String,
    /// The image by id.
    pub image_id: ImageId,
    /// When it was last started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When this run of it was first seen, by our own clock: the engine's may be another, and is set
    /// now and then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    /// When it last ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What it last ended with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Whether it last ended for want of memory.
    pub oom_killed: bool,
    /// How often the engine itself restarted it.
    pub restart_count: u64,
    /// What its health check says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthState>,
    /// The ports that are published now, with those that the engine chose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortBinding>,
    /// The names of the networks that it is attached to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// Whether it may use swap beyond its memory and could from the start, as it can on an engine
    /// that has no limit for swap.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub swap: bool,
}

impl From<&Container> for ContainerStatus {
    fn from(container: &Container) -> Self {
        Self {
            id: container.id.clone(),
            name: container.config.name.clone(),
            state: container.state,
            image: container.config.image.clone(),
            image_id: container.image_id.clone(),
            started_at: container.started_at,
            seen_at: None,
            finished_at: container.finished_at,
            exit_code: container.exit_code,
            oom_killed: container.oom_killed,
            restart_count: container.restart_count,
            health: container.health,
            ports: container.published.iter().cloned().collect(),
            networks: container.attached.iter().cloned().collect(),
            swap: container.config.swap,
        }
    }
}

/// A new container that did not come up, so that the one before it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// The generation whose container it was.
    pub generation: Generation,
    /// What kept it from coming up, in words.
    pub why: String,
    /// How many of this generation did not.
    pub count: u32,
    /// When that was seen.
    pub at: Timestamp,
    /// Whether the one before is yet to be taken back.
    pub under_way: bool,
}

impl Rollback {
    /// When a new container is tried again: after the longest wait of the recovery rules, and then after
    /// twice as long each time. `None` once it did not come up as often as the rules allow.
    pub fn next_try(&self, rules: &Recovery) -> Option<Timestamp> {
        if rules.give_up_after > 0 && self.count >= rules.give_up_after {
            return None;
        }
        let base = rules.backoff_max.duration();
        let max = base.max(LONGEST_WAIT);
        let wait = Backoff { base, max }.delay(self.count.saturating_sub(1));
        self.at.saturating_add(SignedDuration::try_from(wait).ok()?).ok()
    }
}

/// The longest wait before a replacement is tried again, unless the rules have a longer one.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// How often the command has ended in a row; kept so that a restart of the controller forgets nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecoveryStatus {
    /// The generation that is counted for; a newer one begins anew.
    pub generation: Generation,
    /// How often the command ended and was to be started again, over all generations.
    pub restarts: u64,
    /// Ends in a row, each within `stableAfter` of its start.
    pub crashes: u32,
    /// The end that was counted last, so that none is counted twice. With no crashes: the end that
    /// this generation found, from which a start is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<Timestamp>,
    /// When it was counted; the waits begin then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Timestamp>,
    /// The start of the run that is to end because its health check fails: its end is counted already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condemned: Option<Timestamp>,
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What was tried, such as `start container`.
    pub operation: String,
    /// Why, as one word.
    pub reason: Reason,
    /// The engine's own words.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// The generation that was being brought about.
    pub generation: Generation,
}
