//! What a workspace uses, from the kernel to whoever asks: figures, history, thresholds, activity.

use crate::scene::{Scene, eventually, key};
use anyhow::{Context, Result, ensure};
use bollard::exec::StartExecOptions;
use bollard::models::ExecConfig;
use bollard::query_parameters::RestartContainerOptions;
use serde_json::json;
use std::time::Duration;
use trueup_api::domain::condition::{ConditionType, Truth};
use trueup_api::domain::event::EventType;
use trueup_api::domain::id::EventId;
use trueup_api::domain::usage::Point;
use trueup_api::wire::WorkspaceView;
use trueup_api::{EventFilter, UsageRange};
use trueup_tests::image::PROGRAM;

const MIB: u64 = 1 << 20;

fn cpu(view: &WorkspaceView) -> Option<f64> {
    view.metrics.cpu_percent
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_follow_what_a_workspace_does_and_history_outlives_the_controller() -> Result<()> {
    let mut scene = Scene::set(&[("usage.interval", "1s")]).await?;
    scene.apply(&[("busy", json!({"command": [PROGRAM, "burn", "0.25"]}))]).await?;
    let limits = json!({"memory": "128MiB"});
    let idle = json!({"command": [PROGRAM, "hold", "40"], "resources": limits});
    scene.apply(&[("idle", idle)]).await?;
    // A machine that is busy gives less, and never more.
    let is_busy = |view: &WorkspaceView| cpu(view).is_some_and(|cpu| (2.0..35.0).contains(&cpu));
    let busy = scene.until("busy", is_busy).await;
    let metrics = busy.metrics;
    ensure!(metrics.last_activity.is_some(), "it is active");
    let idle = scene
        .until("idle", |view| {
            let used = view.metrics.memory_usage;
            used.is_some_and(|used| (40 * MIB..48 * MIB).contains(&used))
        })
        .await;
    let metrics = idle.metrics;
    ensure!(metrics.memory_limit == Some(128 * MIB), "{metrics:?}");

    let points = kept(&scene, 2).await;
    scene.controller.kill();
    scene.controller.restart()?;
    scene.until("busy", is_busy).await;
    let after = kept(&scene, points.len() + 1).await;
    ensure!(after.starts_with(&points), "{points:?}, and after the restart {after:?}");
    ensure!(after.iter().all(|point| point.cpu_percent < 40.0), "{after:?}");

    // A restart behind our back is no reason for a wrong figure.
    let container = scene.container_id("busy").await?;
    let mut stream = scene.client.usage_stream(Some(&key("busy"))).await?;
    let options = None::<RestartContainerOptions>;
    scene.docker.restart_container(&container, options).await?;
    for _ in 0..6 {
        let told = stream.next().await?.context("the stream goes on")?;
        let cpu = told.metrics.cpu_percent.unwrap_or_default();
        ensure!((0.0..40.0).contains(&cpu), "{told:?}");
    }
    scene.strike().await
}

/// The history of `busy`, once there are so many readings in it.
async fn kept(scene: &Scene, count: usize) -> Vec<Point> {
    eventually("history", async || {
        let range = UsageRange { since: Some("5m".to_owned()), ..UsageRange::default() };
        let history = scene.client.usage_history(&key("busy"), &range).await;
        let points = history.map_err(|error| error.to_string())?.points;
        if points.len() >= count { Ok(points) } else { Err(format!("{points:?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn much_memory_for_long_degrades_a_workspace_until_it_is_over() -> Result<()> {
    let mut scene = Scene::set(&[("usage.interval", "1s"), ("usage.hold", "2s")]).await?;
    let limits = |command: &[&str]| {
        let command: Vec<_> = [PROGRAM].iter().chain(command).copied().collect();
        json!({"command": command, "resources": {"memory": "64MiB"}})
    };
    scene.apply(&[("full", limits(&["hold", "60"]))]).await?;
    let degraded = |view: &WorkspaceView| {
        let found = view.workspace.status.conditions.get(ConditionType::Degraded).cloned();
        found.filter(|found| found.status == Truth::True).map(|found| found.reason)
    };
    scene.until("full", |view| degraded(view).as_deref() == Some("MemoryHigh")).await;
    let view = scene.get("full").await?;
    ensure!(view.workspace.status.conditions.is_true(ConditionType::Ready), "it works");

    // Live, without another container: its limit is what makes it much.
    let wider = json!({"command": [PROGRAM, "hold", "60"], "resources": {"memory": "256MiB"}});
    scene.apply(&[("full", wider)]).await?;
    let view = scene.until("full", |view| degraded(view).is_none()).await;
    let events =
        scene.client.events(&EventFilter::default(), EventId(0), Duration::ZERO).await?.items;
    let kinds: Vec<_> = events
        .iter()
        .filter(|event| event.what.reason == "MemoryHigh")
        .map(|event| event.what.kind)
        .collect();
    ensure!(kinds == [EventType::MetricsUpdate, EventType::Recovery], "{kinds:?} {view:?}");
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_somebody_runs_in_a_workspace_is_activity_and_its_health_check_is_not()
-> Result<()> {
    let mut scene = Scene::set(&[("usage.interval", "1s")]).await?;
    let check = json!({"command": [PROGRAM, "exit", "0"], "interval": "10s", "timeout": "1s"});
    let still = json!({"command": [PROGRAM, "sleep"], "health": check, "isolation": "strict"});
    scene.apply(&[("still", still)]).await?;
    scene.until_ready("still").await;
    // With a check now and then it does nothing by itself meanwhile.
    scene.until("still", |view| view.metrics.cpu_percent.is_some_and(|cpu| cpu < 0.5)).await;
    let container = scene.container_id("still").await?;
    let words = vec![PROGRAM.to_owned(), "exit".to_owned(), "7".to_owned()];
    let before = scene.get("still").await?.metrics.last_activity;
    let exec = ExecConfig { cmd: Some(words), ..ExecConfig::default() };
    let exec = scene.docker.create_exec(&container, exec).await?;
    let detached = StartExecOptions { detach: true, ..StartExecOptions::default() };
    scene.docker.start_exec(&exec.id, Some(detached)).await?;
    eventually("activity", async || {
        let view = scene.get("still").await.map_err(|error| error.to_string())?;
        let last = view.metrics.last_activity;
        if last > before { Ok(()) } else { Err(format!("{last:?}")) }
    })
    .await;
    scene.strike().await
}
