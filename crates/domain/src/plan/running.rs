//! Goals with a container: running and paused.

use super::{
    Decision, ending,
    mending::{bide, list, mend},
    recovery,
    restart::{self, Verdict},
    wait,
};
use crate::{
    action::Action,
    container::{Container, ContainerConfig, ContainerState, HealthState, MountKind},
    desired::{Desired, Goal},
    drift::{self, Remedy},
    id::ContainerId,
    observed::{Observation, Presence, ProjectFolder},
    spec::{ImagePullPolicy, OnDrift},
    status::{Phase, RecoveryStatus},
};
use jiff::Timestamp;

/// There is no container, and there should be one.
pub(super) fn create(desired: &Desired, observed: &Observation) -> Decision {
    let recovery = recovery(desired, None);
    let why = "there is no container";
    match preparations(desired, observed) {
        Err(forbidden) => refused(recovery, &forbidden),
        Ok(mut actions) => {
            let phase = first_phase(&actions);
            actions.extend(creation(desired, observed));
            Decision::act(actions, phase, recovery, why)
        }
    }
}

/// There is a container: keep it, mend it, or replace it.
pub(super) fn keep(
    desired: &Desired,
    observed: &Observation,
    container: &Container,
    now: Timestamp,
) -> Decision {
    let recovery = recovery(desired, Some(container));
    match container.state {
        ContainerState::Removing => {
            let why = "the engine is removing the container";
            return wait(Phase::Restarting, recovery, now, why);
        }
        ContainerState::Dead => {
            return replace(desired, observed, container, "the container is dead");
        }
        _ => {}
    }
    let differences = drift::drift(&desired.config, container, observed.network.as_ref());
    if drift::is_outdated(&desired.config, container) {
        let why = format!("the declaration has changed: {}", list(&differences));
        return replace(desired, observed, container, &why);
    }
    let driven = drive(desired, container, now);
    let starts = driven.actions.iter().any(|action| matches!(action, Action::StartContainer(_)));
    let any = |remedy| differences.iter().any(|found| found.remedy == remedy);
    let altered = desired.workspace.spec.on_drift == OnDrift::Recreate && any(Remedy::Recreate);
    if altered && container.state.has_process() {
        let why = format!("the container was altered: {}", list(&differences));
        return match restart::stable_at(desired, container).filter(|at| *at > now) {
            Some(at) => bide(driven, at, &why),
            None => replace(desired, observed, container, &why),
        };
    }
    // A container that ended is replaced only when it is to start, so that its ends are counted and
    // its recovery policy holds. One whose network is gone cannot start, whatever `onDrift` says.
    if starts && (altered || any(Remedy::RecreateToStart)) {
        let why = format!("the container cannot start as it is: {}", list(&differences));
        let replaced = replace(desired, observed, container, &why);
        return Decision { recovery: driven.recovery, ..replaced };
    }
    match &observed.project {
        // What its folder's path leads to may have changed since the container was made.
        ProjectFolder::Forbidden(why) if starts => refused(driven.recovery, why),
        _ => mend(desired, container, driven, differences),
    }
}

/// Brings a container that is as declared into the desired state.
fn drive(desired: &Desired, container: &Container, now: Timestamp) -> Decision {
    let id = container.id.clone();
    let paused = desired.goal == Goal::Paused;
    match container.state {
        ContainerState::Running if paused => {
            let (recovery, _) = restart::settle(desired, container, now);
            let pause = vec![Action::PauseContainer(id)];
            Decision::act(pause, Phase::Pausing, recovery, "it should be paused and runs")
        }
        ContainerState::Paused if paused => {
            let recovery = recovery(desired, Some(container));
            Decision::rest(Phase::Paused, recovery, "it is paused, as it should be")
        }
        ContainerState::Running => running(desired, container, now),
        ContainerState::Paused => {
            let recovery = recovery(desired, Some(container));
            let thaw = vec![Action::UnpauseContainer(id)];
            Decision::act(thaw, Phase::Starting, recovery, "it should run and is paused")
        }
        ContainerState::Created => {
            let recovery = recovery(desired, Some(container));
            start(desired, id, Phase::Starting, recovery, "the container was never started")
        }
        ContainerState::Exited => ended(desired, container, now),
        ContainerState::Restarting | ContainerState::Removing | ContainerState::Dead => {
            let recovery = recovery(desired, Some(container));
            wait(Phase::Restarting, recovery, now, "the engine is starting the container again")
        }
    }
}

fn running(desired: &Desired, container: &Container, now: Timestamp) -> Decision {
    let (recovery, wake_at) = restart::settle(desired, container, now);
    let decision = match container.health {
        None | Some(HealthState::Healthy) => {
            Decision::rest(Phase::Running, recovery, "it runs, as it should")
        }
        Some(HealthState::Starting) => {
            Decision::rest(Phase::Starting, recovery, "it runs; its health is not decided yet")
        }
        Some(HealthState::Unhealthy) => {
            Decision::rest(Phase::Unhealthy, recovery, "it runs; its health check fails")
                .with_trouble("Unhealthy", "the health check fails")
        }
    };
    Decision { wake_at, ..decision }
}

fn ended(desired: &Desired, container: &Container, now: Timestamp) -> Decision {
    let (verdict, recovery) = restart::judge(desired, container, now);
    let end = describe_end(container);
    match verdict {
        Verdict::Start => {
            let why = format!("it should run and {end}");
            start(desired, container.id.clone(), Phase::Restarting, recovery, &why)
        }
        Verdict::Wait(until) => {
            let why = format!("{end}, {} times in a row; next start at {until}", recovery.crashes);
            Decision::wait(until, Phase::CrashLoop, recovery, why.clone())
                .with_trouble("CrashLoop", why)
        }
        Verdict::Rest => {
            let why = format!("{end}; its recovery policy says to leave it");
            Decision::rest(Phase::Stopped, recovery, why)
        }
        Verdict::GiveUp => {
            let why = format!(
                "{end}, {} times in a row; no more is tried until `trueup resume` or a change",
                recovery.crashes
            );
            let decision = Decision::rest(Phase::CrashLoop, recovery, why.clone());
            Decision { settled: false, ..decision }.with_trouble("GaveUp", why)
        }
    }
}

fn start(
    desired: &Desired,
    id: ContainerId,
    phase: Phase,
    recovery: RecoveryStatus,
    why: &str,
) -> Decision {
    let mut actions = vec![Action::StartContainer(id.clone())];
    if desired.goal == Goal::Paused {
        actions.push(Action::PauseContainer(id));
    }
    Decision::act(actions, phase, recovery, why)
}

/// Removes the container and makes it anew; everything that can fail beforehand is done beforehand.
fn replace(
    desired: &Desired,
    observed: &Observation,
    container: &Container,
    why: &str,
) -> Decision {
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
fn preparations(desired: &Desired, observed: &Observation) -> Result<Vec<Action>, String> {
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

fn creation(desired: &Desired, observed: &Observation) -> Vec<Action> {
    let config = with_resolved_project(&desired.config, &observed.project);
    let name = ContainerId::new(config.name.clone());
    let mut actions =
        vec![Action::CreateContainer(Box::new(config)), Action::StartContainer(name.clone())];
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

fn first_phase(preparations: &[Action]) -> Phase {
    match preparations.first() {
        Some(Action::PullImage { .. }) => Phase::Pulling,
        _ => Phase::Creating,
    }
}

fn refused(recovery: RecoveryStatus, why: &str) -> Decision {
    let decision = Decision::rest(Phase::Pending, recovery, why);
    Decision { settled: false, ..decision }.with_trouble("ProjectForbidden", why)
}

fn describe_end(container: &Container) -> String {
    let code = container.exit_code.unwrap_or_default();
    let oom = if container.oom_killed { ", out of memory" } else { "" };
    format!("it ended with exit code {code}{oom}")
}
