//! A kill of the controller at any moment is a normal case.

use crate::scene::{Scene, eventually, is_ready};
use anyhow::{Result, ensure};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use trueup_api::WorkspaceFilter;

const WORKSPACES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_killed_in_the_middle_of_twenty_creations_makes_exactly_twenty() -> Result<()>
{
    let mut scene = Scene::set(&[]).await?;
    let names: Vec<_> = (0..WORKSPACES).map(|number| format!("w{number:02}")).collect();
    let volume = json!({"volumes": [{"name": "home", "target": "/home/dev"}]});
    let specs: Vec<_> = names.iter().map(|name| (name.as_str(), volume.clone())).collect();
    scene.apply(&specs).await?;
    let mut made_at_kills = Vec::new();
    // Three kills, each when a few more containers have come to be.
    for threshold in [1, 6, 12] {
        eventually("some containers", async || {
            let made = scene.containers(None).await.map_err(|error| error.to_string())?.len();
            (made >= threshold).then_some(()).ok_or(format!("{made} of {threshold}"))
        })
        .await;
        scene.controller.kill();
        made_at_kills.push(scene.containers(None).await?.len());
        // What the engine was asked for before the kill may still come to be.
        tokio::time::sleep(Duration::from_millis(200)).await;
        scene.controller.restart()?;
    }
    ensure!(made_at_kills[0] < WORKSPACES, "the kill came too late: {made_at_kills:?}");
    for name in &names {
        scene.until(name, is_ready).await;
    }
    let rows = scene.containers(None).await?;
    ensure!(rows.len() == WORKSPACES, "{} containers", rows.len());
    let owners: BTreeSet<_> = rows
        .iter()
        .filter_map(|row| row.labels.as_ref()?.get("trueup.workspace-id").cloned())
        .collect();
    ensure!(owners.len() == WORKSPACES, "some workspace has two containers");
    ensure!(scene.left().await?.volumes.len() == WORKSPACES);
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_killed_in_the_middle_of_deletions_finishes_them() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    let names: Vec<_> = (0..8).map(|number| format!("w{number}")).collect();
    let volume = json!({"volumes": [{"name": "home", "target": "/home/dev"}]});
    let specs: Vec<_> = names.iter().map(|name| (name.as_str(), volume.clone())).collect();
    scene.apply(&specs).await?;
    for name in &names {
        scene.until_ready(name).await;
    }
    scene.controller.trueup(["delete", "--all", "--volumes", "--no-wait"])?;
    eventually("the first one gone", async || {
        let rows = scene.containers(None).await.map_err(|error| error.to_string())?;
        (rows.len() < names.len()).then_some(()).ok_or(rows.len().to_string())
    })
    .await;
    scene.controller.kill();
    scene.controller.restart()?;
    eventually("nothing left", async || {
        let left = scene.left().await.map_err(|error| error.to_string())?;
        left.is_empty().then_some(()).ok_or(format!("{left:?}"))
    })
    .await;
    eventually("no workspace", async || {
        let all =
            scene.client.list(&WorkspaceFilter::default()).await.map_err(|e| e.to_string())?;
        all.items.is_empty().then_some(()).ok_or(format!("{} left", all.items.len()))
    })
    .await;
    scene.controller.terminate()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_the_controller_was_killed_outlives_no_deletion() -> Result<()> {
    let settings = [("network.strict_range", "10.214.0.0/20"), ("reconcile.concurrency", "32")];
    let mut scene = Scene::set(&settings).await?;
    let names: Vec<_> = (0..WORKSPACES).map(|number| format!("w{number:02}")).collect();
    let isolation = |number: usize| if number.is_multiple_of(2) { "strict" } else { "standard" };
    let specs: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(number, name)| (name.as_str(), json!({"isolation": isolation(number)})))
        .collect();
    scene.apply(&specs).await?;
    eventually("a first container", async || {
        let made = scene.containers(None).await.map_err(|error| error.to_string())?.len();
        (made > 0).then_some(()).ok_or("none".to_owned())
    })
    .await;
    scene.controller.trueup(["delete", "--all", "--volumes", "--no-wait"])?;
    scene.controller.kill();
    scene.controller.restart()?;
    eventually("no workspace", async || {
        let filter = WorkspaceFilter::default();
        let all = scene.client.list(&filter).await.map_err(|error| error.to_string())?;
        all.items.is_empty().then_some(()).ok_or(format!("{} left", all.items.len()))
    })
    .await;
    let left = scene.left().await?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    scene.controller.terminate()
}
