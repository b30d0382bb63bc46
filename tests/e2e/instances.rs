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
