//! What subscribers are told about the step from one status to the next.

use crate::build::{Case, failure, start};
use jiff::SignedDuration;
use serde_json::json;
use trueup_domain::{
    condition::{ConditionType, Truth},
    container::{ContainerState, HealthState},
    error::Reason,
    event::{CONTROLLER, EventType},
    id::Generation,
    news::{events, repair},
    observed::{Observed, Presence},
    status::{Failure, Phase, Status},
    workspace::Workspace,
};

fn status(state: Option<ContainerState>) -> Status {
    let case = Case::new(&json!({}));
    match state {
        Some(state) => case.with(state).plan().status,
        None => case.plan().status,
    }
}

fn told(old: &Status, new: &Status) -> Vec<(EventType, String, String)> {
    events(old, new, start())
        .into_iter()
        .map(|event| (event.kind, event.reason, crate::build::short(&event.message)))
        .collect()
}

fn words(old: &Status, new: &Status) -> Vec<String> {
    told(old, new)
        .into_iter()
        .map(|(kind, reason, message)| format!("{kind} {reason}: {message}"))
        .collect()
}

#[test]
fn nothing_is_told_when_nothing_changed() {
    let running = status(Some(ContainerState::Running));
    assert_eq!(words(&running, &running), [] as [&str; 0]);
}

#[test]
fn the_first_status_is_an_initialization() {
    let first = events(&Status::default(), &status(None), start());
    assert_eq!(first.len(), 1);
    assert_eq!(
        (first[0].kind, &*first[0].reason),
        (EventType::StatusChanged, "workspace_initialized")
    );
    assert_eq!((first[0].actor.as_str(), first[0].old_status), (CONTROLLER, None));
    assert!(first[0].new_status.is_some());
}

#[test]
fn a_death_and_its_repair_are_told_as_two_steps() {
    let running = status(Some(ContainerState::Running));
    let dead = status(Some(ContainerState::Exited));
    assert_eq!(
        words(&running, &dead),
        [
            "status_changed status_changed_active_to_inactive: the workspace is inactive (Restarting)",
            "container_update container_state_changed_running_to_exited: container W is exited, exit code 1",
        ]
    );
    assert_eq!(
        words(&dead, &running),
        [
            "status_changed status_changed_inactive_to_active: the workspace is active (Running)",
            "container_update container_state_changed_exited_to_running: container W is running",
        ]
    );
}

#[test]
fn a_restart_between_two_looks_is_told() {
    let running = status(Some(ContainerState::Running));
    let mut again = running.clone();
    let container = again.container.as_mut().unwrap();
    container.started_at = container.started_at.map(|time| time + SignedDuration::from_secs(1));
    assert_eq!(
        words(&running, &again),
        ["container_update container_state_changed_running_to_running: container W is running"]
    );
}

#[test]
fn a_container_that_comes_or_goes_is_told() {
    let (running, absent) = (status(Some(ContainerState::Running)), status(None));
    assert_eq!(
        words(&running, &absent)[1],
        "container_update container_state_changed_running_to_absent: container W is gone"
    );
    assert_eq!(
        words(&absent, &running)[1],
        "container_update container_state_changed_absent_to_running: container W is running"
    );
}

#[test]
fn a_change_of_health_is_told() {
    let healthy = |health| {
        let mut status = status(Some(ContainerState::Running));
        status.container.as_mut().unwrap().health = Some(health);
        status
    };
    assert_eq!(
        words(&healthy(HealthState::Healthy), &healthy(HealthState::Unhealthy)),
        [
            "container_update container_health_changed_healthy_to_unhealthy: the health of container W is unhealthy"
        ]
    );
}

#[test]
fn a_trouble_is_told_once_and_so_is_its_end() {
    let mut case = Case::new(&json!({}));
    let well = Status { observed_generation: Generation(1), ..Status::default() };
    case.workspace.status = well.clone();
    case.workspace.status.last_error = Some(failure("create container", 1));
    let failing = case.plan().status;
    case.workspace.status = failing.clone();
    let later = case.plan().status;
    let told: Vec<_> =
        words(&well, &failing).into_iter().filter(|word| word.starts_with("error")).collect();
    assert_eq!(told, ["error EngineFault: create container: out of luck"]);
    assert_eq!(words(&failing, &later), [] as [&str; 0]);
    assert_eq!(
        words(&later, &well),
        ["recovery EngineFault: no longer so: create container: out of luck"]
    );
}

#[test]
fn an_engine_that_falls_silent_is_no_change_of_the_container_and_is_told_once() {
    let running = status(Some(ContainerState::Running));
    let mut case = Case::new(&json!({}));
    case.workspace.status = running.clone();
    case.observation.container = Observed::Unknown(crate::build::unreachable());
    let silent = case.plan().status;
    let words_of_engine = crate::build::unreachable().message;
    assert_eq!(words(&running, &silent), [format!("error EngineUnreachable: {words_of_engine}")]);
    assert_eq!(words(&silent, &silent), [] as [&str; 0]);
    assert_eq!(
        words(&silent, &running),
        [format!("recovery EngineUnreachable: no longer so: {words_of_engine}")]
    );
}

#[test]
fn a_repair_says_what_was_wrong_and_what_was_done() {
    let mut case = Case::new(&json!({}));
    case.workspace.status.synced_generation = case.workspace.generation;
    let mut after = status(Some(ContainerState::Running));
    let done = ["start container c1".to_owned()];
    let tell = |before: &Workspace, after: &Status| {
        repair(before, after, &done, "it should run and it ended", start())
    };
    after.conditions.set(crate::build::condition(ConditionType::Synced, Truth::False));
    assert_eq!(tell(&case.workspace, &after), None, "it is not in sync");
    after.conditions.set(crate::build::condition(ConditionType::Synced, Truth::True));
    let event = tell(&case.workspace, &after).unwrap();
    assert_eq!((event.kind, event.reason.as_str()), (EventType::Recovery, "repaired"));
    assert_eq!(event.message, "it should run and it ended: start container c1");
    after.conditions.set(crate::build::condition(ConditionType::Degraded, Truth::True));
    assert_eq!(tell(&case.workspace, &after), None, "a crash loop is not repaired by a start");
    case.workspace.generation = case.workspace.generation.next();
    after.conditions.set(crate::build::condition(ConditionType::Degraded, Truth::False));
    assert_eq!(tell(&case.workspace, &after), None, "a new generation is no repair");
}

#[test]
fn waiting_for_a_turn_to_pull_is_told_as_no_trouble() {
    let mut case = Case::new(&json!({}));
    case.observation.image = Presence::Missing;
    case.workspace.status.phase = Phase::Pulling;
    case.workspace.status.last_error =
        Some(Failure { reason: Reason::Busy, ..failure("pull image", 1) });
    let status = case.plan().status;
    assert!(!status.conditions.is_true(ConditionType::Degraded));
    assert_eq!(status.conditions.get(ConditionType::Synced).unwrap().reason, "Busy");
}
