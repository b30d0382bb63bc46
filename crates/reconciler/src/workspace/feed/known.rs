//! What the feed keeps about one workspace, and whether a list is a reason to look at it.

use super::quarantine::Quarantine;
use trueup_domain::{
    condition::ConditionType,
    container::{ContainerState, ContainerSummary},
    error::Reason,
    id::{ContainerId, Generation},
    status::{ContainerStatus, Phase, Status},
    workspace::Workspace,
};

/// What the store last said about a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) generation: Generation,
    container: Option<KnownContainer>,
    pub(super) attention: Attention,
}

/// What a row of a list is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KnownContainer {
    id: ContainerId,
    name: String,
    state: ContainerState,
    networks: Vec<String>,
}

/// Whether a workspace should be looked at though nothing was seen to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attention {
    /// All is as declared.
    Settled,
    /// Something is not; look at every resync.
    Unsettled,
    /// Something failed; the queue has a retry of its own, and a resync must not undercut it.
    Retrying,
    /// The engine could not be asked.
    Unknown,
    /// The engine answers, but not about this workspace's container.
    Quarantined(Quarantine),
}

impl Known {
    /// Takes over what was noted about the workspace before the store spoke again. Whether something
    /// happened to it that nobody was woken for and nobody will be.
    pub(super) fn follow(&mut self, before: &Self) -> bool {
        match (before.attention, &mut self.attention) {
            (Attention::Quarantined(before), Attention::Quarantined(now)) => {
                *now = before;
                false
            }
            (Attention::Quarantined(before), _) => before == Quarantine::Stirred,
            _ => false,
        }
    }

    /// Why these rows, which are all of the workspace's, are a reason to look at it.
    pub(super) fn compare(
        &mut self,
        rows: &[ContainerSummary],
        was_lost: bool,
    ) -> Option<&'static str> {
        let matches = self.matches(rows);
        match &mut self.attention {
            Attention::Quarantined(quarantine) => quarantine.list(was_lost),
            _ if !matches => Some("the list differs from what is stored"),
            Attention::Unsettled => Some("it is not as declared"),
            Attention::Unknown => Some("the engine answers again"),
            Attention::Settled | Attention::Retrying => None,
        }
    }

    /// Whether its status says already that it may be old.
    pub(super) const fn is_unknown(&self) -> bool {
        matches!(self.attention, Attention::Unknown | Attention::Quarantined(_))
    }

    fn matches(&self, rows: &[ContainerSummary]) -> bool {
        match (&self.container, rows) {
            (None, []) => true,
            (Some(known), [row]) => known.matches(row),
            _ => false,
        }
    }
}

impl KnownContainer {
    /// What a container without a process is attached to is decided when it starts.
    fn matches(&self, row: &ContainerSummary) -> bool {
        self.id == row.id
            && self.name == row.name
            && self.state == row.state
            && (!row.state.has_process() || self.networks.iter().eq(&row.networks))
    }
}

impl From<&ContainerStatus> for KnownContainer {
    fn from(status: &ContainerStatus) -> Self {
        Self {
            id: status.id.clone(),
            name: status.name.clone(),
            state: status.state,
            networks: status.networks.clone(),
        }
    }
}

impl From<&Workspace> for Known {
    fn from(workspace: &Workspace) -> Self {
        let status = &workspace.status;
        let is_current = status.observed_generation == workspace.generation;
        let attention = match status.phase {
            Phase::Unknown if ran_into_deadline(status) => {
                Attention::Quarantined(Quarantine::Quiet)
            }
            Phase::Unknown => Attention::Unknown,
            _ if status.last_error.is_some() => Attention::Retrying,
            _ if is_current && status.conditions.is_true(ConditionType::Synced) => {
                Attention::Settled
            }
            _ => Attention::Unsettled,
        };
        Self {
            generation: workspace.generation,
            container: status.container.as_ref().map(KnownContainer::from),
            attention,
        }
    }
}

fn ran_into_deadline(status: &Status) -> bool {
    let synced = status.conditions.get(ConditionType::Synced);
    synced.is_some_and(|synced| synced.reason == Reason::DeadlineExceeded.to_string())
}
