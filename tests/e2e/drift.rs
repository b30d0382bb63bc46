//! What somebody does to a container behind our back is seen and mended.

use crate::scene::{Scene, eventually, is_ready};
use anyhow::{Context, Result, ensure};
use bollard::models::{
    ContainerUpdateBody, NetworkConnectRequest, NetworkDisconnectRequest, RestartPolicy,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
    StopContainerOptions,
};
use serde_json::json;
use trueup_api::domain::condition::{ConditionType, Truth};
use trueup_api::wire::WorkspaceView;

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_killed_stopped_paused_or_renamed_is_brought_back() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.apply(&[("w", json!({}))]).await?;
    scene.until_ready("w").await;
    let id = scene.container_id("w").await?;
    let name = scene.container("w").await?.name.context("a name")?;

    scene.docker.kill_container(&id, None::<KillContainerOptions>).await?;
    runs_again(&scene, &id).await;
    scene.docker.pause_container(&id).await?;
    runs_again(&scene, &id).await;
    let options = RenameContainerOptionsBuilder::default().name("trueup-test-renamed").build();
    scene.docker.rename_container(&id, options).await?;
    eventually("its name again", async || {
        let container = scene.container("w").await.map_err(|error| error.to_string())?;
        let is_back = container.name.as_ref() == Some(&name);
        is_back.then_some(()).ok_or(format!("{:?}", container.name))
    })
    .await;
    runs_again(&scene, &id).await;
    ensure!(scene.containers(None).await?.len() == 1);
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_through_docker_is_no_user_s_wish_and_is_undone() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.apply(&[("w", json!({}))]).await?;
    scene.until_ready("w").await;
    let id = scene.container_id("w").await?;
    scene.docker.stop_container(&id, None::<StopContainerOptions>).await?;
    runs_again(&scene, &id).await;
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_removed_is_made_again_with_its_volume() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.apply(&[("w", json!({"volumes": [{"name": "home", "target": "/data"}]}))]).await?;
    scene.until_ready("w").await;
    let (old, volumes) = (scene.container_id("w").await?, scene.left().await?.volumes);
    let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    scene.docker.remove_container(&old, Some(force)).await?;
    eventually("a new container", async || {
        let view = scene.get("w").await.map_err(|error| error.to_string())?;
        let status = &view.workspace.status;
        let is_new = status.container.as_ref().is_some_and(|now| now.id.as_str() != old);
        (is_new && is_ready(&view)).then_some(()).ok_or(format!("{status:?}"))
    })
    .await;
    ensure!(scene.containers(None).await?.len() == 1);
    ensure!(scene.left().await?.volumes == volumes, "another volume");
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_limits_are_put_right_in_place_and_a_new_declaration_makes_a_new_container()
-> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.apply(&[("w", json!({}))]).await?;
    scene.until_ready("w").await;
    let id = scene.container_id("w").await?;
    let update = ContainerUpdateBody { pids_limit: Some(99), ..ContainerUpdateBody::default() };
    scene.docker.update_container(&id, update).await?;
    until_limits(&scene, 32, 32 << 20).await;

    let larger = json!({"resources": {"cpus": 0.5, "memory": "64MiB", "pids": 64}});
    scene.apply(&[("w", larger.clone())]).await?;
    until_limits(&scene, 64, 64 << 20).await;
    ensure!(scene.container_id("w").await? == id, "limits made a new container");

    let mut renewed = larger;
    renewed["env"] = json!({"GREETING": "hello"});
    scene.apply(&[("w", renewed)]).await?;
    scene.until_ready("w").await;
    let container = scene.container("w").await?;
    ensure!(container.id.as_ref() != Some(&id), "a new environment needs a new container");
    let env = container.config.and_then(|config| config.env).unwrap_or_default();
    ensure!(env.contains(&"GREETING=hello".to_owned()), "{env:?}");
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_taken_away_or_added_makes_a_new_container() -> Result<()> {
    let mut scene = Scene::set(&[("engine.resync", "1s")]).await?;
    scene.apply(&[("w", json!({"recovery": {"stableAfter": "1s"}}))]).await?;
    scene.until_ready("w").await;
    let first = scene.container_id("w").await?;
    let declared = networks(&scene).await?;
    ensure!(declared.len() == 1, "{declared:?}");

    let cut = NetworkDisconnectRequest { container: first.clone(), force: Some(true) };
    scene.docker.disconnect_network(&declared[0], cut).await?;
    let second = until_replaced(&scene, &first, &declared).await;

    let more = NetworkConnectRequest { container: second.clone(), ..Default::default() };
    scene.docker.connect_network("bridge", more).await?;
    until_replaced(&scene, &second, &declared).await;
    ensure!(scene.containers(None).await?.len() == 1);
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_policy_and_swap_that_somebody_gave_are_taken_back_in_place() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.apply(&[("w", json!({}))]).await?;
    scene.until_ready("w").await;
    let id = scene.container_id("w").await?;
    let always =
        RestartPolicy { name: Some(RestartPolicyNameEnum::ALWAYS), ..RestartPolicy::default() };
    for (restart_policy, memory_swap) in [(Some(always), None), (None, Some(-1))] {
        let update =
            ContainerUpdateBody { restart_policy, memory_swap, ..ContainerUpdateBody::default() };
        scene.docker.update_container(&id, update).await?;
        eventually("neither restarted by the engine nor with swap", async || {
            let container = scene.container("w").await.map_err(|error| error.to_string())?;
            let host = container.host_config.unwrap_or_default();
            let policy = host.restart_policy.and_then(|policy| policy.name);
            let view = scene.get("w").await.map_err(|error| error.to_string())?;
            let is_so =
                policy == Some(RestartPolicyNameEnum::NO) && host.memory_swap == Some(32 << 20);
            (is_so && is_ready(&view)).then_some(()).ok_or(format!("{policy:?} {view:?}"))
        })
        .await;
    }
    ensure!(scene.container_id("w").await? == id, "it was replaced");
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_drift_report_shows_the_difference_and_leaves_it() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.apply(&[("w", json!({"onDrift": "report"}))]).await?;
    scene.until_ready("w").await;
    let id = scene.container_id("w").await?;
    let update = ContainerUpdateBody { pids_limit: Some(99), ..ContainerUpdateBody::default() };
    scene.docker.update_container(&id, update).await?;
    let view = scene
        .until("w", |view| {
            let degraded = view.workspace.status.conditions.get(ConditionType::Degraded);
            degraded.is_some_and(|c| c.status == Truth::True && c.reason == "Drift")
        })
        .await;
    let degraded = view.workspace.status.conditions.get(ConditionType::Degraded);
    let message = degraded.map(|c| c.message.clone()).unwrap_or_default();
    ensure!(message.contains("resources.pids: 99 instead of 32"), "{message}");
    let host = scene.container("w").await?.host_config.unwrap_or_default();
    ensure!(host.pids_limit == Some(99), "it was changed all the same");
    scene.strike().await
}

async fn runs_again(scene: &Scene, id: &str) {
    eventually("running again", async || {
        let container = scene.container("w").await.map_err(|error| error.to_string())?;
        let state = container.state.unwrap_or_default();
        let runs = state.running == Some(true) && state.paused != Some(true);
        let view = scene.get("w").await.map_err(|error| error.to_string())?;
        let is_same = container.id.as_deref() == Some(id);
        (runs && is_same && is_ready(&view)).then_some(()).ok_or(format!("{state:?}"))
    })
    .await;
}

/// The names of the networks that the container is really attached to.
async fn networks(scene: &Scene) -> Result<Vec<String>> {
    let settings = scene.container("w").await?.network_settings.unwrap_or_default();
    let mut names: Vec<_> = settings.networks.unwrap_or_default().into_keys().collect();
    names.sort();
    Ok(names)
}

fn stored_networks(view: &WorkspaceView) -> &[String] {
    view.workspace.status.container.as_ref().map_or(&[], |container| &container.networks)
}

/// The id of the ready container that took the old one's place, on the declared networks.
async fn until_replaced(scene: &Scene, old: &str, declared: &[String]) -> String {
    eventually("a new container on its network", async || {
        let id = scene.container_id("w").await.map_err(|error| error.to_string())?;
        let names = networks(scene).await.map_err(|error| error.to_string())?;
        let view = scene.get("w").await.map_err(|error| error.to_string())?;
        let is_new = id != old && names == declared && is_ready(&view);
        (is_new && stored_networks(&view) == declared).then_some(id).ok_or(format!("{view:?}"))
    })
    .await
}

async fn until_limits(scene: &Scene, pids: i64, memory: i64) {
    eventually("the declared limits", async || {
        let container = scene.container("w").await.map_err(|error| error.to_string())?;
        let host = container.host_config.unwrap_or_default();
        let view = scene.get("w").await.map_err(|error| error.to_string())?;
        let is_so = host.pids_limit == Some(pids) && host.memory == Some(memory);
        (is_so && is_ready(&view)).then_some(()).ok_or(format!("{:?}", host.pids_limit))
    })
    .await;
}
