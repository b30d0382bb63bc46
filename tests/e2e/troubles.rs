//! What the engine refuses is told in its own words, tried again with growing waits, and heals when
//! the cause is removed.

use crate::scene::{Scene, condition, eventually, is_ready, key};
use anyhow::{Context, Result, ensure};
use bollard::query_parameters::{KillContainerOptions, RemoveImageOptions, TagImageOptionsBuilder};
use serde_json::json;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;
use trueup_api::domain::condition::{ConditionType, Truth};
use trueup_api::domain::status::Phase;
use trueup_api::wire::WorkspaceView;
use trueup_tests::image::IMAGE;

/// Short waits, so that a test sees them grow and end.
const QUICK: [(&str, &str); 3] =
    [("reconcile.backoff_base", "200ms"), ("reconcile.backoff_max", "1s"), ("engine.resync", "1s")];

/// Waits until the workspace says that something is wrong for this reason, and returns the words.
async fn told(scene: &Scene, name: &str, reason: &str) -> String {
    let is_told = |view: &WorkspaceView| {
        let degraded = condition(view, ConditionType::Degraded);
        degraded.is_some_and(|c| c.status == Truth::True && c.reason == reason)
    };
    let view = scene.until(name, is_told).await;
    assert!(!is_ready(&view), "it is ready and says {reason}");
    condition(&view, ConditionType::Degraded).map(|c| c.message.clone()).unwrap_or_default()
}

/// How many passes there were in two seconds: few, since waits grow to a second.
async fn backs_off(scene: &Scene, name: &str) -> Result<()> {
    // The first waits are short; they are over by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let count = async || -> Result<u64> {
        let live = scene.get(name).await?.live.context("no live view")?;
        Ok(live.sync_attempts)
    };
    let before = count().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let passes = count().await? - before;
    ensure!(passes <= 12, "{passes} passes in two seconds");
    Ok(())
}

/// A scene whose workspaces may mount folders below `root`.
async fn with_root(root: &Path) -> Result<Scene> {
    let roots = format!("[{:?}]", root.display().to_string());
    let settings: Vec<_> = QUICK.into_iter().chain([("projects.roots", roots.as_str())]).collect();
    Scene::set(&settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_image_is_told_and_heals_when_it_is_there() -> Result<()> {
    let mut scene = Scene::set(&QUICK).await?;
    let tag = scene.controller.label().rsplit('=').next().unwrap_or_default().to_owned();
    let missing = format!("trueup/missing:{tag}");
    scene.apply(&[("w", json!({"image": missing}))]).await?;
    let words = told(&scene, "w", "ImageNotFound").await;
    ensure!(words.contains(&format!("No such image: {missing}")), "{words}");
    backs_off(&scene, "w").await?;
    let options = TagImageOptionsBuilder::default().repo("trueup/missing").tag(&tag).build();
    scene.docker.tag_image(IMAGE, Some(options)).await?;
    scene.until_ready("w").await;
    let struck = scene.strike().await;
    scene.docker.remove_image(&missing, None::<RemoveImageOptions>, None).await?;
    struck
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_is_told() -> Result<()> {
    let mut scene = Scene::set(&QUICK).await?;
    // Nothing listens there, so that the engine fails at once and in its own words.
    let image = "127.0.0.1:1/nobody/nothing:1";
    scene.apply(&[("w", json!({"image": image, "imagePullPolicy": "IfNotPresent"}))]).await?;
    let words = told(&scene, "w", "PullFailed").await;
    ensure!(words.contains("127.0.0.1:1"), "{words}");
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told_and_heals_when_it_is_free() -> Result<()> {
    let mut scene = Scene::set(&QUICK).await?;
    let holder = TcpListener::bind("127.0.0.1:0")?;
    let port = holder.local_addr()?.port();
    let ports = json!({"ports": [{"container": 8080, "host": port}]});
    scene.apply(&[("w", ports)]).await?;
    let words = told(&scene, "w", "PortTaken").await;
    ensure!(words.contains(&port.to_string()) && words.contains("already"), "{words}");
    backs_off(&scene, "w").await?;
    drop(holder);
    scene.until_ready("w").await;
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_folder_that_is_gone_is_told_and_heals_when_it_is_back() -> Result<()> {
    let root = tempfile::tempdir()?;
    let path = root.path().join("project");
    let mut scene = with_root(root.path()).await?;
    scene.apply(&[("w", json!({"project": {"path": path}}))]).await?;
    let words = told(&scene, "w", "ProjectMissing").await;
    ensure!(words.contains("bind source path does not exist"), "{words}");
    backs_off(&scene, "w").await?;
    std::fs::create_dir(&path)?;
    scene.until_ready("w").await;
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_project_folder_is_refused_and_a_link_out_of_the_roots_is_told() -> Result<()> {
    let root = tempfile::tempdir()?;
    let mut scene = with_root(root.path()).await?;
    let outside = json!({"project": {"path": "/var/backups"}});
    let refused = scene.apply(&[("outside", outside)]).await;
    let words = format!("{:#}", refused.err().context("a folder outside was accepted")?);
    ensure!(words.contains("/var/backups"), "{words}");
    ensure!(scene.client.find(&key("outside")).await?.is_none(), "it was declared all the same");

    let path = root.path().join("project");
    scene.apply(&[("w", json!({"project": {"path": path}}))]).await?;
    told(&scene, "w", "ProjectMissing").await;
    symlink("/etc", &path)?;
    let words = told(&scene, "w", "ProjectForbidden").await;
    ensure!(words.contains("/etc"), "{words}");
    ensure!(scene.containers(Some("w")).await?.is_empty(), "a container was made all the same");
    std::fs::remove_file(&path)?;
    std::fs::create_dir(&path)?;
    scene.until_ready("w").await;
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_is_told_and_heals_when_it_is_corrected() -> Result<()> {
    let mut scene = Scene::set(&QUICK).await?;
    scene.apply(&[("w", json!({"command": ["/nonexistent"]}))]).await?;
    let words = told(&scene, "w", "CommandInvalid").await;
    ensure!(words.contains("/nonexistent"), "{words}");
    backs_off(&scene, "w").await?;
    scene.apply(&[("w", json!({}))]).await?;
    scene.until_ready("w").await;
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_never_answers_holds_up_nobody_else_and_no_wish_of_its_user() -> Result<()>
{
    // Accepts connections, which is all that it ever does.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let image = format!("{}/nothing:1", silent.local_addr()?);
    let mut scene = Scene::set(&[("reconcile.concurrency", "8")]).await?;
    scene.apply(&[("live", json!({}))]).await?;
    scene.until_ready("live").await;
    let names: Vec<_> = (0..12).map(|number| format!("p{number}")).collect();
    let pulling = json!({"image": image, "imagePullPolicy": "IfNotPresent"});
    let specs: Vec<_> = names.iter().map(|name| (name.as_str(), pulling.clone())).collect();
    scene.apply(&specs).await?;
    for name in &names {
        scene.until_phase(name, Phase::Pulling).await;
    }
    let id = scene.container_id("live").await?;
    let before = scene.container("live").await?.state.and_then(|state| state.started_at);
    scene.docker.kill_container(&id, None::<KillContainerOptions>).await?;
    eventually("live runs again", async || {
        let state = scene.container("live").await.map_err(|error| error.to_string())?.state;
        let state = state.unwrap_or_default();
        let is_back = state.running == Some(true) && state.started_at != before;
        is_back.then_some(()).ok_or(format!("{state:?}"))
    })
    .await;
    // Deleting all of them does not wait for the registry either.
    scene.strike().await
}
