//! A question that is not answered: nothing is done, nothing is forgotten, and it is asked again.

use crate::support::{Passed, Question, Stage, assert_converged, cause, containers, spec, strict};
use serde_json::json;
use trueup_domain::{
    condition::{ConditionType, Truth},
    error::ErrorClass,
    id::WorkspaceId,
    pass::CauseKind,
    status::Phase,
};
use trueup_reconciler::workspace::Error;

/// A situation in which the question is asked.
type Situation = (Question, fn() -> (Stage, WorkspaceId));

fn vanished() -> (Stage, WorkspaceId) {
    let (stage, id) = Stage::settled(strict("running"));
    stage.engine.machine(|machine| machine.containers.clear());
    (stage, id)
}

fn exited() -> (Stage, WorkspaceId) {
    let (stage, id) = Stage::settled(strict("running"));
    stage.engine.kill(&containers(&stage, id)[0].id);
    (stage, id)
}

fn deleted() -> (Stage, WorkspaceId) {
    let (stage, id) = vanished();
    stage.store.delete(id, true);
    (stage, id)
}

fn archived() -> (Stage, WorkspaceId) {
    let (stage, id) = vanished();
    stage.store.change(id, |row| row.spec = strict("archived"));
    (stage, id)
}

fn altered() -> (Stage, WorkspaceId) {
    let (stage, id) = Stage::settled(strict("running"));
    stage
        .store
        .change(id, |row| row.spec.image = serde_json::from_value(json!("debian:13")).unwrap());
    (stage, id)
}

const SITUATIONS: [Situation; 10] = [
    (Question::Inspect, vanished),
    (Question::Inspect, exited),
    (Question::Inspect, deleted),
    (Question::List, vanished),
    (Question::List, deleted),
    (Question::HasImage, vanished),
    (Question::HasImage, altered),
    (Question::Network, exited),
    (Question::Network, archived),
    (Question::Volumes, deleted),
];

fn assert_nothing_done(passed: &Passed) {
    assert_eq!(passed.actions, [""; 0], "done without knowing how things are");
    match &passed.result {
        Err(error @ Error::Observe(_)) => assert_eq!(error.class(), ErrorClass::Retryable),
        other => panic!("it was taken for an answer: {other:?}"),
    }
}

#[test]
fn a_question_without_an_answer_leads_to_no_action_and_the_status_keeps_what_it_knew() {
    for (question, situation) in SITUATIONS {
        let (stage, id) = situation();
        let known = stage.row(id).status.clone();
        stage.engine.with(|engine| engine.deaf_to = vec![question]);
        assert_nothing_done(&stage.pass(id, cause(CauseKind::Resync)));
        let status = stage.row(id).status.clone();
        assert_eq!(status.phase, Phase::Unknown, "{question:?}");
        assert_eq!(status.status, known.status);
        assert_eq!(status.container, known.container);
        assert_eq!(status.recovery, known.recovery);
        assert_eq!(status.synced_generation, known.synced_generation);
        let synced = status.conditions.get(ConditionType::Synced).unwrap();
        assert_eq!(synced.status, Truth::Unknown);
        assert_eq!(synced.reason, "EngineUnreachable");
    }
}

#[test]
fn an_outage_is_written_down_once_however_often_it_is_met() {
    let (stage, id) = vanished();
    stage.engine.with(|engine| engine.deaf_to = vec![Question::Inspect]);
    stage.pass(id, cause(CauseKind::EngineEvent));
    let writes = stage.store.writes();
    for _ in 0..10 {
        assert_nothing_done(&stage.pass(id, cause(CauseKind::Retry)));
    }
    assert_eq!(stage.store.writes(), writes);
}

#[test]
fn r1_when_the_engine_answers_again_every_workspace_converges() {
    for (question, situation) in SITUATIONS {
        let (stage, id) = situation();
        stage.engine.with(|engine| engine.deaf_to = vec![question]);
        stage.pass(id, cause(CauseKind::Resync));
        stage.engine.with(|engine| engine.deaf_to.clear());
        stage.settle(id);
        assert_converged(&stage, id);
    }
}

#[test]
fn r3_an_engine_that_falls_silent_right_after_the_actions_is_asked_again_before_any_other() {
    let (stage, id) = Stage::declared(spec(&json!({"isolation": "basic"})));
    let mut pass = stage.begin(id, cause(CauseKind::Start));
    while stage.engine.actions().len() < 2 {
        assert!(crate::support::poll_once(pass.as_mut()).is_pending());
    }
    stage.engine.with(|engine| engine.deaf_to = vec![Question::Inspect]);
    let result = loop {
        if let std::task::Poll::Ready(result) = crate::support::poll_once(pass.as_mut()) {
            break result;
        }
    };
    assert!(matches!(result, Err(Error::Observe(_))), "{result:?}");
    assert_eq!(stage.row(id).status.phase, Phase::Unknown);
    assert_nothing_done(&stage.pass(id, cause(CauseKind::Retry)));
    stage.engine.with(|engine| engine.deaf_to.clear());
    let found = stage.pass(id, cause(CauseKind::Retry));
    assert_eq!(found.actions, [""; 0], "what was made unseen is found, not made again");
    assert_converged(&stage, id);
}
