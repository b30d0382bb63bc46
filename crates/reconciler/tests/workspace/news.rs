//! What a pass tells: every fall and every repair, who asked for a sync, and in which trace.

use crate::support::{Stage, TRACE, cause, containers, spec, strict, sync_by};
use serde_json::json;
use trueup_domain::{
    event::{CONTROLLER, EventType, NewEvent},
    pass::CauseKind,
};

/// What was told since so many events, as type and reason.
fn told(stage: &Stage, since: usize) -> Vec<(EventType, String)> {
    let words = |event: &NewEvent| (event.kind, event.reason.clone());
    stage.store.with(|rows| rows.events[since..].iter().map(|(_, event)| words(event)).collect())
}

fn count(stage: &Stage) -> usize {
    stage.store.with(|rows| rows.events.len())
}

fn pairs(expected: &[(EventType, &str)]) -> Vec<(EventType, String)> {
    expected.iter().map(|(kind, reason)| (*kind, (*reason).to_owned())).collect()
}

#[test]
fn a_fall_and_its_repair_are_both_told_in_their_order_though_one_pass_saw_both() {
    let (stage, id) = Stage::settled(strict("running"));
    stage.engine.kill(&containers(&stage, id)[0].id);
    let before = count(&stage);
    stage.pass(id, cause(CauseKind::EngineEvent)).result.unwrap();
    assert_eq!(
        told(&stage, before),
        pairs(&[
            (EventType::StatusChanged, "status_changed_active_to_inactive"),
            (EventType::ContainerUpdate, "container_state_changed_running_to_exited"),
            (EventType::StatusChanged, "status_changed_inactive_to_active"),
            (EventType::ContainerUpdate, "container_state_changed_exited_to_running"),
            (EventType::Recovery, "repaired"),
        ])
    );
    let actors = stage
        .store
        .with(|rows| rows.events[before..].iter().all(|(_, event)| event.actor == CONTROLLER));
    assert!(actors, "the controller did it by itself");
}

#[test]
fn what_a_user_asked_for_is_no_repair() {
    let (stage, id) = Stage::settled(strict("running"));
    let before = count(&stage);
    stage.store.change(id, |row| row.spec = strict("stopped"));
    stage.settle(id);
    let told = told(&stage, before);
    assert!(told.iter().all(|(kind, _)| *kind != EventType::Recovery), "{told:?}");
}

#[test]
fn a_failure_is_told_once_however_often_it_comes_and_its_end_is_told_too() {
    let (stage, id) = Stage::declared(spec(&json!({})));
    stage.engine.machine(|machine| machine.port_taken = true);
    for _ in 0..4 {
        drop(stage.pass(id, cause(CauseKind::Retry)));
    }
    stage.engine.machine(|machine| machine.port_taken = false);
    stage.settle(id);
    let about_ports: Vec<_> =
        told(&stage, 0).into_iter().filter(|(_, reason)| reason == "PortTaken").collect();
    assert_eq!(
        about_ports,
        pairs(&[(EventType::Error, "PortTaken"), (EventType::Recovery, "PortTaken")])
    );
}

#[test]
fn a_sync_that_finds_nothing_to_do_is_told_with_the_name_of_whoever_asked() {
    let (stage, id) = Stage::settled(strict("running"));
    let before = count(&stage);
    let passed = stage.pass(id, sync_by("alice"));
    assert_eq!(passed.actions, [""; 0]);
    assert_eq!(
        told(&stage, before),
        pairs(&[(EventType::SyncStart, "sync_start"), (EventType::SyncComplete, "sync_complete")])
    );
    stage.store.with(|rows| {
        assert!(rows.events[before..].iter().all(|(_, event)| event.actor == "alice"));
    });
    assert_eq!(stage.links.all(), ["00-1-2-01"], "the pass is linked to whoever asked");
}

#[test]
fn a_sync_frames_whatever_its_pass_had_to_tell() {
    let (stage, id) = Stage::settled(strict("running"));
    stage.engine.kill(&containers(&stage, id)[0].id);
    let before = count(&stage);
    stage.pass(id, sync_by("alice")).result.unwrap();
    let told = told(&stage, before);
    assert_eq!(told.first().unwrap().0, EventType::SyncStart);
    assert_eq!(told.last().unwrap().0, EventType::SyncComplete);
    assert_eq!(told.len(), 7);
}

#[test]
fn every_event_and_every_pass_carries_the_trace_of_its_pass() {
    let (stage, id) = Stage::settled(strict("running"));
    stage.engine.kill(&containers(&stage, id)[0].id);
    stage.pass(id, sync_by("alice")).result.unwrap();
    stage.store.delete(id, true);
    stage.settle(id);
    stage.store.with(|rows| {
        assert!(rows.events.len() > 8);
        assert!(rows.events.iter().all(|(_, event)| event.trace_id.as_deref() == Some(TRACE)));
        assert!(rows.passes.iter().all(|(_, pass)| pass.trace_id.as_deref() == Some(TRACE)));
    });
}

#[test]
fn looks_that_find_nothing_are_counted_in_memory_and_reach_the_store_with_the_next_change() {
    let (stage, id) = Stage::settled(strict("running"));
    let stored = stage.row(id).status.sync_attempts;
    for _ in 0..5 {
        stage.pass(id, cause(CauseKind::Resync)).result.unwrap();
    }
    assert_eq!(stage.row(id).status.sync_attempts, stored);
    let counted = stage.context.activity.of(id).unwrap().count;
    stage.pass(id, sync_by("alice")).result.unwrap();
    assert_eq!(stage.row(id).status.sync_attempts, counted + 1);
    let stage = stage.restart();
    stage.pass(id, sync_by("alice")).result.unwrap();
    assert_eq!(stage.row(id).status.sync_attempts, counted + 2, "a restart counts on");
}
