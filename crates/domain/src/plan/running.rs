//! Goals with a container: running and paused. There is one: keep it, mend it, or replace it.

use super::{
    Decision,
    making::{project_moved, refused, replace},
    mending::{bide, list, mend},
    recovery,
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
    spec::OnDrift,
    status::{Phase, RecoveryStatus},
};
use jiff::Timestamp;

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
    let mut differences = drift::drift(&desired.config, container, observed.network.as_ref());
    if desired.workspace.status.could_always_swap(&container.id) {
        differences.retain(|found| found.field != drift::SWAP);
    }
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
    if starts && project_moved(container, &observed.project) {
        let why = "the project folder's path leads elsewhere now";
        let replaced = replace(desired, observed, container, why);
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
    let decision = Decision { wake_at, ..decision };
    if decision.trouble.is_none() { still_unstable(decision) } else { decision }
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

fn describe_end(container: &Container) -> String {
    let code = container.exit_code.unwrap_or_default();
    let oom = if container.oom_killed { ", out of memory" } else { "" };
    let end = format!("it ended with exit code {code}{oom}");
    match &container.error {
        Some(words) => format!("{end} ({words})"),
        None => end,
    }
}

/// A command that could not be run at all is a fault of its declaration, not of the program.
fn trouble(container: &Container, otherwise: &'static str) -> &'static str {
    if container.error.is_some() { "CommandInvalid" } else { otherwise }
}
