//! Goals with a container: running and paused. There is one: keep it, mend it, or replace it.

use super::{
    Decision, ending,
    making::{project_moved, refused, replace},
    mending::{bide, list, mend},
    not_ready_since, recovery, replacing,
    restart::{self, Verdict},
    wait,
};
use crate::{
    action::Action,
    container::{Container, ContainerState, HealthState},
    desired::{Desired, Goal},
    drift::{self, Remedy},
    id::ContainerId,
    observed::{Observation, ProjectFolder},
    spec::{OnDrift, OnFailure},
    status::{Phase, RecoveryStatus},
};
use jiff::{SignedDuration, Timestamp};

/// There is a container: keep it, mend it, or replace it.
pub(super) fn keep(
    desired: &Desired,
    observed: &Observation,
    container: &Container,
    now: Timestamp,
) -> Decision {
    let recovery = recovery(desired, Some(container));
    match container.state {
        ContainerState::Removing => return removing(desired, container, recovery, now),
        ContainerState::Dead => {
            return replace(desired, observed, container, "the container is dead");
        }
        _ => {}
    }
    let mut differences = desired.drift(container, observed.network.as_ref());
    if desired.workspace.status.could_always_swap(&container.id) {
        differences.retain(|found| found.field != drift::SWAP);
    }
    let any = |remedy| differences.iter().any(|found| found.remedy == remedy);
    let is_outdated = desired.is_outdated(container);
    let is_altered = desired.workspace.spec.on_drift == OnDrift::Recreate && any(Remedy::Recreate);
    // The last container that was to take this one's place did not come up.
    let is_put_off = (is_outdated || is_altered) && replacing::is_put_off(desired, container, now);
    if is_outdated && !is_put_off {
        let why = format!("the declaration has changed: {}", list(&differences));
        return replace(desired, observed, container, &why);
    }
    let driven = drive(desired, container, now);
    let starts = driven.actions.iter().any(|action| matches!(action, Action::StartContainer(_)));
    let altered = is_altered && !is_put_off;
    if altered && container.state.has_process() {
        let why = format!("the container was altered: {}", list(&differences));
        return match restart::stable_at(desired, container, now).filter(|at| *at > now) {
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
    if starts && !desired.has_adopted(container) && project_moved(container, &observed.project) {
        let why = "the project folder's path leads elsewhere now";
        let replaced = replace(desired, observed, container, why);
        return Decision { recovery: driven.recovery, ..replaced };
    }
    match &observed.project {
        // What its folder's path leads to may have changed since the container was made.
        ProjectFolder::Forbidden(why) if starts => refused(driven.recovery, why),
        _ => {
            let driven =
                if starts { with_network(desired, observed, container, driven) } else { driven };
            let mended = mend(desired, container, driven, differences);
            if is_put_off {
                replacing::tell(desired, mended)
            } else {
                Decision { is_current: !is_outdated && !is_altered, ..mended }
            }
        }
    }
}

/// A container that never had a process refers to its network by name, and can start as soon as there
/// is one of that name again.
fn with_network(
    desired: &Desired,
    observed: &Observation,
    container: &Container,
    driven: Decision,
) -> Decision {
    let missing = desired.network.as_ref().filter(|network| {
        observed.network.is_none()
            && container.network_id.is_none()
            && container.config.network.network() == network.name
    });
    let Some(network) = missing else { return driven };
    let mut actions = vec![Action::EnsureNetwork(network.clone())];
    actions.extend(driven.actions);
    Decision { actions, ..driven }
}

/// The engine is asked once more when a removal takes too long: it may have died half-way.
fn removing(
    desired: &Desired,
    container: &Container,
    recovery: RecoveryStatus,
    now: Timestamp,
) -> Decision {
    let why = "the engine is removing the container";
    let due = not_ready_since(desired).and_then(|since| since.saturating_add(REMOVAL).ok());
    if due.is_none_or(|due| due > now) {
        return wait(desired, Phase::Restarting, recovery, now, why);
    }
    let why = format!("{why} and does not get to the end");
    let remove = vec![Action::RemoveContainer(container.id.clone())];
    Decision::act(remove, Phase::Restarting, recovery, why.clone()).with_trouble("Stuck", why)
}

/// How long a removal that was not ours may take.
const REMOVAL: SignedDuration = SignedDuration::from_secs(30);

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
            wait(
                desired,
                Phase::Restarting,
                recovery,
                now,
                "the engine is starting the container again",
            )
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
        Some(HealthState::Unhealthy) if is_restarted(desired) => {
            return unhealthy(desired, container, now);
        }
        Some(HealthState::Unhealthy) => {
            Decision::rest(Phase::Unhealthy, recovery, "it runs; its health check fails")
                .with_trouble("Unhealthy", "the health check fails")
        }
    };
    let decision = Decision { wake_at, ..decision };
    if decision.trouble.is_none() { still_unstable(decision) } else { decision }
}

/// Whether a health check that fails is answered with a restart.
fn is_restarted(desired: &Desired) -> bool {
    let health = desired.workspace.spec.health.as_ref();
    health.is_some_and(|health| health.on_failure == OnFailure::Restart)
}

/// It runs and does not work: it is ended and started again, when its turn has come.
fn unhealthy(desired: &Desired, container: &Container, now: Timestamp) -> Decision {
    let (verdict, recovery) = restart::condemn(desired, container, now);
    let times = recovery.crashes;
    match verdict {
        Verdict::Start => {
            let why = "its health check fails";
            let mut actions = ending::stop(desired, container);
            actions.push(Action::StartContainer(container.id.clone()));
            let decision = Decision::act(actions, Phase::Restarting, recovery, why);
            decision.with_trouble("Unhealthy", why)
        }
        Verdict::Wait(until) => {
            let why =
                format!("its health check fails, {times} times in a row; restarted at {until:.0}");
            Decision::wait(until, Phase::Unhealthy, recovery, why.clone())
                .with_trouble("Unhealthy", why)
        }
        Verdict::Rest | Verdict::GiveUp => {
            let why = format!(
                "its health check fails, {times} times in a row; no more is tried until \
                 `trueup resume` or a change"
            );
            let decision = Decision::rest(Phase::Unhealthy, recovery, why.clone());
            Decision { settled: false, ..decision }.with_trouble("GaveUp", why)
        }
    }
}

/// A command that ended more than once in a row has not recovered by being started again.
fn still_unstable(decision: Decision) -> Decision {
    match decision.recovery.crashes {
        0 | 1 => decision,
        crashes => {
            let why = format!("it ended {crashes} times in a row and is not stable yet");
            decision.with_trouble("CrashLoop", why)
        }
    }
}

fn ended(desired: &Desired, container: &Container, now: Timestamp) -> Decision {
    let (verdict, recovery) = restart::judge(desired, container, now);
    let end = describe_end(container);
    match verdict {
        Verdict::Start => {
            let why = format!("it should run and {end}");
            // A start that a new declaration owes restarts nothing.
            let phase = if recovery.crashes == 0 { Phase::Starting } else { Phase::Restarting };
            start(desired, container.id.clone(), phase, recovery, &why)
        }
        Verdict::Wait(until) => {
            let why =
                format!("{end}, {} times in a row; next start at {until:.0}", recovery.crashes);
            Decision::wait(until, Phase::CrashLoop, recovery, why.clone())
                .with_trouble(trouble(container, "CrashLoop"), why)
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
    still_unstable(Decision::act(actions, phase, recovery, why))
}

/// The end of a command in words.
pub(super) fn describe_end(container: &Container) -> String {
    let code = container.exit_code.unwrap_or_default();
    let oom = if container.oom_killed { ", out of memory" } else { "" };
    let end = format!("it ended with exit code {code}{oom}");
    match &container.error {
        Some(words) => format!("{end} ({words})"),
        None => end,
    }
}

/// A command that could not be run at all is a fault of its declaration, and one that wanted more memory
/// than it has of its limits.
fn trouble(container: &Container, otherwise: &'static str) -> &'static str {
    match (&container.error, container.oom_killed) {
        (Some(_), _) => "CommandInvalid",
        (None, true) => "OutOfMemory",
        (None, false) => otherwise,
    }
}
