//! Whose each workspace is: what the queue is fair between.
//!
//! Fed with the same inputs as the [`Feed`](super::Feed) and before it, so that a workspace is known
//! by the time the queue hears of it and asks. It is asked under the queue's lock, hence a lock of
//! its own that nobody holds for longer than a look or one change. Bounded by the number of
//! workspaces; an entry goes with its workspace.

use super::Input;
use crate::runtime::Owner;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::SetOnce;
use trueup_domain::{id::WorkspaceId, workspace::Workspace};

/// The owners of all workspaces.
#[derive(Debug, Default)]
pub struct Owners {
    of: RwLock<HashMap<WorkspaceId, Owner>>,
    all_known: SetOnce<()>,
}

impl Owners {
    /// Takes note of what an input says about owners.
    pub fn note(&self, input: &Input) {
        match input {
            Input::Loaded(workspaces) => {
                let all = workspaces.iter().map(|w| (w.id, owner(w))).collect();
                self.change(|of| *of = all);
                // They may be read again later; by then it has been said.
                let _ = self.all_known.set(());
            }
            Input::Stored { id, new: Some(workspace) } => {
                let owner = owner(workspace);
                self.change(|of| of.insert(*id, owner));
            }
            Input::Stored { id, new: None } => {
                self.change(|of| of.remove(id));
            }
            Input::Watched(_) => {}
        }
    }

    /// Whose a workspace is. Those that nothing is known of belong together.
    pub fn of(&self, id: WorkspaceId) -> Owner {
        let of = self.of.read().unwrap_or_else(PoisonError::into_inner);
        of.get(&id).copied().unwrap_or_default()
    }

    /// Ready once all workspaces were read for the first time.
    pub async fn all_known(&self) {
        self.all_known.wait().await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<WorkspaceId, Owner>) -> T) -> T {
        change(&mut self.of.write().unwrap_or_else(PoisonError::into_inner))
    }
}

fn owner(workspace: &Arc<Workspace>) -> Owner {
    Owner::new(workspace.metadata.owner.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn id(number: u128) -> WorkspaceId {
        format!("{number:032x}").parse().unwrap()
    }

    fn workspace(number: u128, owner: &str) -> Arc<Workspace> {
        let value = json!({
            "id": id(number),
            "metadata": {"name": "w", "owner": owner},
            "spec": {"image": "debian:12"},
            "generation": 1,
            "resourceVersion": 1,
            "createdAt": "2026-03-02T09:00:00Z",
        });
        Arc::new(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn owners_come_and_go_with_their_workspaces() {
        let owners = Owners::default();
        assert_eq!(owners.of(id(1)), Owner::default(), "nobody's, before anything was read");
        owners.note(&Input::Loaded(vec![workspace(1, "alice"), workspace(2, "alice")]));
        owners.note(&Input::Stored { id: id(3), new: Some(workspace(3, "bob")) });
        assert_eq!(owners.of(id(1)), Owner::new("alice"));
        assert_eq!(owners.of(id(1)), owners.of(id(2)));
        assert_eq!(owners.of(id(3)), Owner::new("bob"));

        owners.note(&Input::Stored { id: id(3), new: None });
        owners.note(&Input::Loaded(vec![workspace(2, "alice")]));
        assert_eq!(owners.of.read().unwrap().len(), 1, "those that are gone are forgotten");
    }
}
