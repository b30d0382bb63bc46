//! R3: the controller may die at any await of any pass, and the next one brings everything to its
//! end with nothing leaked or doubled.

use crate::support::{Stage, assert_converged, containers, id, spec, strict, volumes};
use serde_json::json;
use trueup_domain::{id::WorkspaceId, spec::Spec};

/// What is desired once the controller runs, and how many named volumes there are in the end.
struct Story {
    before: Option<Spec>,
    change: fn(&Stage, WorkspaceId),
    volumes: usize,
}

/// What becomes of a request whose caller dies before the engine has answered: it never arrives, or
/// it lands while others are already at work on the same workspace.
const ABANDONED: [Option<usize>; 6] = [None, Some(1), Some(2), Some(3), Some(5), Some(8)];

impl Story {
    fn begin(&self, abandoned: Option<usize>) -> (Stage, WorkspaceId) {
        let (stage, id) = match &self.before {
            Some(spec) => Stage::settled(spec.clone()),
            None => (Stage::new(), id(1)),
        };
        (self.change)(&stage, id);
        stage.engine.with(|engine| engine.abandoned_lands_after = abandoned);
        (stage, id)
    }

    fn check(&self, stage: &Stage, id: WorkspaceId) {
        assert_converged(stage, id);
        assert_eq!(volumes(stage, id), self.volumes);
    }

    /// Dies after every number of polls, until one life is long enough.
    fn die_everywhere(&self) {
        for abandoned in ABANDONED {
            let mut deaths = 0;
            loop {
                let (stage, id) = self.begin(abandoned);
                let survived = stage.settle_within(id, &mut deaths.clone());
                self.live_on(stage, id);
                if survived {
                    break;
                }
                deaths += 1;
            }
            assert!(deaths > 5, "the story has only {deaths} awaits");
        }
    }

    /// The life after the last death: everything comes to rest, late calls of the dead included.
    fn live_on(&self, stage: Stage, id: WorkspaceId) {
        let stage = stage.restart();
        stage.settle(id);
        stage.engine.await_abandoned();
        stage.settle(id);
        self.check(&stage, id);
    }

    /// Dies twice: after every number of polls, and again in the life after it.
    fn die_twice_everywhere(&self) {
        let mut first = 0;
        loop {
            let (stage, id) = self.begin(Some(1));
            let survived = stage.settle_within(id, &mut first.clone());
            if survived {
                break;
            }
            let mut second = 0;
            loop {
                let (stage, id) = self.begin(Some(1));
                stage.settle_within(id, &mut first.clone());
                let stage = stage.restart();
                let survived = stage.settle_within(id, &mut second.clone());
                self.live_on(stage, id);
                if survived {
                    break;
                }
                second += 1;
            }
            first += 1;
        }
    }
}

fn declare(stage: &Stage, id: WorkspaceId) {
    stage.store.declare(id, "payments", strict("running"));
}

fn declare_anew(stage: &Stage, id: WorkspaceId) {
    stage.store.change(id, |row| {
        row.spec.env = serde_json::from_value(json!({"EDITOR": "vim"})).unwrap();
    });
}

#[test]
fn r3_dying_at_any_await_of_a_creation_leaves_one_running_container() {
    Story { before: None, change: declare, volumes: 1 }.die_everywhere();
}

#[test]
fn r3_dying_at_any_await_of_a_creation_that_pulls_leaves_one_running_container() {
    let change: fn(&Stage, WorkspaceId) = |stage, id| {
        stage.engine.machine(|machine| machine.images.clear());
        declare(stage, id);
    };
    Story { before: None, change, volumes: 1 }.die_everywhere();
}

#[test]
fn r3_dying_at_any_await_of_a_creation_to_be_paused_leaves_one_paused_container() {
    let change: fn(&Stage, WorkspaceId) =
        |stage, id| stage.store.declare(id, "payments", strict("paused"));
    Story { before: None, change, volumes: 1 }.die_everywhere();
}

#[test]
fn r3_dying_at_any_await_of_a_stop_leaves_one_stopped_container() {
    let change: fn(&Stage, WorkspaceId) =
        |stage, id| stage.store.change(id, |row| row.spec = strict("stopped"));
    Story { before: Some(strict("running")), change, volumes: 1 }.die_everywhere();
}

#[test]
fn r3_dying_at_any_await_of_a_recreation_leaves_one_container_of_the_new_declaration() {
    Story { before: Some(strict("running")), change: declare_anew, volumes: 1 }.die_everywhere();
}

#[test]
fn r3_dying_twice_at_any_two_awaits_of_a_recreation_is_no_different() {
    Story { before: Some(strict("running")), change: declare_anew, volumes: 1 }
        .die_twice_everywhere();
}

#[test]
fn r3_dying_at_any_await_of_a_repair_leaves_one_running_container() {
    let change: fn(&Stage, WorkspaceId) =
        |stage, id| stage.engine.kill(&containers(stage, id)[0].id);
    Story { before: Some(strict("running")), change, volumes: 1 }.die_everywhere();
}

#[test]
fn r3_dying_at_any_await_of_an_archiving_leaves_the_volumes_alone() {
    let change: fn(&Stage, WorkspaceId) =
        |stage, id| stage.store.change(id, |row| row.spec = strict("archived"));
    Story { before: Some(strict("running")), change, volumes: 1 }.die_everywhere();
}

#[test]
fn r3_r9_dying_at_any_await_of_a_deletion_leaves_the_volumes_alone() {
    let change: fn(&Stage, WorkspaceId) = |stage, id| stage.store.delete(id, false);
    Story { before: Some(strict("running")), change, volumes: 1 }.die_everywhere();
}

#[test]
fn r3_r9_dying_at_any_await_of_a_deletion_with_volumes_leaves_nothing() {
    let change: fn(&Stage, WorkspaceId) = |stage, id| stage.store.delete(id, true);
    Story { before: Some(strict("running")), change, volumes: 0 }.die_everywhere();
}

#[test]
fn r3_dying_at_any_await_of_a_change_to_a_network_of_its_own_leaks_none() {
    let change: fn(&Stage, WorkspaceId) = |stage, id| {
        stage.store.change(id, |row| row.spec = strict("running"));
    };
    let before = spec(&json!({"volumes": [{"name": "home", "target": "/home/dev"}]}));
    Story { before: Some(before), change, volumes: 1 }.die_everywhere();
}

#[test]
fn r3_dying_at_any_await_of_a_creation_that_is_then_to_be_undone_leaves_nothing() {
    let mut deaths = 0;
    loop {
        let (stage, id) = Stage::declared(strict("running"));
        let survived = stage.settle_within(id, &mut deaths.clone());
        let stage = stage.restart();
        stage.store.delete(id, true);
        stage.settle(id);
        stage.engine.machine(|machine| {
            assert!(machine.containers.is_empty() && machine.volumes.is_empty());
        });
        assert_converged(&stage, id);
        if survived {
            break;
        }
        deaths += 1;
    }
}

#[test]
fn r3_dying_at_any_await_of_a_change_from_a_network_of_its_own_leaks_none() {
    let change: fn(&Stage, WorkspaceId) = |stage, id| {
        stage.store.change(id, |row| row.spec.isolation = trueup_domain::spec::Isolation::Standard);
    };
    Story { before: Some(strict("running")), change, volumes: 1 }.die_everywhere();
}
