//! From reports to keys: which workspaces a change of the store or of the engine wakes.
//!
//! It keeps one small record per workspace: the container that the store knows of, and whether all
//! was well. So a resync is one comparison in memory, and wakes only what differs.
//!
//! A list does not show everything: limits that somebody altered while no event could tell of it, for
//! one. So each resync also wakes a few that are settled, in turns, until all have had theirs.
//!
//! A workspace whose container did not answer in time, while the engine does, is in *quarantine*:
//! engine events wake it behind everything else, and once between two lists; a list wakes it only
//! after the engine was lost. Nothing that happened is lost by that, and no answer comes late: the
//! queue's retry looks again meanwhile, and what happened unseen wakes it as soon as it is out.
//!
//! Pure: fed with inputs, it answers with keys and causes, in the order of the ids.

mod known;
mod quarantine;

use crate::runtime::Priority;
use known::{Attention, Known};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};
use trueup_domain::{
    container::ContainerSummary,
    error::EngineError,
    id::WorkspaceId,
    pass::{Cause, CauseKind},
    port::{EngineChange, WatchEvent},
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

/// Within so many resyncs every workspace is looked at, whatever the lists say.
const ROUND: usize = 40;

/// The state between inputs.
#[derive(Debug, Default)]
pub struct Feed {
    known: BTreeMap<WorkspaceId, Known>,
    /// Whether the engine could not be watched when it was last heard of.
    lost: bool,
    /// The last one that was woken because it was its turn.
    turn: Option<WorkspaceId>,
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
        let mut known = Known::from(workspace);
        let before = self.known.get(&id);
        let has_news = before.is_none_or(|before| before.generation < known.generation);
        let has_missed = before.is_some_and(|before| known.follow(before));
        self.known.insert(id, known);
        let wake = if has_news {
            let detail = format!("generation {}", workspace.generation);
            (id, Cause::new(CauseKind::SpecChange, detail), Priority::User)
        } else if has_missed {
            let detail = "while its container did not answer in time";
            (id, Cause::new(CauseKind::EngineEvent, detail), Priority::Event)
        } else {
            return Vec::new();
        };
        vec![wake]
    }

    fn change(&mut self, change: EngineChange) -> Vec<Wake> {
        let EngineChange { workspace, action, .. } = change;
        let (priority, detail) = match self.known.get_mut(&workspace) {
            None => return Vec::new(),
            Some(Known { attention: Attention::Quarantined(quarantine), .. }) => {
                if !quarantine.stir() {
                    return Vec::new();
                }
                let detail = format!("{action}, after its container did not answer in time");
                (Priority::Resync, detail)
            }
            Some(_) => (Priority::Event, action),
        };
        vec![(workspace, Cause::new(CauseKind::EngineEvent, detail), priority)]
    }

    fn compare(&mut self, rows: Vec<ContainerSummary>) -> Vec<Wake> {
        let was_lost = std::mem::take(&mut self.lost);
        let mut listed: HashMap<WorkspaceId, Vec<ContainerSummary>> = HashMap::new();
        for row in rows {
            listed.entry(row.workspace).or_default().push(row);
        }
        let turns = self.turns();
        self.known
            .iter_mut()
            .filter_map(|(id, known)| {
                let rows = listed.get(id).map_or(&[][..], Vec::as_slice);
                let difference = known.compare(rows, was_lost);
                let is_its_turn = known.attention == Attention::Settled && turns.contains(id);
                let why = difference.or_else(|| is_its_turn.then_some("it is its turn"))?;
                Some((*id, Cause::new(CauseKind::Resync, why), Priority::Resync))
            })
            .collect()
    }

    /// Those whose turn it is to be looked at, and the others after them the next time.
    fn turns(&mut self) -> BTreeSet<WorkspaceId> {
        let count = self.known.len().div_ceil(ROUND);
        let after = self.turn.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.known.range((after, Bound::Unbounded)).map(|(id, _)| *id);
        let turns: Vec<_> = behind.chain(self.known.keys().copied()).take(count).collect();
        self.turn = turns.last().copied();
        turns.into_iter().collect()
    }

    /// The status of each must say that it may be old; those that say so already need no reminder.
    fn lose(&mut self, error: &EngineError) -> Vec<Wake> {
        self.lost = true;
        self.known
            .iter()
            .filter(|(_, known)| !known.is_unknown())
            .map(|(id, _)| {
                (*id, Cause::new(CauseKind::Resync, error.to_string()), Priority::Resync)
            })
            .collect()
    }
}
