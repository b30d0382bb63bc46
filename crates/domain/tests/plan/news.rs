//! What subscribers are told about the step from one status to the next.

use crate::build::{Case, at, failure, start};
use jiff::SignedDuration;
use serde_json::json;
use trueup_domain::{
    container::{ContainerState, HealthState},
    event::{CONTROLLER, EventType},
    news::{events, repaired},
    observed::Observed,
    status::Status,
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
fn a_failure_is_told_once_and_so_is_its_end() {
    let well = status(None);
    let failing = Status { last_error: Some(failure("create container", 1)), ..well.clone() };
    let mut later = failing.clone();
    later.last_error.as_mut().unwrap().at = at(9_000);
    assert_eq!(words(&well, &failing), ["error EngineFault: create container: out of luck"]);
    assert_eq!(words(&failing, &later), [] as [&str; 0]);
    assert_eq!(words(&later, &well), ["recovery EngineFault: create container: no longer failing"]);
}

#[test]
fn an_engine_that_falls_silent_is_no_change_of_the_container() {
    let running = status(Some(ContainerState::Running));
    let mut case = Case::new(&json!({}));
    case.workspace.status = running.clone();
    case.observation.container = Observed::Unknown(crate::build::unreachable());
    assert_eq!(words(&running, &case.plan().status), [] as [&str; 0]);
}

#[test]
fn a_repair_says_what_was_wrong_and_what_was_done() {
    let event = repaired(&["start container c1".to_owned()], "it should run and it ended", start());
    assert_eq!((event.kind, event.reason.as_str()), (EventType::Recovery, "repaired"));
    assert_eq!(event.message, "it should run and it ended: start container c1");
}
