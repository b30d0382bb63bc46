//! Putting a new container in the place of one that works, with a way back.
//!
//! # Flow
//! 1. Whatever can fail beforehand is done beforehand: the image is pulled, network and volumes made.
//! 2. The container is renamed out of the way, and the new one made under its name: the engine has
//!    then accepted the declaration, and nothing has stopped yet.
//! 3. The old one is stopped and the new one started. They never run at the same time: they have the
//!    same ports and volumes.
//! 4. Once the new one has come up the old one is removed. If it does not, the old one is taken back.
//!
//! # Guarantees
//! - Each step follows from what is observed, so that a controller that dies anywhere goes on there.
//! - A failure that says nothing about the new container, such as an engine that does not answer, does
//!   not lead back.
//! - Named volumes stay.
//!
//! # Caveats
//! A container without a process has nothing to go back to and is simply
//! [replaced](super::making::replace).

mod way_back;

pub(super) use way_back::{is_put_off, tell};

use super::{Decision, ending, making, others, recovery, running::describe_end};
use crate::{
    action::Action,
    container::{Container, ContainerState, HealthState},
    desired::{Desired, Goal},
    error::Reason,
    id::ContainerId,
    observed::Observation,
    spec::RecoveryPolicy,
    status::{Phase, RecoveryStatus},
};
use jiff::{SignedDuration, Timestamp};
use way_back::{roll_back, take_back};

/// How long a command without a health check must run to have come up.
const COME_UP: SignedDuration = SignedDuration::from_secs(2);

/// When to look again at a health check that is not decided, should no event tell.
const HEALTH_PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Begins a replacement: sets the container aside, and puts the new one in its place.
pub(super) fn begin(
    desired: &Desired,
    observed: &Observation,
    container: &Container,
    why: &str,
) -> Decision {
    let recovery = recovery(desired, Some(container));
    let mut actions = match making::preparations(desired, observed) {
        Err(forbidden) => return making::refused(recovery, &forbidden),
        Ok(actions) => actions,
    };
    let pulls = making::first_phase(&actions) == Phase::Pulling;
    let phase = if pulls { Phase::Pulling } else { Phase::Restarting };
    let (container_id, to) = (container.id.clone(), desired.previous_name());
    actions.push(Action::RenameContainer { container: container_id, to });
    actions.extend(succession(desired, observed, container));
    Decision::act(actions, phase, recovery, why)
}

/// Goes on with a replacement that has begun; `None` if none has.
pub(super) fn proceed(
    desired: &Desired,
    observed: &Observation,
    container: Option<&Container>,
    now: Timestamp,
) -> Option<Decision> {
    let previous = others::previous(desired, observed)?;
    let refusal = failure(desired, "create container").filter(|_| container.is_none());
    let noted = desired.rollback().filter(|rollback| rollback.under_way);
    if let Some(why) = noted.map(|rollback| rollback.why.clone()).or(refusal) {
        return Some(roll_back(desired, (container, previous), &why, now));
    }
    let is_current = container.is_some_and(|new| !desired.is_outdated(new));
    if !is_current && !desired.is_outdated(previous) {
        // The declaration went back to what it was.
        let why = "the container that was to be replaced is as declared";
        return Some(take_back(desired, container, previous, why));
    }
    Some(match container.filter(|_| is_current) {
        Some(new) => judge(desired, new, previous, now),
        None => go_on(desired, observed, (container, previous), now),
    })
}

/// What came of the new container.
fn judge(desired: &Desired, new: &Container, previous: &Container, now: Timestamp) -> Decision {
    let (recovery, both) = (recovery(desired, Some(new)), (Some(new), previous));
    match new.state {
        ContainerState::Created => {
            let words = new.error.clone().or_else(|| failure(desired, "start container"));
            match words {
                Some(why) => roll_back(desired, both, &why, now),
                None => start(desired, new, previous, recovery),
            }
        }
        ContainerState::Running => match new.health {
            Some(HealthState::Unhealthy) => roll_back(desired, both, "its health check fails", now),
            Some(HealthState::Starting) => {
                let why = "the new container runs; its health is not decided yet";
                let look = now.saturating_add(HEALTH_PATIENCE).unwrap_or(now);
                Decision::wait(look, Phase::Starting, recovery, why)
            }
            Some(HealthState::Healthy) => commit(desired, previous, recovery),
            None => match come_up_at(desired, new, now).filter(|at| *at > now) {
                Some(at) => {
                    let why = "the new container runs; it has yet to stay up";
                    Decision::wait(at, Phase::Starting, recovery, why)
                }
                None => commit(desired, previous, recovery),
            },
        },
        ContainerState::Exited if is_done(desired, new) => commit(desired, previous, recovery),
        ContainerState::Exited => roll_back(desired, both, &describe_end(new), now),
        ContainerState::Paused => commit(desired, previous, recovery),
        // Somebody has told the engine to start it whenever it ends: so it has ended.
        ContainerState::Restarting => {
            roll_back(desired, both, "it ended, and the engine starts it again and again", now)
        }
        ContainerState::Removing | ContainerState::Dead => {
            let why = "the new container is gone";
            Decision::act(removal(desired, new), Phase::Restarting, recovery, why)
        }
    }
}

/// The new container does its work: nobody needs the old one any more.
fn commit(desired: &Desired, previous: &Container, recovery: RecoveryStatus) -> Decision {
    let mut actions = removal(desired, previous);
    actions.extend(ending::outgrown_network(desired, previous));
    Decision::act(actions, Phase::Restarting, recovery, "the new container has come up")
}

/// Goes on where a controller died, where the engine did not answer, or where the declaration has
/// changed once more: then the new container is one that nobody wants.
fn go_on(
    desired: &Desired,
    observed: &Observation,
    (unwanted, previous): (Option<&Container>, &Container),
    now: Timestamp,
) -> Decision {
    let recovery = recovery(desired, Some(previous));
    let preparations = match making::preparations(desired, observed) {
        Err(forbidden) => return roll_back(desired, (unwanted, previous), &forbidden, now),
        Ok(preparations) => preparations,
    };
    let mut actions = unwanted.map(|new| removal(desired, new)).unwrap_or_default();
    actions.extend(preparations);
    actions.extend(succession(desired, observed, previous));
    Decision::act(actions, Phase::Restarting, recovery, "the new container is yet to be made")
}

/// Makes the new container, ends the old one, and starts the new one.
fn succession(desired: &Desired, observed: &Observation, previous: &Container) -> Vec<Action> {
    let mut creation = making::creation(desired, observed);
    let starting = creation.split_off(1);
    if previous.state.has_process() && !starting.is_empty() {
        creation.extend(ending::stop(desired, previous));
    }
    creation.extend(starting);
    creation
}

fn start(
    desired: &Desired,
    new: &Container,
    previous: &Container,
    recovery: RecoveryStatus,
) -> Decision {
    let mut actions = Vec::new();
    if previous.state.has_process() {
        actions.extend(ending::stop(desired, previous));
    }
    actions.extend(starting(desired, new.id.clone()));
    Decision::act(actions, Phase::Restarting, recovery, "the new container is made")
}

fn starting(desired: &Desired, id: ContainerId) -> Vec<Action> {
    let pause = (desired.goal == Goal::Paused).then(|| Action::PauseContainer(id.clone()));
    [Action::StartContainer(id)].into_iter().chain(pause).collect()
}

fn removal(desired: &Desired, container: &Container) -> Vec<Action> {
    let mut actions = Vec::new();
    if container.state.has_process() {
        actions.extend(ending::stop(desired, container));
    }
    actions.push(Action::RemoveContainer(container.id.clone()));
    actions
}

fn come_up_at(desired: &Desired, new: &Container, now: Timestamp) -> Option<Timestamp> {
    desired.workspace.status.seen_at(new, now).saturating_add(COME_UP).ok()
}

/// Whether a command that ended has done what it was to do.
fn is_done(desired: &Desired, new: &Container) -> bool {
    let is_endless = desired.workspace.spec.recovery.policy == RecoveryPolicy::Always;
    !is_endless && new.exit_code == Some(0)
}

/// The words with which the engine refused this step, if it did: one that did not answer, or was busy,
/// has not said anything about the new container.
fn failure(desired: &Desired, operation: &str) -> Option<String> {
    let failure = desired.failure.as_ref()?;
    let is_verdict = !matches!(
        failure.reason,
        Reason::EngineUnreachable | Reason::DeadlineExceeded | Reason::Busy | Reason::NotFound
    );
    let is_meant =
        failure.operation == operation && failure.generation == desired.workspace.generation;
    (is_meant && is_verdict).then(|| failure.message.clone())
}
