//! R1, R2 and R8: every workspace gets to where it should be and stays there, whatever fails on the
//! way, and the history says what was done.

use crate::support::{Fault, Stage, assert_converged, cause, containers, id, spec, strict};
use serde_json::json;
use std::collections::BTreeMap;
use trueup_domain::{
    container::{Container, ContainerState, NetworkMode},
    error::Reason,
    id::{ContainerId, WorkspaceId},
    pass::{AttemptOutcome, CauseKind},
    spec::{DesiredState, Spec},
};
use trueup_reconciler::workspace::Error;

const STATES: [&str; 4] = ["running", "stopped", "paused", "archived"];

fn specs(state: &str) -> [Spec; 3] {
    let basic = json!({"state": state, "isolation": "basic"});
    let project = json!({"state": state, "project": {"path": "/srv/projects/payments"}});
    [strict(state), spec(&basic), spec(&project)]
}

fn desired_state(word: &str) -> DesiredState {
    serde_json::from_value(json!(word)).unwrap()
}

#[test]
fn r1_r2_every_declaration_is_brought_about_and_then_neither_engine_nor_store_is_touched() {
    for state in STATES {
        for spec in specs(state) {
            let (stage, id) = Stage::settled(spec);
            assert_converged(&stage, id);
        }
    }
}

#[test]
fn r1_r2_every_state_is_reached_from_every_other() {
    for from in STATES {
        for to in STATES {
            for spec in specs(from) {
                let (stage, id) = Stage::settled(spec);
                stage.store.change(id, |row| row.spec.state = Some(desired_state(to)));
                stage.settle(id);
                assert_converged(&stage, id);
            }
        }
    }
}

#[test]
fn r1_many_workspaces_on_one_engine_do_not_get_in_each_other_s_way() {
    let stage = Stage::new();
    let ids: Vec<WorkspaceId> = (1..=20).map(id).collect();
    for (number, id) in ids.iter().enumerate() {
        let word = STATES[number % STATES.len()];
        stage.store.declare(*id, &format!("w{number}"), specs(word)[number % 3].clone());
    }
    for id in &ids {
        stage.settle(*id);
    }
    for id in &ids {
        assert_converged(&stage, *id);
    }
    for id in &ids {
        stage.store.delete(*id, true);
        stage.settle(*id);
    }
    stage.engine.machine(|machine| {
        assert!(machine.containers.is_empty() && machine.volumes.is_empty());
        assert!(machine.networks.is_empty(), "the shared network outlived its last user");
    });
}

#[test]
fn r1_whatever_somebody_does_to_a_container_by_hand_is_mended() {
    let alterations: [fn(&Stage, WorkspaceId); 6] = [
        |stage, id| stage.engine.kill(&containers(stage, id)[0].id),
        |stage, _| stage.engine.machine(|machine| machine.containers.clear()),
        |stage, id| alter(stage, id, |container| container.state = ContainerState::Paused),
        |stage, id| alter(stage, id, |container| container.config.name = "mine".to_owned()),
        |stage, id| alter(stage, id, |container| container.config.resources.pids = 7),
        |stage, id| alter(stage, id, |container| container.state = ContainerState::Dead),
    ];
    for (number, alteration) in alterations.into_iter().enumerate() {
        for spec in specs("running") {
            let (stage, id) = Stage::settled(spec);
            alteration(&stage, id);
            stage.settle(id);
            assert_eq!(containers(&stage, id).len(), 1, "alteration {number}");
            assert_converged(&stage, id);
        }
    }
}

fn alter(stage: &Stage, id: WorkspaceId, change: impl FnOnce(&mut Container)) {
    let container = containers(stage, id)[0].id.clone();
    stage.engine.machine(|machine| change(machine.at(&container).unwrap()));
}

#[test]
fn r1_a_running_container_whose_network_was_altered_is_replaced_with_its_project_looked_at() {
    let (stage, id) = Stage::settled(spec(&json!({"project": {"path": "/srv/projects/payments"}})));
    alter(&stage, id, |container| {
        container.config.network = NetworkMode::Bridge;
    });
    stage.settle(id);
    assert_converged(&stage, id);
}

#[test]
fn r1_r8_any_action_may_fail_or_be_done_unheard_and_the_next_passes_converge() {
    for fault in [Fault::Fails, Fault::DoneUnheard] {
        for state in STATES {
            for number in 0..9 {
                let (stage, id) = Stage::settled(strict("running"));
                let done = stage.engine.actions().len();
                stage.engine.with(|engine| engine.faults.insert(done + number, fault));
                stage.store.change(id, |row| {
                    row.spec = strict(state);
                    row.spec.env = serde_json::from_value(json!({"A": "B"})).unwrap();
                });
                stage.settle(id);
                assert_converged(&stage, id);
            }
        }
    }
}

#[test]
fn r8_after_the_first_failure_the_rest_of_the_plan_is_skipped_and_recorded_as_skipped() {
    let (stage, id) = Stage::declared(strict("running"));
    stage.engine.with(|engine| engine.faults.insert(1, Fault::Fails));
    let passed = stage.pass(id, cause(CauseKind::Start));
    assert!(matches!(passed.result, Err(Error::Execute(_))));
    let outcomes: Vec<_> =
        passed.recorded.unwrap().attempts.into_iter().map(|attempt| attempt.outcome).collect();
    let message = "out of luck".to_owned();
    assert_eq!(
        outcomes,
        [
            AttemptOutcome::Done,
            AttemptOutcome::Failed { reason: Reason::EngineFault, message },
            AttemptOutcome::Skipped,
            AttemptOutcome::Skipped,
        ]
    );
}

#[test]
fn r1_a_start_that_the_engine_refuses_leaves_one_container_that_starts_once_it_can() {
    let (stage, id) = Stage::declared(strict("running"));
    stage.engine.machine(|machine| machine.port_taken = true);
    for _ in 0..5 {
        let passed = stage.pass(id, cause(CauseKind::Retry));
        assert!(matches!(passed.result, Err(Error::Execute(_))));
        assert_eq!(containers(&stage, id)[0].state, ContainerState::Created);
        let failure = stage.row(id).status.last_error.clone().unwrap();
        assert_eq!(failure.reason, Reason::PortTaken);
    }
    stage.engine.machine(|machine| machine.port_taken = false);
    stage.settle(id);
    assert_eq!(stage.row(id).status.last_error, None);
    assert_converged(&stage, id);
}

#[test]
fn r1_somebody_else_s_container_that_has_our_name_is_left_alone() {
    let (stage, id) = Stage::settled(strict("running"));
    let mut foreign = containers(&stage, id).remove(0);
    foreign.id = ContainerId::new("foreign");
    foreign.config.labels.clear();
    stage.engine.machine(|machine| {
        machine.containers = BTreeMap::from([(foreign.id.clone(), foreign)]);
    });
    let passed = stage.pass(id, cause(CauseKind::Resync));
    match passed.result {
        Err(Error::Execute(error)) => assert_eq!(error.reason, Reason::NameConflict),
        other => panic!("{other:?}"),
    }
    stage.engine.machine(|machine| {
        let left: Vec<_> = machine.containers.values().map(|left| left.state).collect();
        assert_eq!(left, [ContainerState::Running]);
    });
}

#[test]
fn r1_a_store_that_fails_at_any_step_costs_a_retry_and_nothing_else() {
    for failures in 1..4 {
        let (stage, id) = Stage::declared(strict("running"));
        stage.store.with(|rows| rows.failures = failures);
        stage.settle(id);
        assert_converged(&stage, id);
    }
    let (stage, id) = Stage::declared(strict("running"));
    let store = stage.store.clone();
    // The read succeeds, the record fails.
    stage.store.with(|rows| {
        rows.meanwhile = Some(Box::new(move || {
            let twin = store.clone();
            store.with(|rows| {
                rows.meanwhile = Some(Box::new(move || twin.with(|rows| rows.failures = 1)));
            });
        }));
    });
    let passed = stage.pass(id, cause(CauseKind::Start));
    assert!(matches!(passed.result, Err(Error::Store { operation: "record", .. })));
    stage.settle(id);
    assert_converged(&stage, id);
}
