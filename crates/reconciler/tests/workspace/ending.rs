//! R7 and R9: a row goes only after absence was seen, and named volumes only when somebody said so.

use crate::support::{Call, Question, Stage, assert_converged, cause, containers, strict, volumes};
use trueup_domain::{event::EventType, id::WorkspaceId, pass::CauseKind};

/// Passes until the row is gone; what the engine was asked in the pass that let it go.
fn last_look(stage: &Stage, id: WorkspaceId) -> Vec<Call> {
    loop {
        let before = stage.engine.with(|engine| engine.calls.len());
        stage.pass(id, cause(CauseKind::Timer)).result.expect("nothing fails here");
        if stage.store.row(id).is_none() {
            return stage.engine.with(|engine| engine.calls.split_off(before));
        }
    }
}

#[test]
fn r7_a_row_goes_only_after_the_container_was_seen_to_be_absent_by_name_and_by_label() {
    for volumes in [false, true] {
        let (stage, id) = Stage::settled(strict("running"));
        let name = containers(&stage, id)[0].config.name.clone();
        stage.store.delete(id, volumes);
        let calls = last_look(&stage, id);
        let last_action = calls.iter().rposition(|call| matches!(call, Call::Did(_)));
        let seen = &calls[last_action.map_or(0, |at| at + 1)..];
        let inspected = Call::Asked { question: Question::Inspect, subject: name, absent: true };
        let listed =
            Call::Asked { question: Question::List, subject: id.to_string(), absent: true };
        assert!(seen.contains(&inspected) && seen.contains(&listed), "{calls:?}");
        assert_converged(&stage, id);
    }
}

#[test]
fn r7_while_the_container_may_still_be_there_the_row_stays() {
    for question in [Question::Inspect, Question::List] {
        let (stage, id) = Stage::settled(strict("running"));
        stage.engine.machine(|machine| machine.containers.clear());
        stage.store.delete(id, false);
        stage.engine.with(|engine| engine.deaf_to = vec![question]);
        for _ in 0..5 {
            assert!(stage.pass(id, cause(CauseKind::Retry)).result.is_err());
            assert!(stage.store.row(id).is_some());
        }
    }
}

#[test]
fn r7_an_engine_that_only_claims_to_have_removed_the_container_keeps_the_row() {
    let (stage, id) = Stage::settled(strict("stopped"));
    stage.store.change(id, |row| row.spec = strict("running"));
    stage.settle(id);
    stage.store.delete(id, true);
    stage.engine.with(|engine| engine.pretends = true);
    for _ in 0..5 {
        drop(stage.pass(id, cause(CauseKind::Retry)));
    }
    assert!(stage.store.row(id).is_some());
    stage.engine.with(|engine| engine.pretends = false);
    stage.settle(id);
    assert_converged(&stage, id);
    assert_eq!(volumes(&stage, id), 0);
}

#[test]
fn r7_a_renamed_container_is_found_by_its_label_and_removed_too() {
    let (stage, id) = Stage::settled(strict("running"));
    let container = containers(&stage, id)[0].id.clone();
    stage.engine.machine(|machine| {
        machine.at(&container).unwrap().config.name = "mine".to_owned();
    });
    // Nor does the status know it any more.
    stage.store.change(id, |row| row.status.container = None);
    stage.store.delete(id, false);
    stage.settle(id);
    assert_converged(&stage, id);
}

#[test]
fn r9_volumes_survive_stop_archive_recreation_and_a_deletion_that_does_not_name_them() {
    let (stage, id) = Stage::settled(strict("running"));
    for state in ["stopped", "archived", "running", "paused", "archived"] {
        stage.store.change(id, |row| row.spec = strict(state));
        stage.settle(id);
        assert_eq!(volumes(&stage, id), 1, "{state}");
    }
    // No longer declared, but nobody said that it may go.
    stage.store.change(id, |row| row.spec.volumes.clear());
    stage.settle(id);
    assert_eq!(volumes(&stage, id), 1);
    stage.store.delete(id, false);
    stage.settle(id);
    assert_eq!(volumes(&stage, id), 1);
    let removals = stage.engine.actions();
    assert!(removals.iter().all(|action| !action.starts_with("remove volume")), "{removals:?}");
}

#[test]
fn r9_a_deletion_that_names_the_volumes_takes_all_of_its_own_and_no_others() {
    let (stage, id) = Stage::settled(strict("running"));
    stage.store.change(id, |row| row.spec.volumes.clear());
    stage.settle(id);
    stage.engine.machine(|machine| {
        machine.volumes.insert("somebody-else-s".to_owned(), "another".to_owned());
    });
    stage.store.delete(id, true);
    stage.settle(id);
    assert_eq!(volumes(&stage, id), 0, "one that is no longer declared goes too");
    stage.engine.machine(|machine| assert_eq!(machine.volumes.len(), 1));
}

#[test]
fn r9_a_deletion_that_is_to_take_the_volumes_after_all_takes_them() {
    let (stage, id) = Stage::settled(strict("running"));
    stage.store.delete(id, false);
    drop(stage.pass(id, cause(CauseKind::SpecChange)));
    stage.store.delete(id, true);
    stage.settle(id);
    assert_converged(&stage, id);
    assert_eq!(volumes(&stage, id), 0);
}

#[test]
fn the_end_of_a_workspace_is_told_with_the_name_of_whoever_asked_for_it() {
    let (stage, id) = Stage::settled(strict("running"));
    stage.store.delete(id, false);
    stage.settle(id);
    let (_, told) = stage.store.with(|rows| rows.events.last().cloned()).unwrap();
    assert_eq!(
        (told.kind, told.reason.as_str(), told.actor.as_str()),
        (EventType::ContainerUpdate, "workspace_deleted", "alice")
    );
    assert_eq!(stage.context.activity.of(id), None, "its looks are forgotten");
}
