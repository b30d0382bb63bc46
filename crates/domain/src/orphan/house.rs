//! What belongs to whom: every workspace beside what the engine has of it.
//!
//! Deliberately absent: what is done about what belongs to nobody.

use super::{Missing, OrphanReason};
use crate::{
    desired::{Desired, Goal, volume_name},
    id::WorkspaceId,
    policy::Policy,
    port::{Object, ObjectKind, Stock},
    workspace::Workspace,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// All workspaces, ready to be asked whether something is theirs.
pub(super) struct House {
    residents: Vec<Resident>,
    by_id: HashMap<WorkspaceId, usize>,
    /// The networks that some workspace wants.
    wanted: HashSet<String>,
    /// The volumes that the engine has.
    volumes: HashSet<String>,
}

/// A workspace, and what it has.
struct Resident {
    desired: Desired,
    /// The ids of the containers that are its own.
    containers: HashSet<String>,
}

impl House {
    pub(super) fn new(stock: &Stock, workspaces: &[Arc<Workspace>], policy: &Policy) -> Self {
        let mut labelled: HashMap<WorkspaceId, Vec<&Object>> = HashMap::new();
        for object in of_kind(stock, ObjectKind::Container) {
            if let Some(id) = object.workspace {
                labelled.entry(id).or_default().push(object);
            }
        }
        let residents: Vec<_> = workspaces
            .iter()
            .map(|workspace| {
                let containers = labelled.get(&workspace.id).map_or(&[][..], Vec::as_slice);
                Resident::new(Desired::new(Arc::clone(workspace), policy), containers, stock)
            })
            .collect();
        let by_id = residents.iter().enumerate().map(|(at, one)| (one.id(), at)).collect();
        let wanted = residents.iter().filter_map(Resident::wanted_network).collect();
        let volumes = of_kind(stock, ObjectKind::Volume).map(|volume| volume.name.clone());
        Self { residents, by_id, wanted, volumes: volumes.collect() }
    }

    /// Why the object belongs to nothing; `None` when it does.
    pub(super) fn reason(&self, object: &Object) -> Option<OrphanReason> {
        let resident = match (object.workspace, object.kind) {
            (None, ObjectKind::Network) => return self.unwanted(object),
            (None, _) => return Some(OrphanReason::NamesNoWorkspace),
            (Some(id), _) => self.by_id.get(&id).map(|at| &self.residents[*at]),
        };
        let Some(resident) = resident else { return Some(OrphanReason::NoWorkspace) };
        match object.kind {
            ObjectKind::Network => self.unwanted(object),
            ObjectKind::Container => {
                (!resident.containers.contains(&object.id)).then_some(OrphanReason::SecondContainer)
            }
            ObjectKind::Volume => (!object.in_use && !resident.declares(&object.name))
                .then_some(OrphanReason::Undeclared),
        }
    }

    /// What workspaces should have and the engine does not.
    pub(super) fn missing(&self) -> Vec<Missing> {
        self.residents.iter().flat_map(|resident| resident.missing(&self.volumes)).collect()
    }

    fn unwanted(&self, network: &Object) -> Option<OrphanReason> {
        let is_unwanted = !network.in_use && !self.wanted.contains(&network.name);
        is_unwanted.then_some(OrphanReason::Unwanted)
    }
}

fn of_kind(stock: &Stock, kind: ObjectKind) -> impl Iterator<Item = &Object> {
    stock.objects.iter().filter(move |object| object.kind == kind)
}

impl Resident {
    fn new(desired: Desired, labelled: &[&Object], stock: &Stock) -> Self {
        let recorded = desired.workspace.status.container.as_ref().map(|container| &container.id);
        let previous = desired.previous_name();
        let is_known = |object: &&&Object| {
            recorded.is_some_and(|id| id.as_str() == object.id)
                || object.name == desired.config.name
                || object.name == previous
        };
        let mut containers: HashSet<String> =
            labelled.iter().filter(is_known).map(|object| object.id.clone()).collect();
        // What was adopted has no label of ours, and is known by its id alone.
        let unlabelled = recorded.into_iter().filter(|id| stock.strangers.contains(*id));
        containers.extend(unlabelled.map(ToString::to_string));
        if containers.is_empty() {
            // As a pass does: the running one first, then by id.
            let first = labelled.iter().min_by_key(|object| (!object.in_use, &object.id));
            containers.extend(first.map(|object| object.id.clone()));
        }
        Self { desired, containers }
    }

    fn id(&self) -> WorkspaceId {
        self.desired.workspace.id
    }

    /// The network that a pass may need at any moment. Whoever is archived or deleted sweeps its own.
    fn wanted_network(&self) -> Option<String> {
        let wants = match self.desired.goal {
            Goal::Running | Goal::Paused | Goal::Stopped => true,
            Goal::Archived | Goal::Gone { .. } => false,
        };
        self.desired.network.as_ref().filter(|_| wants).map(|network| network.name.clone())
    }

    fn volumes(&self) -> impl Iterator<Item = String> {
        let workspace = &self.desired.workspace;
        workspace.spec.volumes.iter().map(|volume| volume_name(workspace, &volume.name))
    }

    fn declares(&self, volume: &str) -> bool {
        self.volumes().any(|name| name == volume)
    }

    fn missing(&self, present: &HashSet<String>) -> Vec<Missing> {
        let workspace = &self.desired.workspace;
        let recorded = workspace.status.container.as_ref();
        let has_container = !self.containers.is_empty();
        let needs_container = match self.desired.goal {
            Goal::Running | Goal::Paused => true,
            Goal::Stopped => recorded.is_some(),
            Goal::Archived | Goal::Gone { .. } => false,
        };
        let mut missing = Vec::new();
        let mut miss = |kind, name| {
            missing.push(Missing {
                workspace: workspace.key(),
                workspace_id: workspace.id,
                phase: workspace.phase(),
                kind,
                name,
            });
        };
        if needs_container && !has_container {
            let name = recorded.map_or(&self.desired.config.name, |container| &container.name);
            miss(ObjectKind::Container, name.clone());
        }
        // Volumes are made right before the first container, and not missed before it.
        let was_made = recorded.is_some() || has_container;
        if was_made && workspace.deletion.is_none() {
            for name in self.volumes().filter(|name| !present.contains(name)) {
                miss(ObjectKind::Volume, name);
            }
        }
        missing
    }
}
