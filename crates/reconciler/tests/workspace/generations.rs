//! R5 and R6: a pass for an older declaration leaves no trace in the store, and what was observed
//! never goes back.

use crate::support::{Stage, assert_converged, cause, poll_once, strict};
use serde_json::json;
use std::task::Poll;
use trueup_domain::{
    event::EventType,
    id::{Generation, WorkspaceId},
    pass::CauseKind,
    workspace::Workspace,
};
use trueup_reconciler::workspace::Error;

fn new_env(row: &mut Workspace) {
    row.spec.env = serde_json::from_value(json!({"EDITOR": "vim"})).unwrap();
}

/// Begins a pass, changes the declaration after that many polls, and lets the pass end; `None` when
/// it had ended before.
fn overtaken(
    (stage, id): &(Stage, WorkspaceId),
    polls: usize,
    change: impl FnOnce(),
) -> Option<Result<trueup_reconciler::runtime::Next, Error>> {
    let mut pass = stage.begin(*id, cause(CauseKind::Start));
    for _ in 0..polls {
        if poll_once(pass.as_mut()).is_ready() {
            return None;
        }
    }
    change();
    loop {
        if let Poll::Ready(result) = poll_once(pass.as_mut()) {
            return Some(result);
        }
    }
}

#[test]
fn r5_a_pass_overtaken_by_a_newer_declaration_at_any_await_is_refused_and_the_newer_one_comes_about()
 {
    let changes: [fn(&Stage, WorkspaceId); 4] = [
        |stage, id| stage.store.change(id, new_env),
        |stage, id| stage.store.change(id, |row| row.spec = strict("stopped")),
        |stage, id| stage.store.change(id, |row| row.spec = strict("archived")),
        |stage, id| stage.store.delete(id, true),
    ];
    for change in changes {
        let mut refused = 0;
        for polls in 1.. {
            let at = Stage::declared(strict("running"));
            let (stage, id) = (&at.0, at.1);
            let writes = stage.store.writes();
            let Some(result) = overtaken(&at, polls, || change(stage, id)) else { break };
            result.expect("to be overtaken is no failure");
            if stage.store.with(|rows| rows.refused == [Generation(1)]) {
                refused += 1;
                let left: Vec<_> = stage.store.with(|rows| {
                    rows.passes[writes..].iter().map(|(_, pass)| pass.generation).collect()
                });
                assert!(!left.is_empty(), "the newer declaration was not looked at");
                assert!(left.iter().all(|generation| *generation == Generation(2)), "{left:?}");
            }
            stage.settle(id);
            assert_converged(stage, id);
        }
        assert!(refused > 10, "refused only {refused} times");
    }
}

#[test]
fn r5_a_workspace_that_went_while_a_pass_was_at_it_is_let_go() {
    let at = Stage::declared(strict("stopped"));
    let (stage, id) = (&at.0, at.1);
    stage.store.delete(id, false);
    let next = overtaken(&at, 3, || stage.store.with(|rows| rows.workspaces.clear())).unwrap();
    assert_eq!(next.unwrap().wake_up(), None);
    assert_eq!(stage.context.activity.of(id), None);
}

#[test]
fn r5_a_sync_that_was_overtaken_is_still_answered() {
    let (stage, id) = Stage::settled(strict("running"));
    stage.engine.kill(&crate::support::containers(&stage, id)[0].id);
    let store = stage.store.clone();
    let mut pass = stage.begin(id, crate::support::sync_by("alice"));
    for _ in 0..3 {
        assert!(poll_once(pass.as_mut()).is_pending());
    }
    store.change(id, new_env);
    while poll_once(pass.as_mut()).is_pending() {}
    stage.settle(id);
    let kinds: Vec<_> =
        store.with(|rows| rows.events.iter().map(|(_, event)| event.kind).collect());
    assert!(kinds.contains(&EventType::SyncComplete), "{kinds:?}");
}

#[test]
fn r6_the_observed_generation_never_goes_back_and_never_runs_ahead() {
    let (stage, id) = Stage::declared(strict("running"));
    for state in ["stopped", "running", "paused", "archived", "running"] {
        // One pass sees the declaration, and the next one comes before all is brought about.
        drop(stage.pass(id, cause(CauseKind::SpecChange)));
        stage.store.change(id, |row| row.spec = strict(state));
    }
    stage.settle(id);
    assert_converged(&stage, id);
    let observed: Vec<_> =
        stage.store.with(|rows| rows.observed.iter().map(|(_, observed)| *observed).collect());
    assert!(observed.is_sorted(), "{observed:?}");
    assert_eq!(observed.first(), Some(&Generation(1)));
    assert_eq!(observed.last(), Some(&Generation(6)));
}
