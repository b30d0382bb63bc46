//! Two controllers on one engine never touch each other's containers.

use crate::scene::{Scene, key};
use anyhow::{Result, ensure};
use serde_json::json;
use trueup_api::domain::error::Reason;

#[tokio::test(flavor = "multi_thread")]
async fn two_controllers_on_one_engine_leave_each_other_alone() -> Result<()> {
    let mut one = Scene::set(&[("engine.resync", "1s")]).await?;
    let mut other = Scene::set(&[("engine.resync", "1s")]).await?;
    one.apply(&[("same", json!({}))]).await?;
    other.apply(&[("same", json!({}))]).await?;
    one.until_ready("same").await;
    other.until_ready("same").await;
    let survivor = other.container_id("same").await?;
    one.strike().await?;
    other.client.sync(Some(&key("same"))).await?;
    other.until_ready("same").await;
    ensure!(other.container_id("same").await? == survivor);
    other.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_s_container_that_has_our_name_is_reported_and_never_touched() -> Result<()> {
    use bollard::models::ContainerCreateBody;
    use bollard::query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, RemoveContainerOptionsBuilder,
    };
    let mut scene = Scene::set(&[("reconcile.backoff_max", "1s")]).await?;
    scene.apply(&[("w", json!({"state": "stopped"}))]).await?;
    let view = scene.until("w", crate::scene::is_current).await;
    let id = view.workspace.id.to_string();
    let name = format!("trueup-w-{}", &id[20..]);
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let body = ContainerCreateBody {
        image: Some(trueup_tests::image::IMAGE.to_owned()),
        ..ContainerCreateBody::default()
    };
    let stranger = scene.docker.create_container(Some(options), body).await?.id;
    scene.verb("w", trueup_api::wire::Verb::Start).await?;
    let refused = scene
        .until("w", |view| {
            let error = view.workspace.status.last_error.as_ref();
            error.is_some_and(|error| error.reason == Reason::NameConflict)
        })
        .await;
    let still = scene.docker.inspect_container(&stranger, None::<InspectContainerOptions>).await;
    let remove = RemoveContainerOptionsBuilder::default().force(true).build();
    scene.docker.remove_container(&stranger, Some(remove)).await?;
    ensure!(still.is_ok(), "the stranger's container was removed");
    let message = refused.workspace.status.last_error.map(|error| error.message);
    ensure!(message.is_some_and(|text| text.contains(&name)), "the message names no one");
    scene.until_ready("w").await;
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_whose_labels_come_from_a_committed_image_is_a_stranger_s() -> Result<()> {
    use bollard::models::{ContainerConfig, ContainerCreateBody};
    use bollard::query_parameters::{
        CommitContainerOptionsBuilder, CreateContainerOptionsBuilder, InspectContainerOptions,
        RemoveContainerOptionsBuilder, RemoveImageOptions, StartContainerOptions,
    };
    let mut scene = Scene::set(&[("engine.resync", "1s")]).await?;
    scene.apply(&[("w", json!({}))]).await?;
    scene.until_ready("w").await;
    let original = scene.container_id("w").await?;
    let tag = scene.controller.label().rsplit('=').next().unwrap_or_default().to_owned();
    let image = format!("trueup/committed:{tag}");
    let commit = CommitContainerOptionsBuilder::default()
        .container(&original)
        .repo("trueup/committed")
        .tag(&tag)
        .build();
    scene.docker.commit_container(commit, ContainerConfig::default()).await?;
    let own = scene.container("w").await?.name.unwrap_or_default();
    // The second one has the name under which a container of ours waits for its successor.
    let mut strangers = Vec::new();
    for name in [format!("stranger-{tag}"), format!("{}-previous", own.trim_start_matches('/'))] {
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let body = ContainerCreateBody {
            image: Some(image.clone()),
            cmd: Some(vec!["/workload".to_owned(), "sleep".to_owned()]),
            ..ContainerCreateBody::default()
        };
        let stranger = scene.docker.create_container(Some(options), body).await?.id;
        scene.docker.start_container(&stranger, None::<StartContainerOptions>).await?;
        strangers.push(stranger);
    }
    scene.client.sync(Some(&key("w"))).await?;

    // Our own goes, and with it the only thing that the labels should lead to.
    let force = || RemoveContainerOptionsBuilder::default().force(true).build();
    scene.docker.remove_container(&original, Some(force())).await?;
    let view = scene
        .until("w", |view| {
            let container = view.workspace.status.container.as_ref();
            crate::scene::is_ready(view)
                && container.is_some_and(|container| container.id.as_str() != original)
        })
        .await;
    let adopted = view.workspace.status.container.map(|container| container.id.to_string());
    scene.client.delete(&key("w"), true).await?;
    crate::scene::eventually("deleted", async || match scene.client.find(&key("w")).await {
        Ok(None) => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
    let mut running = Vec::new();
    for stranger in &strangers {
        let options = None::<InspectContainerOptions>;
        let still = scene.docker.inspect_container(stranger, options).await;
        running.push(still.ok().and_then(|still| still.state?.running));
        // It may be gone, which is told below.
        let _ = scene.docker.remove_container(stranger, Some(force())).await;
    }
    scene.docker.remove_image(&image, None::<RemoveImageOptions>, None).await?;
    ensure!(!adopted.is_some_and(|id| strangers.contains(&id)), "a stranger's was taken over");
    ensure!(running == [Some(true); 2], "a stranger's container was touched: {running:?}");
    scene.strike().await
}
