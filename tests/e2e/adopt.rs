//! A container that somebody else made is taken over as it runs, and kept until its declaration changes.

use crate::scene::{Scene, eventually, is_ready, key};
use anyhow::{Context, Result, ensure};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use serde_json::{Value, json};
use trueup_api::domain::condition::ConditionType;
use trueup_api::domain::status::Phase;
use trueup_api::wire::Verb;
use trueup_tests::image::{IMAGE, PROGRAM};

/// What somebody made with `docker run`; removed with its test, as nothing else knows of it.
struct Stranger {
    docker: Docker,
    name: String,
    id: String,
}

impl Stranger {
    /// A container called so that runs, with the host's part of its configuration.
    async fn run(scene: &Scene, name: &str, host: HostConfig) -> Result<Self> {
        let docker = scene.docker.clone();
        let body = ContainerCreateBody {
            image: Some(IMAGE.to_owned()),
            cmd: Some([PROGRAM, "sleep"].map(str::to_owned).into()),
            env: Some(vec!["EDITOR=vim".to_owned()]),
            // An init hears of TERM, so that nobody waits for the end of the grace.
            host_config: Some(HostConfig { init: Some(true), ..host }),
            ..Default::default()
        };
        let instance = scene.controller.label().replace("trueup.instance-id=", "");
        let name = format!("{name}-{instance}");
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let id = docker.create_container(Some(options), body).await?.id;
        let stranger = Self { docker, name, id };
        stranger.docker.start_container(&stranger.id, None::<StartContainerOptions>).await?;
        Ok(stranger)
    }

    async fn inspect(&self) -> Result<ContainerInspectResponse> {
        Ok(self.docker.inspect_container(&self.id, None::<InspectContainerOptions>).await?)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let (docker, id) = (self.docker.clone(), self.id.clone());
        // A runtime cannot be blocked on from inside another one. It may well be gone.
        let sweep = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            runtime.is_ok_and(|it| it.block_on(docker.remove_container(&id, Some(options))).is_ok())
        });
        let _ = sweep.join();
    }
}

/// Runs `trueup adopt` and reads what it says as JSON; an error is its words.
fn adopt(scene: &Scene, container: &str, flags: &[&str]) -> Result<Value> {
    let line = ["--owner", "tester", "adopt", container, "-o", "json"]
        .into_iter()
        .chain(flags.iter().copied());
    let output = scene.controller.trueup(line)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{error}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The id of the container that the status names.
async fn recorded(scene: &Scene, name: &str) -> Result<String> {
    let status = scene.get(name).await?.workspace.status;
    Ok(status.container.context("no container")?.id.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_container_is_kept_as_it_runs_and_is_stopped_and_started_as_any_other()
-> Result<()> {
    let mut scene = Scene::set(&[("engine.resync", "1s")]).await?;
    let stranger = Stranger::run(&scene, "db", HostConfig::default()).await?;
    let before = stranger.inspect().await?;
    let adopted = adopt(&scene, &stranger.name, &["--name", "db"])?;
    ensure!(adopted["container"] == json!(stranger.id), "{adopted:#}");
    ensure!(adopted["spec"]["env"] == json!({"EDITOR": "vim"}), "{adopted:#}");
    ensure!(adopted["leftAlone"].as_array().is_some_and(|all| !all.is_empty()), "{adopted:#}");
    scene.until_ready("db").await;
    ensure!(recorded(&scene, "db").await? == stranger.id, "another container is recorded");
    scene.client.sync(Some(&key("db"))).await?;
    scene.controller.kill();
    scene.controller.restart()?;
    scene.until_ready("db").await;
    let after = stranger.inspect().await?;
    ensure!(after.name == before.name, "it was renamed");
    let started = |found: &ContainerInspectResponse| {
        found.state.as_ref().and_then(|state| state.started_at.clone())
    };
    ensure!(started(&after) == started(&before), "it was restarted");
    ensure!(after.host_config == before.host_config, "its limits were altered");

    scene.verb("db", Verb::Stop).await?;
    scene.until_phase("db", Phase::Stopped).await;
    ensure!(stranger.inspect().await?.state.and_then(|state| state.running) == Some(false));
    scene.verb("db", Verb::Start).await?;
    scene.until_ready("db").await;
    ensure!(recorded(&scene, "db").await? == stranger.id, "it was replaced");
    ensure!(scene.containers(None).await?.is_empty(), "another one was made beside it");
    scene.strike().await?;
    ensure!(stranger.inspect().await.is_err(), "its workspace is gone and it is not");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_container_gives_way_to_one_of_ours_when_its_declaration_changes_or_it_is_gone()
-> Result<()> {
    let mut scene = Scene::set(&[("engine.resync", "1s")]).await?;
    let changed = Stranger::run(&scene, "changed", HostConfig::default()).await?;
    let removed = Stranger::run(&scene, "removed", HostConfig::default()).await?;
    for stranger in [&changed, &removed] {
        let name = stranger.name.split('-').next().unwrap_or_default();
        adopt(&scene, &stranger.id, &["--name", name])?;
        scene.until_ready(name).await;
    }
    scene.apply(&[("changed", json!({"env": {"EDITOR": "nano"}}))]).await?;
    let force = RemoveContainerOptionsBuilder::default().force(true).build();
    scene.docker.remove_container(&removed.id, Some(force)).await?;
    for stranger in [&changed, &removed] {
        let name = stranger.name.split('-').next().unwrap_or_default();
        scene
            .until(name, |view| {
                let container = view.workspace.status.container.as_ref();
                is_ready(view) && container.is_some_and(|one| one.id.as_str() != stranger.id)
            })
            .await;
        // Found by its labels.
        let own = scene.container(name).await?;
        ensure!(own.id == Some(recorded(&scene, name).await?), "{name}");
        eventually("the adopted one gone", async || match stranger.inspect().await {
            Err(_) => Ok(()),
            Ok(found) => Err(found.state),
        })
        .await;
    }
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_container_is_taken_back_when_the_one_in_its_place_does_not_come_up()
-> Result<()> {
    let mut scene = Scene::set(&[("engine.resync", "1s")]).await?;
    let stranger = Stranger::run(&scene, "kept", HostConfig::default()).await?;
    adopt(&scene, &stranger.id, &["--name", "kept"])?;
    scene.until_ready("kept").await;
    let refused = json!({"image": "trueup/there-is-none:1", "imagePullPolicy": "Never"});
    for change in [json!({"command": [PROGRAM, "exit", "3"]}), refused] {
        scene.apply(&[("kept", change)]).await?;
        scene
            .until("kept", |view| {
                let trouble = view.workspace.status.conditions.get(ConditionType::Degraded);
                let words = trouble.map(|found| found.reason.as_str());
                is_ready(view)
                    && ["RolledBack", "ImageNotFound"].contains(&words.unwrap_or_default())
            })
            .await;
        ensure!(recorded(&scene, "kept").await? == stranger.id, "another one has its place");
        let found = stranger.inspect().await?;
        ensure!(found.state.and_then(|state| state.running) == Some(true), "it does not run");
        scene.controller.kill();
        scene.controller.restart()?;
    }
    scene.strike().await?;
    ensure!(stranger.inspect().await.is_err(), "its workspace is gone and it is not");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_controller_made_or_reaches_the_host_is_not_adopted_and_not_touched()
-> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    let mut other = Scene::set(&[]).await?;
    other.apply(&[("theirs", json!({}))]).await?;
    other.until_ready("theirs").await;
    let theirs = other.container_id("theirs").await?;
    let host = HostConfig { network_mode: Some("host".to_owned()), ..Default::default() };
    let sharing = Stranger::run(&scene, "sharing", host).await?;
    let cases = [
        (theirs.as_str(), "carries the label `trueup."),
        (&sharing.id, "shares the host's network"),
        ("no-such-container", "no container `no-such-container`"),
    ];
    for (container, why) in cases {
        let refusal = adopt(&scene, container, &["--name", "w"]).expect_err("it was adopted");
        ensure!(refusal.to_string().contains(why), "{refusal}");
    }
    let running = sharing.inspect().await?.state.and_then(|state| state.running);
    ensure!(running == Some(true), "the refused one was touched");
    let taken = Stranger::run(&scene, "taken", HostConfig::default()).await?;
    adopt(&scene, &taken.id, &["--name", "first"])?;
    let refusal =
        adopt(&scene, &taken.id, &["--name", "second"]).expect_err("it was adopted twice");
    ensure!(refusal.to_string().contains("tester/first has adopted"), "{refusal}");
    ensure!(other.container_id("theirs").await? == theirs);
    scene.strike().await?;
    other.strike().await
}
