//! An engine that is gone for a while: the truth is Unknown, and nothing is lost or doubled.

use crate::scene::{Scene, condition, eventually, is_ready, key};
use anyhow::{Result, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use trueup_api::domain::condition::{ConditionType, Truth};
use trueup_api::domain::status::{Phase, WorkspaceStatus};
use trueup_tests::dockerd::{Dockerd, Network};

const RESYNC: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn while_the_engine_is_down_status_is_unknown_and_afterwards_all_is_right_again() -> Result<()>
{
    let mut dockerd = Dockerd::launch_with(Network::None).await?;
    let mut scene = Scene::set_on(&dockerd.endpoint()?, &[("engine.resync", "3s")]).await?;
    // No network: a private engine need not make bridges.
    let spec = json!({"isolation": "strict"});
    let names = ["a", "b", "c", "d"];
    scene.apply(&names.map(|name| (name, spec.clone()))).await?;
    for name in names {
        scene.until_ready(name).await;
    }

    dockerd.stop().await?;
    let down = Instant::now();
    for name in names {
        let view = scene.until(name, |view| view.workspace.phase() == Phase::Unknown).await;
        let synced = condition(&view, ConditionType::Synced).cloned();
        let synced = synced.filter(|synced| synced.status == Truth::Unknown);
        let reason = synced.map(|synced| synced.reason);
        ensure!(reason.as_deref() == Some("EngineUnreachable"), "{name}: {reason:?}");
        let status = &view.workspace.status;
        ensure!(status.status == WorkspaceStatus::Active, "the last known status stays");
        ensure!(status.container.is_some(), "the last known container stays");
    }
    let took = down.elapsed();
    ensure!(took < RESYNC + Duration::from_secs(5), "told after {took:?}");

    // What users want meanwhile is kept: one more, one less, one changed.
    scene.apply(&[("new", spec.clone())]).await?;
    scene.client.delete(&key("d"), true).await?;
    let changed = json!({"isolation": "strict", "env": {"CHANGED": "yes"}});
    scene.apply(&[("c", changed)]).await?;

    dockerd.start().await?;
    for name in ["a", "b", "c", "new"] {
        scene.until(name, is_ready).await;
    }
    eventually("d is gone", async || match scene.client.find(&key("d")).await {
        Ok(None) => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
    let rows = scene.containers(None).await?;
    ensure!(rows.len() == 4, "{} containers", rows.len());
    let container = scene.container("c").await?;
    let env = container.config.and_then(|config| config.env).unwrap_or_default();
    ensure!(env.contains(&"CHANGED=yes".to_owned()), "{env:?}");
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_can_start_before_its_engine() -> Result<()> {
    let mut dockerd = Dockerd::launch_with(Network::None).await?;
    let scene = Scene::set_on(&dockerd.endpoint()?, &[("engine.resync", "1s")]).await?;
    dockerd.stop().await?;
    let mut scene = scene;
    scene.controller.restart()?;
    scene.apply(&[("w", json!({"isolation": "strict"}))]).await?;
    scene.until_phase("w", Phase::Unknown).await;
    dockerd.start().await?;
    scene.until_ready("w").await;
    scene.strike().await
}
