//! Commands that end by themselves: started again, held back, given up, taken up anew.

use crate::scene::{Scene, condition, is_current, key};
use anyhow::{Result, ensure};
use serde_json::json;
use trueup_api::domain::condition::ConditionType;
use trueup_api::domain::status::Phase;
use trueup_api::wire::{Verb, WorkspaceView};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_keeps_failing_is_given_up_until_a_resume() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    let crashing = json!({
        "command": ["/workload", "exit", "3"],
        "recovery": {"backoffBase": "200ms", "backoffMax": "400ms", "giveUpAfter": 3},
    });
    scene.apply(&[("w", crashing)]).await?;
    let gave_up = |view: &WorkspaceView| {
        condition(view, ConditionType::Degraded).is_some_and(|c| c.reason == "GaveUp")
    };
    let view = scene.until("w", gave_up).await;
    ensure!(view.workspace.status.phase == Phase::CrashLoop);
    ensure!(view.workspace.status.recovery.crashes == 3, "{:?}", view.workspace.status.recovery);
    let message = condition(&view, ConditionType::Degraded).map(|c| c.message.clone());
    ensure!(message.is_some_and(|text| text.contains("exit code 3")), "no exit code is told");

    // A give-up survives a restart of the controller: nothing is started.
    let ended = scene.container("w").await?.state.and_then(|state| state.finished_at);
    scene.controller.restart()?;
    scene.client.sync(Some(&key("w"))).await?;
    scene
        .until("w", |view| gave_up(view) && view.live.as_ref().is_some_and(|l| l.sync_attempts > 0))
        .await;
    let now = scene.container("w").await?.state.and_then(|state| state.finished_at);
    ensure!(now == ended, "it was started after the give-up");

    scene.verb("w", Verb::Resume).await?;
    let is_anew = |view: &WorkspaceView| view.workspace.generation.0 == 2 && is_current(view);
    let resumed = scene.until("w", |view| gave_up(view) && is_anew(view)).await;
    ensure!(resumed.workspace.status.recovery.crashes == 3);
    let anew = scene.container("w").await?.state.and_then(|state| state.finished_at);
    ensure!(anew != ended, "a resume did not try again");
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_done_rests_when_its_policy_says_so() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    let done = |code: &str| {
        json!({
            "command": ["/workload", "exit", code],
            "recovery": {"policy": "onFailure", "backoffBase": "200ms", "giveUpAfter": 1},
        })
    };
    scene.apply(&[("done", done("0")), ("failed", done("5"))]).await?;
    let done = scene.until_phase("done", Phase::Stopped).await;
    let exit = done.workspace.status.container.as_ref().and_then(|container| container.exit_code);
    ensure!(exit == Some(0), "{exit:?}");
    scene.until_phase("failed", Phase::CrashLoop).await;
    ensure!(done.workspace.status.recovery.crashes == 0);
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn health_decides_about_readiness() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    let checked = |file: &str| {
        json!({
            "command": ["/workload", "write", "/tmp/ok", "yes", "sleep"],
            "health": {
                "command": ["/workload", "health", file], "interval": "500ms",
                "timeout": "2s", "retries": 1, "startPeriod": "0s",
            },
        })
    };
    scene.apply(&[("well", checked("/tmp/ok")), ("ill", checked("/tmp/missing"))]).await?;
    scene.until_ready("well").await;
    let ill = scene.until_phase("ill", Phase::Unhealthy).await;
    ensure!(!ill.workspace.status.conditions.is_true(ConditionType::Ready));
    ensure!(ill.workspace.status.conditions.is_true(ConditionType::Degraded));
    scene.strike().await
}
