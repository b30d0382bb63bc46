//! What the hands need to be wrong in a known way.
//!
//! Invariant: nothing here is called without its mistake.

use super::Hands;
use crate::bug::Bug;
use std::sync::{Arc, PoisonError};
use trueup_domain::{
    action::Action,
    container::{Container, ContainerState, ContainerSummary, MountKind},
    id::{ContainerId, WorkspaceId},
    label,
    port::Engine as _,
};

impl Hands {
    /// The named volumes of a container.
    pub(super) fn mounts_of(&self, id: &ContainerId) -> Vec<String> {
        let held = self.sim.snapshot().containers;
        let mounts = held.get(id).map(|view| view.container.config.mounts.clone());
        let volumes = mounts.into_iter().flatten().filter(|mount| mount.kind == MountKind::Volume);
        volumes.map(|mount| mount.source).collect()
    }

    /// What is stored, told as if the engine had been asked.
    pub(super) fn believed_rows(&self) -> Vec<ContainerSummary> {
        let rows = self.shelf.rows();
        let believed = |(id, row): (WorkspaceId, Arc<trueup_domain::workspace::Workspace>)| {
            let status = row.status.container.clone()?;
            Some(ContainerSummary {
                id: status.id,
                name: status.name,
                workspace: id,
                state: status.state,
                networks: status.networks.into_iter().collect(),
            })
        };
        rows.into_iter().filter_map(believed).collect()
    }

    pub(super) async fn listed_state(&self, id: &ContainerId) -> Option<ContainerState> {
        let rows = self.sim.list(None).await.ok()?;
        rows.into_iter().find(|row| row.id == *id).map(|row| row.state)
    }

    /// What a list leaves out: others' containers that have the workspace's labels from an image, or its
    /// container's name.
    pub(super) fn left_out(&self, id: WorkspaceId) -> Vec<ContainerSummary> {
        let (bug, text) = (self.bug, id.to_string());
        let is_taken = |container: &Container| match bug {
            Some(Bug::TakeCopies) => {
                container.label(label::WORKSPACE_ID) == Some(text.as_str())
                    && container.config.image.starts_with("copy:")
            }
            Some(Bug::TakeStrangers) => {
                container.label(label::WORKSPACE_ID).is_none()
                    && container.config.name.ends_with(&id.short())
            }
            _ => false,
        };
        let held = self.sim.snapshot().containers;
        let containers = held.into_values().map(|view| view.container).filter(is_taken);
        containers
            .map(|container| ContainerSummary {
                id: container.id,
                name: container.config.name,
                workspace: id,
                state: container.state,
                networks: [container.config.network.network().to_owned()].into(),
            })
            .collect()
    }

    /// Once in a life, and past the witness: the pass does not know that it does it.
    pub(super) async fn start_again(&self, container: &Container) {
        let is_new = || {
            let mut started = self.started_again.lock().unwrap_or_else(PoisonError::into_inner);
            started.insert(container.id.clone())
        };
        if container.state == ContainerState::Running && is_new() {
            drop(self.sim.perform(&Action::StartContainer(container.id.clone())).await);
        }
    }
}

/// Whether a container was set aside until its successor is up.
pub(super) fn is_previous(name: &str) -> bool {
    name.ends_with("-previous")
}

/// A stranger's container with our labels put on it.
pub(super) fn claimed(mut container: Container) -> Container {
    if container.label(label::INSTANCE_ID).is_none()
        && let Ok(id) = crate::witness::PASS.try_with(|id| *id)
    {
        let labels = &mut container.config.labels;
        labels.insert(label::INSTANCE_ID.to_owned(), crate::INSTANCE.to_owned());
        labels.insert(label::WORKSPACE_ID.to_owned(), id.to_string());
    }
    container
}
