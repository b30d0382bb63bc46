//! How long the stored statuses took to be true again, found by looking at both sides over and over.
//!
//! What was told before the engine answered, and is what the engine then answered, was true when it
//! answered; so an engine that answers late does not make the truth look late.

use super::truth::{Took, lie};
use super::world::World;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use trueup_api::wire::WorkspaceView;

/// What was told and what the engine said.
pub(super) struct Look {
    pub(super) before: Vec<WorkspaceView>,
    pub(super) world: World,
    pub(super) after: Vec<WorkspaceView>,
    /// When `after` was told.
    pub(super) at: Instant,
}

/// Notes for each workspace when its status was true for the first time, and what it was before.
pub(super) struct Stopwatch {
    end: Instant,
    truth: BTreeMap<String, Took>,
    lies: BTreeMap<String, String>,
}

impl Stopwatch {
    /// Begins at the end of a fault.
    pub(super) fn since(end: Instant) -> Self {
        Self { end, truth: BTreeMap::new(), lies: BTreeMap::new() }
    }

    pub(super) fn note(&mut self, look: &Look) {
        for view in &look.after {
            let id = view.workspace.id.to_string();
            // What was told before the engine answered and is what the engine answered was true then.
            let before = look.before.iter().find(|before| before.workspace.id == view.workspace.id);
            let truth = if before.is_some_and(|before| lie(before, &look.world).is_none()) {
                look.world.told_at(&id)
            } else if let Some(lie) = lie(view, &look.world) {
                if !self.truth.contains_key(&id) {
                    self.lies.insert(id, lie);
                }
                continue;
            } else {
                look.at
            };
            let time = truth.saturating_duration_since(self.end);
            let earlier = self.truth.get(&id).is_some_and(|took| took.time <= time);
            if !earlier {
                let name = view.workspace.metadata.name.to_string();
                self.truth.insert(id, Took { name, time, instead: None });
            }
        }
    }

    /// What was noted of the workspaces that are still there.
    pub(super) fn stop(mut self, views: &[WorkspaceView]) -> Recovered {
        let rest = Instant::now().saturating_duration_since(self.end);
        let ids = views.iter().map(|view| view.workspace.id.to_string());
        let truth = ids.filter_map(|id| {
            let took = self.truth.remove(&id)?;
            Some(Took { instead: self.lies.remove(&id), ..took })
        });
        Recovered { truth: truth.collect(), rest }
    }
}

/// How long each workspace took to tell the truth, and all of them to be at rest.
pub(super) struct Recovered {
    pub(super) truth: Vec<Took>,
    pub(super) rest: Duration,
}
