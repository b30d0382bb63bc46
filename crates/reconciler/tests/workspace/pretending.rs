//! An engine that reports success and shows no effect: an error that is waited out, not a spin.

use crate::support::{Stage, assert_converged, cause, containers, strict};
use futures::StreamExt;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use trueup_domain::{
    condition::ConditionType,
    error::ErrorClass,
    pass::{Cause, CauseKind},
};
use trueup_reconciler::{
    runtime::{Backoff, Controller, ErrorPolicy, PassResult, Priority},
    workspace::{Error, reconcile},
};

#[test]
fn success_without_effect_is_an_error_that_names_the_actions() {
    let (stage, id) = Stage::settled(strict("running"));
    stage.engine.kill(&containers(&stage, id)[0].id);
    stage.engine.with(|engine| engine.pretends = true);
    let error = stage.pass(id, cause(CauseKind::EngineEvent)).result.unwrap_err();
    assert!(
        matches!(&error, Error::NoEffect { actions } if actions.starts_with("start container"))
    );
    assert_eq!(error.class(), ErrorClass::Retryable);
    let status = stage.row(id).status.clone();
    assert_eq!(status.last_error.unwrap().operation, "start container", "the status says so");
    assert!(status.conditions.is_true(ConditionType::Degraded));
    stage.engine.with(|engine| engine.pretends = false);
    stage.settle(id);
    assert_converged(&stage, id);
}

#[tokio::test(start_paused = true)]
async fn success_without_effect_is_met_with_backoff_for_every_goal() {
    for change in ["running", "stopped", "paused", "archived"] {
        let from = if change == "stopped" { "running" } else { "stopped" };
        let (stage, id) = Stage::settled(strict(from));
        stage.store.change(id, |row| row.spec = strict(change));
        if change == "archived" {
            stage.store.change(id, |row| row.spec = strict("running"));
            stage.settle(id);
            stage.store.change(id, |row| row.spec = strict(change));
        }
        stage.engine.with(|engine| engine.pretends = true);
        let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_mins(1));
        let controller = Controller::new("test", fastrand::Rng::with_seed(5)).backoff(backoff);
        let handle = controller.handle();
        handle.enqueue(id, Cause::new(CauseKind::SpecChange, ""), Priority::User);
        let mut outcomes =
            controller.run(reconcile, |_, _, _| ErrorPolicy::Retry, stage.context.clone());
        let (mut passes, mut without_effect) = (0, 0);
        let end = Instant::now() + Duration::from_mins(10);
        while let Ok(Some(outcome)) = timeout(end - Instant::now(), outcomes.next()).await {
            passes += 1;
            assert!(passes < 100, "{change}: it spins");
            if let PassResult::Failed(Error::NoEffect { .. }, _) = outcome.result {
                without_effect += 1;
            }
        }
        assert!(without_effect > 5, "{change}: {without_effect} of {passes}");
    }
}
