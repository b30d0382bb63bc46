//! When a goal is met, and when it is given up.

use super::*;
use crate::render::sample;
use trueup_api::domain::condition::Condition;

#[test]
fn ready_counts_only_for_the_newest_generation() {
    let mut view = sample("alice", "web");
    assert!(Goal::Ready.is_met(&view));
    view.workspace.generation = view.workspace.generation.next();
    assert!(!Goal::Ready.is_met(&view));
}

#[test]
fn a_workspace_that_recovery_gave_up_on_is_not_waited_for() {
    let mut view = sample("alice", "web");
    view.workspace.status.conditions.set(Condition {
        kind: ConditionType::Degraded,
        status: Truth::True,
        reason: "GaveUp".to_owned(),
        message: String::new(),
        last_transition_time: view.workspace.created_at,
        observed_generation: view.workspace.generation,
    });
    assert!(Goal::Ready.obstacle(&view).is_some());
    assert_eq!(Goal::Deleted.obstacle(&view), None);
    view.workspace.generation = view.workspace.generation.next();
    assert_eq!(Goal::Ready.obstacle(&view), None);
}

#[test]
fn a_workspace_that_is_declared_not_to_run_is_not_waited_for() {
    let mut view = sample("alice", "web");
    for (state, word) in [
        (DesiredState::Stopped, "stopped"),
        (DesiredState::Paused, "paused"),
        (DesiredState::Archived, "archived"),
    ] {
        view.workspace.spec.state = Some(state);
        let why = Goal::Ready.obstacle(&view).unwrap();
        assert_eq!(why, format!("declared {word}; it will not become ready"));
        assert_eq!(Goal::Phase(Phase::Paused).obstacle(&view), None);
    }
}
