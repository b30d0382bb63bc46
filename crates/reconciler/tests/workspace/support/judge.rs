//! What "converged" means: engine and status as the row says, nothing left over, and nothing more to
//! do.

use super::{Stage, cause, stage::policy};
use trueup_domain::{
    condition::ConditionType,
    container::{Container, ContainerState},
    desired::{Desired, Goal},
    drift,
    id::WorkspaceId,
    label,
    pass::CauseKind,
    status::WorkspaceStatus,
};

/// Fails unless the workspace is as declared, nothing is left over on the engine, and a further pass
/// does and writes nothing (R1, R2).
pub(crate) fn assert_converged(stage: &Stage, id: WorkspaceId) {
    assert_as_declared(stage, id);
    assert_no_unused_network(stage);
    let (did, wrote) = (stage.engine.actions().len(), stage.store.writes());
    let again = stage.pass(id, cause(CauseKind::Resync));
    assert_eq!(again.result.expect("a settled pass fails").wake_up(), None);
    assert_eq!(stage.engine.actions().split_off(did), [""; 0], "a second pass acts");
    assert_eq!(stage.store.writes(), wrote, "a second pass writes");
}

/// The containers that carry the workspace's label.
pub(crate) fn containers(stage: &Stage, id: WorkspaceId) -> Vec<Container> {
    let id = id.to_string();
    let is_its = |container: &&Container| container.label(label::WORKSPACE_ID) == Some(id.as_str());
    stage
        .engine
        .machine(|machine| machine.containers.values().filter(is_its).cloned().collect::<Vec<_>>())
}

/// The volumes that carry the workspace's label.
pub(crate) fn volumes(stage: &Stage, id: WorkspaceId) -> usize {
    let id = id.to_string();
    stage.engine.machine(|machine| machine.volumes.values().filter(|owner| **owner == id).count())
}

fn assert_as_declared(stage: &Stage, id: WorkspaceId) {
    let containers = containers(stage, id);
    let Some(row) = stage.store.row(id) else {
        assert_eq!(containers, [], "a container without a workspace");
        return;
    };
    let desired = Desired::new(row, &policy());
    let status = &desired.workspace.status;
    assert!(status.conditions.is_true(ConditionType::Synced), "not in sync: {status:#?}");
    assert_eq!(status.observed_generation, desired.workspace.generation);
    assert_eq!(
        status.container.as_ref().map(|container| &container.id),
        containers.first().map(|container| &container.id)
    );
    let seen: Vec<_> = containers.iter().map(|container| container.state).collect();
    match desired.goal {
        Goal::Running => assert_eq!(seen, [ContainerState::Running]),
        Goal::Paused => assert_eq!(seen, [ContainerState::Paused]),
        Goal::Stopped => {
            assert!(seen.len() < 2 && seen.iter().all(|state| !state.has_process()));
        }
        Goal::Archived => assert_eq!(seen, []),
        Goal::Gone { .. } => panic!("its row should be gone"),
    }
    let coarse = match desired.goal {
        Goal::Running => WorkspaceStatus::Active,
        Goal::Archived => WorkspaceStatus::Archived,
        _ => WorkspaceStatus::Inactive,
    };
    assert_eq!(status.status, coarse);
    if matches!(desired.goal, Goal::Running | Goal::Paused) {
        let network = desired.network.as_ref().map(|network| network.name.clone());
        let is_there =
            |name: String| stage.engine.machine(|machine| machine.networks.contains_key(&name));
        assert!(network.is_none_or(is_there), "its network is missing");
        assert!(!drift::is_outdated(&desired.config, &containers[0]));
        assert_eq!(desired.config.name, containers[0].config.name);
        assert_eq!(desired.config.resources, containers[0].config.resources);
    }
}

/// A network of a workspace's own that no container uses is a leak, unless that workspace is stopped
/// and would start on it. Shared ones are as many as there are shards, and may stay.
fn assert_no_unused_network(stage: &Stage) {
    let rows: Vec<_> = stage.store.with(|rows| rows.workspaces.values().cloned().collect());
    let stopped: Vec<String> = rows
        .into_iter()
        .map(|row| Desired::new(row, &policy()))
        .filter(|desired| desired.goal == Goal::Stopped)
        .filter_map(|desired| Some(desired.network?.name))
        .collect();
    let own: Vec<String> = stage.engine.machine(|machine| {
        let unused = machine.networks.keys().filter(|name| !machine.is_used(name));
        unused.filter(|name| !name.contains("-shared-")).cloned().collect()
    });
    let leaked: Vec<_> = own.into_iter().filter(|name| !stopped.contains(name)).collect();
    assert_eq!(leaked, [""; 0], "networks that nobody uses");
}
