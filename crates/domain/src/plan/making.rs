//! Making a container, for the first time or in place of another.

use super::{Decision, ending, recovery, replacing};
use crate::{
    action::Action,
    container::{Container, ContainerConfig, ContainerState, MountKind},
    desired::{Desired, Goal},
    id::ContainerId,
    label,
    observed::{Observation, Presence, ProjectFolder},
    spec::ImagePullPolicy,
    status::{Phase, RecoveryStatus},
};

/// There is no container, and there should be one.
pub(super) fn create(desired: &Desired, observed: &Observation) -> Decision {
    let recovery = recovery(desired, None);
    let why = "there is no container";
    match preparations(desired, observed) {
        Err(forbidden) => refused(recovery, &forbidden),
        Ok(mut actions) => {
            let phase = first_phase(&actions);
            actions.extend(ending::left_network(desired, observed));
            actions.extend(creation(desired, observed));
            Decision::act(actions, phase, recovery, why)
        }
    }
}

/// Has a new container take this one's place; everything that can fail beforehand is done beforehand. One
/// that has a process is [kept](replacing) until the new one has come up; one without has nothing to
/// go back to.
pub(super) fn replace(
    desired: &Desired,
    observed: &Observation,
    container: &Container,
    why: &str,
) -> Decision {
    // One that was adopted has no label of ours: set aside, it is found only if it is remembered.
    let can_wait = container.label(label::WORKSPACE_ID).is_some()
        || desired.workspace.status.knows(&container.id);
    if can_wait && matches!(container.state, ContainerState::Running | ContainerState::Paused) {
        return replacing::begin(desired, observed, container, why);
    }
    let recovery = recovery(desired, Some(container));
    let mut actions = match preparations(desired, observed) {
        Err(forbidden) => return refused(recovery, &forbidden),
        Ok(actions) => actions,
    };
    let pulls = first_phase(&actions) == Phase::Pulling;
    let phase = if pulls { Phase::Pulling } else { Phase::Restarting };
    if container.state.has_process() {
        actions.extend(ending::stop(desired, container));
    }
    actions.push(Action::RemoveContainer(container.id.clone()));
    actions.extend(ending::outgrown_network(desired, container));
    actions.extend(creation(desired, observed));
    Decision::act(actions, phase, recovery, why)
}

/// What must be there before a container can be made: its image, its network, its volumes.
///
/// # Errors
/// Why the project folder may not be mounted.
pub(super) fn preparations(
    desired: &Desired,
    observed: &Observation,
) -> Result<Vec<Action>, String> {
    if let ProjectFolder::Forbidden(why) = &observed.project {
        return Err(why.clone());
    }
    let spec = &desired.workspace.spec;
    if spec.project.is_some() && observed.project == ProjectFolder::NotAsked {
        return Err("nobody has looked whether the project folder may be mounted".to_owned());
    }
    let pull = match spec.image_pull_policy {
        ImagePullPolicy::Always => true,
        ImagePullPolicy::IfNotPresent => observed.image == Presence::Missing,
        ImagePullPolicy::Never => false,
    };
    let pull = pull.then(|| Action::PullImage { image: spec.image.clone() });
    let network = desired
        .network
        .iter()
        .filter(|_| observed.network.is_none())
        .map(|network| Action::EnsureNetwork(network.clone()));
    let volumes = desired.volumes().map(|(name, labels)| Action::EnsureVolume { name, labels });
    Ok(pull.into_iter().chain(network).chain(volumes).collect())
}

/// Makes the container and starts it.
///
/// A folder that was missing when it was looked for is left to the engine to refuse, in its own
/// words. Should it have come to be in between, nobody knows where its path leads, so the container
/// is not started before the next pass has looked.
pub(super) fn creation(desired: &Desired, observed: &Observation) -> Vec<Action> {
    let config = with_resolved_project(&desired.config, &observed.project);
    let name = ContainerId::new(config.name.clone());
    let create = Action::CreateContainer(Box::new(config));
    if observed.project == ProjectFolder::Missing {
        return vec![create];
    }
    let mut actions = vec![create, Action::StartContainer(name.clone())];
    if desired.goal == Goal::Paused {
        actions.push(Action::PauseContainer(name));
    }
    actions
}

/// Mounts the folder that was checked, not whatever its path may lead to by then.
fn with_resolved_project(config: &ContainerConfig, project: &ProjectFolder) -> ContainerConfig {
    let mut config = config.clone();
    if let ProjectFolder::Allowed(resolved) = project {
        config.mounts = config
            .mounts
            .into_iter()
            .map(|mut mount| {
                if mount.kind == MountKind::Bind {
                    mount.source.clone_from(resolved);
                }
                mount
            })
            .collect();
    }
    config
}

/// Whether the project's path leads elsewhere now than what the container would mount.
pub(super) fn project_moved(container: &Container, project: &ProjectFolder) -> bool {
    let ProjectFolder::Allowed(resolved) = project else { return false };
    let mut binds = container.config.mounts.iter().filter(|mount| mount.kind == MountKind::Bind);
    binds.any(|mount| mount.source != *resolved)
}

pub(super) fn first_phase(preparations: &[Action]) -> Phase {
    match preparations.first() {
        Some(Action::PullImage { .. }) => Phase::Pulling,
        _ => Phase::Creating,
    }
}

/// Nothing is done: the project folder may not be mounted.
pub(super) fn refused(recovery: RecoveryStatus, why: &str) -> Decision {
    let decision = Decision::rest(Phase::Pending, recovery, why);
    Decision { settled: false, ..decision }.with_trouble("ProjectForbidden", why)
}
