//! From reports to keys: which workspaces a change of the store or of the engine wakes.
//!
//! It keeps one small record per workspace: the container that the store knows of, and whether all
//! was well. So a resync is one comparison in memory, and wakes only what differs.
//!
//! Pure: fed with inputs, it answers with keys and causes.

use crate::runtime::Priority;
use std::{collections::HashMap, sync::Arc};
use trueup_domain::{
    condition::ConditionType,
    container::{ContainerState, ContainerSummary},
    error::EngineError,
    id::{ContainerId, Generation, WorkspaceId},
    pass::{Cause, CauseKind},
    port::{EngineChange, WatchEvent},
    status::{ContainerStatus, Phase},
    workspace::Workspace,
};

/// A key to enqueue.
pub type Wake = (WorkspaceId, Cause, Priority);

/// What is fed in.
#[derive(Debug, Clone)]
pub enum Input {
    /// All workspaces, freshly read: at the start, and after changes were missed.
    Loaded(Vec<Arc<Workspace>>),
    /// One workspace changed in the store.
    Stored {
        /// Which.
        id: WorkspaceId,
        /// As it is now; `None` when it is gone.
        new: Option<Arc<Workspace>>,
    },
    /// The engine's watch spoke.
    Watched(WatchEvent),
}

/// The state between inputs.
#[derive(Debug, Default)]
pub struct Feed {
    known: HashMap<WorkspaceId, Known>,
}

/// What the store last said about a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    generation: Generation,
    container: Option<KnownContainer>,
    attention: Attention,
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
enum Attention {
    /// All is as declared.
    Settled,
    /// Something is not; look at every resync.
    Unsettled,
    /// Something failed; the queue has a retry of its own, and a resync must not undercut it.
    Retrying,
    /// The engine could not be asked.
    Unknown,
}

impl Feed {
    /// Takes one input in, and says whom it wakes.
    pub fn wakes(&mut self, input: Input) -> Vec<Wake> {
        match input {
            Input::Loaded(workspaces) => self.load(&workspaces),
            Input::Stored { id, new } => self.store(id, new.as_deref()),
            Input::Watched(WatchEvent::Changed(change)) => self.change(change),
            Input::Watched(WatchEvent::Listed(rows)) => self.compare(rows),
            Input::Watched(WatchEvent::Lost(error)) => self.lose(&error),
        }
    }

    fn load(&mut self, workspaces: &[Arc<Workspace>]) -> Vec<Wake> {
        self.known = workspaces.iter().map(|w| (w.id, Known::from(w.as_ref()))).collect();
        let cause = || Cause::new(CauseKind::Start, "");
        self.known.keys().map(|id| (*id, cause(), Priority::Event)).collect()
    }

    fn store(&mut self, id: WorkspaceId, new: Option<&Workspace>) -> Vec<Wake> {
        let Some(workspace) = new else {
            self.known.remove(&id);
            return Vec::new();
        };
        let before = self.known.insert(id, workspace.into());
        let has_news = before.is_none_or(|before| before.generation < workspace.generation);
        let detail = format!("generation {}", workspace.generation);
        let wake = (id, Cause::new(CauseKind::SpecChange, detail), Priority::User);
        has_news.then_some(wake).into_iter().collect()
    }

    fn change(&self, change: EngineChange) -> Vec<Wake> {
        let wake =
            (change.workspace, Cause::new(CauseKind::EngineEvent, change.action), Priority::Event);
        self.known.contains_key(&change.workspace).then_some(wake).into_iter().collect()
    }

    fn compare(&self, rows: Vec<ContainerSummary>) -> Vec<Wake> {
        let mut listed: HashMap<WorkspaceId, Vec<ContainerSummary>> = HashMap::new();
        for row in rows {
            listed.entry(row.workspace).or_default().push(row);
        }
        let difference = |id: &WorkspaceId, known: &Known| {
            let rows = listed.get(id).map_or(&[][..], Vec::as_slice);
            match known.attention {
                _ if !known.matches(rows) => Some("the list differs from what is stored"),
                Attention::Unsettled => Some("it is not as declared"),
                Attention::Unknown => Some("the engine answers again"),
                Attention::Settled | Attention::Retrying => None,
            }
        };
        self.known
            .iter()
            .filter_map(|(id, known)| {
                let cause = Cause::new(CauseKind::Resync, difference(id, known)?);
                Some((*id, cause, Priority::Resync))
            })
            .collect()
    }

    /// The status of each must say that it may be old; those that say so already need no reminder.
    fn lose(&self, error: &EngineError) -> Vec<Wake> {
        self.known
            .iter()
            .filter(|(_, known)| known.attention != Attention::Unknown)
            .map(|(id, _)| {
                (*id, Cause::new(CauseKind::Resync, error.to_string()), Priority::Resync)
            })
            .collect()
    }
}

impl Known {
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
