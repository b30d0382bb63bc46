//! Goals without a process: stopped, archived, gone.
//!
//! Named volumes go only when the deletion said so. A shared network goes with its last user.

use super::{Decision, others, recovery};
use crate::{
    action::Action,
    container::{Container, ContainerState, NetworkMode},
    desired::{Desired, Goal},
    error::Reason,
    observed::Observation,
    status::Phase,
};
use jiff::Timestamp;

/// No process; a container may stay.
pub(super) fn stopped(
    desired: &Desired,
    observed: &Observation,
    container: Option<&Container>,
) -> Decision {
    let recovery = recovery(desired, container);
    match container.or(others::previous(desired, observed)) {
        // Its successor was never made.
        Some(previous) if container.is_none() => {
            let (container, to) = (previous.id.clone(), desired.config.name.clone());
            let mut actions = vec![Action::RenameContainer { container, to }];
            if previous.state.has_process() {
                actions.extend(stop(desired, previous));
            }
            let why = "it should be stopped, and its container was being replaced";
            Decision::act(actions, Phase::Stopping, recovery, why)
        }
        Some(container) if container.state.has_process() => Decision::act(
            stop(desired, container),
            Phase::Stopping,
            recovery,
            format!("it should be stopped and is {}", container.state.as_str()),
        ),
        Some(_) => Decision::rest(Phase::Stopped, recovery, "it is stopped, as it should be"),
        None => {
            Decision::rest(Phase::Stopped, recovery, "it should be stopped: no container needed")
        }
    }
}

/// No container; named volumes stay.
pub(super) fn archived(
    desired: &Desired,
    observed: &Observation,
    container: Option<&Container>,
) -> Decision {
    let why = "it should be archived";
    if let Some(container) = container {
        return remove(desired, container, Phase::Archiving, why);
    }
    let recovery = recovery(desired, None);
    let leftovers = unused_networks(desired, observed);
    if leftovers.is_empty() {
        Decision::rest(Phase::Archived, recovery, "it is archived: no container is left")
    } else {
        Decision::act(leftovers, Phase::Archiving, recovery, "it is archived, its network is left")
    }
}

/// Nothing left at all.
pub(super) fn gone(
    desired: &Desired,
    observed: &Observation,
    container: Option<&Container>,
    now: Timestamp,
) -> Decision {
    if let Some(container) = container {
        return remove(desired, container, Phase::Deleting, "it should be deleted");
    }
    let recovery = recovery(desired, None);
    let mut leftovers = unused_networks(desired, observed);
    if (desired.goal == Goal::Gone { volumes: true }) {
        let names = observed.volumes.iter().cloned();
        leftovers.extend(names.map(|name| Action::RemoveVolume { name }));
    }
    if !leftovers.is_empty() {
        let why = "its container is gone, its network or volumes are left";
        return Decision::act(leftovers, Phase::Deleting, recovery, why);
    }
    if let Some(network) = occupied_network(desired, observed) {
        let why = format!("its network {network} is left: somebody else's container uses it");
        let decision = Decision::rest(Phase::Deleting, recovery, why.clone());
        return Decision { settled: false, ..decision }.with_trouble("NetworkInUse", why);
    }
    // A call that was given up may make a container yet; who would remove it when the row is gone?
    if let Some(until) = desired.abandoned_until.filter(|until| *until > now) {
        let why = "nothing of it is left, but a call that was given up may still be carried out";
        return Decision::wait(until, Phase::Deleting, recovery, why);
    }
    let rest = Decision::rest(Phase::Deleting, recovery, "nothing of it is left");
    Decision { finished: true, ..rest }
}

/// The network of its own, when a stranger's container is on it. A shared one may well be in use.
fn occupied_network<'a>(desired: &'a Desired, observed: &Observation) -> Option<&'a str> {
    let own = &desired.config.name;
    let is_own = desired.network.as_ref().is_some_and(|network| network.name == *own);
    let present = observed.network.as_ref().filter(|_| is_own);
    let own_network = present.or(observed.outgrown_network.as_ref());
    own_network.is_some_and(|state| state.used).then_some(own.as_str())
}

/// Ends the process gently and removes the container.
fn remove(desired: &Desired, container: &Container, phase: Phase, why: &str) -> Decision {
    let recovery = recovery(desired, Some(container));
    let mut actions = Vec::new();
    if container.state.has_process() {
        actions.extend(stop(desired, container));
    }
    // A removal that the engine has under way is asked for again: it may have died half-way, and
    // asking twice is harmless.
    actions.push(Action::RemoveContainer(container.id.clone()));
    actions.extend(outgrown_network(desired, container));
    let why = format!("{why} and is {}", container.state.as_str());
    Decision::act(actions, phase, recovery, why)
}

/// Ends the process gently; a frozen one must be thawed to hear of it. One that an earlier attempt did
/// not end in time is ended by force.
pub(super) fn stop(desired: &Desired, container: &Container) -> Vec<Action> {
    let thaw = (container.state == ContainerState::Paused)
        .then(|| Action::UnpauseContainer(container.id.clone()));
    let id = container.id.clone();
    let ran_out = desired.failure.as_ref().is_some_and(|failure| {
        failure.operation == "stop container" && failure.reason == Reason::DeadlineExceeded
    });
    let stop = if ran_out {
        Action::KillContainer(id)
    } else {
        Action::StopContainer { container: id, grace: desired.stop_grace }
    };
    thaw.into_iter().chain([stop]).collect()
}

/// The network that an older declaration gave the container and the present one does not: when the
/// container is gone, it may be that nobody needs it any more.
pub(super) fn outgrown_network(desired: &Desired, container: &Container) -> Option<Action> {
    let NetworkMode::Named { name } = &container.config.network else { return None };
    let is_wanted = desired.network.as_ref().is_some_and(|network| network.name == *name);
    (!is_wanted).then(|| Action::RemoveNetwork { name: name.clone() })
}

/// The network of its own that was left when its last container went. It has the container's name.
pub(super) fn left_network(desired: &Desired, observed: &Observation) -> Option<Action> {
    let is_free = observed.outgrown_network.as_ref().is_some_and(|state| !state.used);
    is_free.then(|| Action::RemoveNetwork { name: desired.config.name.clone() })
}

/// A shared network that the engine did not let go of when it was told to is left to `trueup orphans`: it
/// may say that nobody uses it and keep it all the same, until it is started anew.
fn unused_networks(desired: &Desired, observed: &Observation) -> Vec<Action> {
    let was_kept = desired.failure.as_ref().is_some_and(|failure| {
        failure.operation == "remove network" && failure.reason == Reason::EngineFault
    });
    let is_stuck = |network: &str| was_kept && network != desired.config.name;
    let wanted = match (&desired.network, &observed.network) {
        (Some(network), Some(state)) if !state.used && !is_stuck(&network.name) => {
            Some(Action::RemoveNetwork { name: network.name.clone() })
        }
        _ => None,
    };
    wanted.into_iter().chain(left_network(desired, observed)).collect()
}
