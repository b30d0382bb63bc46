//! What is on the engine and belongs to no workspace is found and deleted, and nothing else is.

use crate::scene::{Scene, eventually, key};
use anyhow::{Context, Result, ensure};
use bollard::models::{ContainerCreateBody, NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveVolumeOptions, StartContainerOptions,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;
use trueup_tests::image::{IMAGE, PROGRAM};

/// Longer than an orphan is young.
const GROWN: Duration = Duration::from_secs(90);

/// What a controller made for workspaces that its store knows nothing of: a container that runs on a
/// network of its own and mounts a volume, and a shared network that nothing uses.
async fn leave(scene: &Scene) -> Result<()> {
    let label = scene.controller.label();
    let (label, instance) = label.split_once('=').context("a label")?;
    let shared = HashMap::from([(label.to_owned(), instance.to_owned())]);
    let mut own = shared.clone();
    own.insert("trueup.workspace-id".to_owned(), format!("{:0>32}", "ff"));
    own.insert("trueup.owner".to_owned(), "tester".to_owned());
    own.insert("trueup.name".to_owned(), "gone".to_owned());
    let name = format!("trueup-gone-{instance}");
    for (name, labels) in [(&name, &own), (&format!("trueup-{instance}-shared-9"), &shared)] {
        let network = NetworkCreateRequest {
            name: name.clone(),
            labels: Some(labels.clone()),
            ..Default::default()
        };
        scene.docker.create_network(network).await?;
    }
    let volume = VolumeCreateRequest {
        name: Some(format!("{name}-home")),
        labels: Some(own.clone()),
        ..Default::default()
    };
    scene.docker.create_volume(volume).await?;
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        cmd: Some(vec![PROGRAM.to_owned(), "sleep".to_owned()]),
        labels: Some(own),
        host_config: Some(bollard::models::HostConfig {
            network_mode: Some(name.clone()),
            binds: Some(vec![format!("{name}-home:/home")]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let id = scene.docker.create_container(Some(options), body).await?.id;
    scene.docker.start_container(&id, None::<StartContainerOptions>).await?;
    Ok(())
}

/// Runs `trueup orphans` and reads what it says as JSON.
fn orphans(scene: &Scene, flags: &[&str]) -> Result<Value> {
    let line = ["orphans", "-o", "json"].iter().chain(flags);
    let output = scene.controller.trueup(line)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "orphans {flags:?}: {error}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The kinds and fates in a list of orphans.
fn told(list: &Value) -> Vec<(&str, &str)> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            (item["kind"].as_str().unwrap_or_default(), item["fate"].as_str().unwrap_or_default())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_deleted_once_they_are_old_and_never_those_of_another_controller() -> Result<()>
{
    let mut scene = Scene::set(&[("engine.resync", "1s")]).await?;
    let mut other = Scene::set(&[]).await?;
    let spec =
        json!({"volumes": [{"name": "home", "target": "/home/dev"}], "isolation": "standard"});
    scene.apply(&[("w", spec)]).await?;
    scene.until_ready("w").await;
    let survivor = scene.container_id("w").await?;
    leave(&scene).await?;
    leave(&other).await?;
    let left = other.left().await?;

    let found = orphans(&scene, &[])?;
    let young = ["container", "network", "network", "volume"].map(|kind| (kind, "tooYoung"));
    ensure!(told(&found["orphans"]) == young, "{found:#}");
    ensure!(found["missing"] == json!([]), "{found:#}");
    let kept = orphans(&scene, &["--delete", "--volumes"])?;
    ensure!(told(&kept["kept"]) == young && kept["deleted"] == json!([]), "{kept:#}");

    let deadline = Instant::now() + GROWN;
    while told(&orphans(&scene, &[])?["orphans"]).iter().any(|(_, fate)| *fate == "tooYoung") {
        ensure!(Instant::now() < deadline, "they stay young");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let first = orphans(&scene, &["--delete"])?;
    let grown = ["container", "network", "network"].map(|kind| (kind, "deletable"));
    ensure!(told(&first["deleted"]) == grown, "{first:#}");
    ensure!(told(&first["kept"]) == [("volume", "onlyWithVolumes")], "{first:#}");
    let second = orphans(&scene, &["--delete", "--volumes"])?;
    ensure!(told(&second["deleted"]) == [("volume", "onlyWithVolumes")], "{second:#}");
    ensure!(orphans(&scene, &[])? == json!({"orphans": [], "missing": []}));

    ensure!(scene.container_id("w").await? == survivor, "the workspace's own was touched");
    ensure!(other.left().await? == left, "what another controller made was touched");
    scene.strike().await?;
    other.controller.terminate()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_volumes_that_a_delete_has_kept_are_told_and_so_is_a_container_that_cannot_be_made()
-> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    let home = json!({"volumes": [{"name": "home", "target": "/home/dev"}]});
    scene.apply(&[("kept", home), ("imageless", json!({"image": "trueup/none:0"}))]).await?;
    scene.until_ready("kept").await;
    scene.until("imageless", |view| view.workspace.status.last_error.is_some()).await;
    scene.client.delete(&key("kept"), false).await?;
    eventually("deleted", async || match scene.client.find(&key("kept")).await {
        Ok(None) => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;

    let found = orphans(&scene, &[])?;
    ensure!(told(&found["orphans"]) == [("volume", "tooYoung")], "{found:#}");
    ensure!(found["orphans"][0]["workspaceName"] == "kept", "{found:#}");
    let missing = found["missing"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(missing.len() == 1 && missing[0]["kind"] == "container", "{found:#}");
    ensure!(missing[0]["workspace"]["name"] == "imageless", "{found:#}");
    // What it kept is kept again: `strike` would find it.
    let volume = found["orphans"][0]["name"].as_str().context("a name")?;
    scene.docker.remove_volume(volume, None::<RemoveVolumeOptions>).await?;
    scene.strike().await
}
