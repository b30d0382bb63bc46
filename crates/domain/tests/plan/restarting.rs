//! A command that ends: at once, later, or not any more.

use crate::build::{self, Case, at, words};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};
use trueup_domain::{
    condition::{ConditionType, Truth},
    container::{Container, ContainerState, HealthState},
    error::Reason,
    id::ContainerId,
    status::{Failure, Phase},
};

/// A command that ran for so long and ended just now.
fn ended(ran_for: i64, exit_code: i64) -> impl FnOnce(&mut Container) {
    move |container| {
        container.started_at = Some(at(-ran_for));
        container.finished_at = Some(at(0));
        container.exit_code = Some(exit_code);
    }
}

/// A command that ran for a second and has ended so many times in a row before.
fn crash(fields: &Value, before: u32) -> Case {
    let case = Case::new(fields).with(ContainerState::Exited).crashed(before);
    case.with_altered(ContainerState::Exited, ended(1_000, 1))
}

#[rstest]
#[case(0, None)]
#[case(1, Some(1))]
#[case(2, Some(2))]
#[case(3, Some(4))]
#[case(7, Some(64))]
#[case(8, Some(100))]
#[case(60, Some(100))]
fn the_first_end_is_answered_at_once_and_each_further_one_later(
    #[case] before: u32,
    #[case] wait_secs: Option<i64>,
) {
    let plan = crash(&json!({"recovery": {"backoffMax": "100s", "giveUpAfter": 0}}), before).plan();
    assert_eq!(plan.status.recovery.crashes, before + 1);
    assert_eq!(plan.status.recovery.counted, Some(at(0)));
    assert_eq!(plan.wake_at, wait_secs.map(|secs| at(secs * 1_000)));
    let (actions, phase): (&[&str], _) = match wait_secs {
        None => (&["start container c1"], Phase::Restarting),
        Some(_) => (&[], Phase::CrashLoop),
    };
    assert_eq!(words(&plan), actions);
    assert_eq!(plan.status.phase, phase);
}

#[test]
fn an_end_is_counted_once_however_often_a_pass_looks() {
    let mut case = crash(&json!({}), 3);
    for _ in 0..5 {
        let plan = case.plan();
        assert_eq!(plan.status.recovery.crashes, 4);
        assert_eq!(plan.wake_at, Some(at(4_000)));
        case.workspace.status = plan.status;
        case.now += SignedDuration::from_millis(700);
    }
    case.now = at(4_000);
    assert_eq!(words(&case.plan()), ["start container c1"]);
}

#[rstest]
#[case::just_before(59_999, 6)]
#[case::just_then(60_000, 1)]
fn a_command_that_ran_for_long_enough_begins_anew(#[case] ran_for: i64, #[case] crashes: u32) {
    let case = Case::new(&json!({})).with(ContainerState::Exited).crashed(5);
    let case = case.with_altered(ContainerState::Exited, ended(ran_for, 1));
    assert_eq!(case.plan().status.recovery.crashes, crashes);
}

#[test]
fn a_running_command_is_looked_at_when_it_becomes_stable() {
    let case = Case::new(&json!({})).with(ContainerState::Exited).crashed(4);
    let mut case = case.with_altered(ContainerState::Running, |container| {
        container.started_at = Some(at(-10_000));
    });
    let plan = case.plan();
    assert_eq!((plan.status.recovery.crashes, plan.wake_at), (4, Some(at(50_000))));
    case.now = at(50_000);
    let plan = case.plan();
    assert_eq!((plan.status.recovery.crashes, plan.wake_at), (0, None));
}

#[rstest]
#[case("report", &[], Phase::Unhealthy)]
#[case("restart", &["stop container c1", "start container c1"], Phase::Restarting)]
fn on_failure_says_what_is_done_about_a_health_check_that_fails(
    #[case] on_failure: &str,
    #[case] actions: &[&str],
    #[case] phase: Phase,
) {
    let plan = sick(on_failure, 0).plan();
    assert_eq!((words(&plan), plan.status.phase), (to_owned(actions), phase));
    assert_eq!(plan.status.recovery.crashes, u32::from(on_failure == "restart"));
    assert!(plan.status.conditions.is_true(ConditionType::Degraded));
}

fn to_owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// A workspace whose health check fails and that was restarted so many times in a row for it.
fn sick(on_failure: &str, before: u32) -> Case {
    let health = json!({"command": ["true"], "onFailure": on_failure});
    let case = Case::new(&json!({"health": health, "recovery": {"policy": "never"}}));
    let mut case = case.with_altered(ContainerState::Running, |container| {
        container.started_at = Some(at(-40_000));
        container.health = Some(HealthState::Unhealthy);
    });
    case.workspace.status.recovery.crashes = before;
    case.workspace.status.recovery.counted_at = Some(at(-50_000));
    case
}

#[test]
fn restarts_for_a_health_check_come_ever_later_and_at_last_no_more() {
    let plan = sick("restart", 2).plan();
    assert_eq!((words(&plan).len(), plan.wake_at), (0, Some(at(2_000))));
    assert_eq!(plan.status.phase, Phase::Unhealthy);
    let plan = sick("restart", 9).plan();
    assert_eq!((words(&plan).len(), plan.wake_at), (0, None));
    assert_eq!(plan.status.conditions.get(ConditionType::Degraded).unwrap().reason, "GaveUp");
}

#[test]
fn a_controller_that_dies_between_the_stop_and_the_start_of_a_restart_goes_on_with_the_start() {
    let mut case = sick("restart", 0);
    case.workspace.status = case.plan().status;
    let case = case.with_altered(ContainerState::Exited, |container| {
        container.started_at = Some(at(-40_000));
        container.exit_code = Some(0);
    });
    let plan = case.plan();
    assert_eq!(words(&plan), ["start container c1"], "whatever the recovery policy says");
    assert_eq!(plan.status.recovery.crashes, 1, "it is counted once");
}

#[test]
fn an_end_for_want_of_memory_says_so() {
    let case = Case::new(&json!({})).with(ContainerState::Exited).crashed(3);
    let case = case.with_altered(ContainerState::Exited, |container| {
        ended(1_000, 137)(container);
        container.oom_killed = true;
    });
    let plan = case.plan();
    let degraded = plan.status.conditions.get(ConditionType::Degraded).unwrap();
    assert_eq!(degraded.reason, "OutOfMemory");
    assert!(degraded.message.contains("exit code 137, out of memory"), "{degraded:?}");
}

#[test]
fn a_stop_that_ran_out_of_time_is_followed_by_a_kill() {
    let mut case = Case::new(&json!({"state": "stopped"})).with(ContainerState::Running);
    let stop = build::failure("stop container", 1);
    case.workspace.status.last_error = Some(Failure { reason: Reason::DeadlineExceeded, ..stop });
    assert_eq!(words(&case.plan()), ["kill container c1"]);
}

#[test]
fn a_removal_that_is_not_ours_is_waited_for_and_then_asked_for_again() {
    let mut case = Case::new(&json!({})).with(ContainerState::Removing);
    case.workspace.status.conditions.set(build::condition(ConditionType::Ready, Truth::False));
    case.now = at(29_999);
    assert_eq!(words(&case.plan()), [] as [&str; 0]);
    case.now = at(30_000);
    assert_eq!(words(&case.plan()), ["remove container c1"]);
}

#[rstest]
#[case(1, false)]
#[case(2, true)]
#[case(9, true)]
fn after_so_many_ends_in_a_row_nothing_more_is_tried(#[case] before: u32, #[case] gives_up: bool) {
    let plan = crash(&json!({"recovery": {"giveUpAfter": 3}}), before).plan();
    let reason = &plan.status.conditions.get(ConditionType::Degraded).unwrap().reason;
    assert_eq!(reason, if gives_up { "GaveUp" } else { "CrashLoop" });
    assert_eq!(plan.status.phase, Phase::CrashLoop);
    assert_eq!(plan.wake_at.is_none(), gives_up);
    assert_eq!(words(&plan), [] as [&str; 0]);
    assert!(!plan.status.conditions.is_true(ConditionType::Synced));
}

#[test]
fn a_resume_is_a_new_generation_and_clears_the_count() {
    let fields = json!({"recovery": {"giveUpAfter": 3}});
    let mut case = crash(&fields, 5).declared_anew(&fields);
    let plan = case.plan();
    assert_eq!(words(&plan), ["start container c1"]);
    assert_eq!(plan.status.recovery.crashes, 0);
    // The end that was found is not counted later either.
    case.workspace.status = plan.status;
    assert_eq!(case.plan().status.recovery.crashes, 0);
}

#[rstest]
#[case("always", 0, true)]
#[case("always", 1, true)]
#[case("onFailure", 0, false)]
#[case("onFailure", 1, true)]
#[case("onFailure", 137, true)]
#[case("never", 0, false)]
#[case("never", 1, false)]
fn the_policy_says_which_ends_are_answered(
    #[case] policy: &str,
    #[case] exit_code: i64,
    #[case] starts: bool,
) {
    let case = Case::new(&json!({"recovery": {"policy": policy}}));
    let plan = case.with_altered(ContainerState::Exited, ended(1_000, exit_code)).plan();
    assert_eq!(!plan.actions.is_empty(), starts);
    assert_eq!(plan.status.phase, if starts { Phase::Restarting } else { Phase::Stopped });
    assert_eq!(plan.status.conditions.is_true(ConditionType::Synced), !starts);
    assert_eq!(plan.wake_at, None);
}

#[rstest]
fn a_stop_through_trueup_and_then_a_start_starts_whatever_the_policy(
    #[values("always", "onFailure", "never")] policy: &str,
) {
    let fields = |state: &str| json!({"state": state, "recovery": {"policy": policy}});
    let mut case = Case::new(&fields("running")).with(ContainerState::Running);
    case = case.declared_anew(&fields("stopped"));
    let plan = case.plan();
    assert_eq!(words(&plan), ["stop container c1"]);
    case.workspace.status = plan.status;
    case = case.with_altered(ContainerState::Exited, ended(5_000, 0));
    case.workspace.status = case.plan().status;
    case = case.declared_anew(&fields("running"));
    let plan = case.plan();
    assert_eq!(words(&plan), ["start container c1"]);
    // A start that fails is still owed.
    case.workspace.status = plan.status;
    assert_eq!(words(&case.plan()), ["start container c1"]);
}

#[test]
fn a_container_that_was_never_started_is_started_whatever_the_policy() {
    let case = Case::new(&json!({"recovery": {"policy": "never"}})).with(ContainerState::Created);
    assert_eq!(words(&case.plan()), ["start container c1"]);
}

#[test]
fn a_container_that_was_removed_is_made_anew_and_its_ends_are_remembered() {
    let mut case = crash(&json!({}), 5);
    case.workspace.status = case.plan().status;
    case.observation.container = trueup_domain::observed::Observed::Absent;
    let plan = case.plan();
    assert_eq!(words(&plan), ["create container W", "start container W"]);
    assert_eq!(plan.status.recovery.crashes, 6);
}

#[test]
fn the_engine_s_own_restart_is_waited_for() {
    let case = Case::new(&json!({})).with(ContainerState::Restarting);
    let plan = case.plan();
    assert_eq!((words(&plan).len(), plan.wake_at), (0, Some(at(500))));
    assert_eq!(plan.why, "the engine is starting the container again");
    let plan = Case::new(&json!({})).with(ContainerState::Removing).plan();
    assert_eq!(plan.why, "the engine is removing the container");
}

#[test]
fn only_the_container_that_was_seen_is_started() {
    let case = Case::new(&json!({})).with_altered(ContainerState::Exited, |container| {
        container.id = ContainerId::new("a".repeat(64));
    });
    assert_eq!(words(&case.plan()), ["start container aaaaaaaaaaaa"]);
}

#[test]
fn an_engine_whose_clock_is_ahead_delays_no_start() {
    let ahead = |container: &mut Container| {
        container.started_at = Some(at(599_000));
        container.finished_at = Some(at(600_000));
    };
    let mut case = Case::new(&json!({})).with_altered(ContainerState::Exited, ahead);
    case.now = at(0);
    assert_eq!(words(&case.plan()), ["start container c1"]);
}
