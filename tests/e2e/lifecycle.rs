//! From declaration to deletion, by a user's own verbs.

use crate::scene::{Scene, eventually, key};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use trueup_api::domain::status::{Phase, WorkspaceStatus};
use trueup_api::wire::Verb;

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_follows_its_user_s_verbs_and_leaves_nothing_behind() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.apply(&[("w", json!({"volumes": [{"name": "home", "target": "/home/dev"}]}))]).await?;
    scene.until_ready("w").await;
    let first = scene.container_id("w").await?;

    scene.verb("w", Verb::Stop).await?;
    let stopped = scene.until_phase("w", Phase::Stopped).await;
    ensure!(stopped.workspace.status.status == WorkspaceStatus::Inactive);
    stays_stopped(&scene).await?;

    scene.verb("w", Verb::Start).await?;
    scene.until_ready("w").await;
    ensure!(scene.container_id("w").await? == first, "a start made a new container");

    scene.verb("w", Verb::Pause).await?;
    scene.until_phase("w", Phase::Paused).await;
    let paused = scene.container("w").await?.state.and_then(|state| state.paused);
    ensure!(paused == Some(true));
    scene.verb("w", Verb::Resume).await?;
    scene.until_ready("w").await;

    scene.verb("w", Verb::Archive).await?;
    let archived = scene.until_phase("w", Phase::Archived).await;
    ensure!(archived.workspace.status.status == WorkspaceStatus::Archived);
    let left = scene.left().await?;
    ensure!(left.containers.is_empty() && left.volumes.len() == 1, "{left:?}");

    scene.verb("w", Verb::Start).await?;
    scene.until_ready("w").await;
    scene.strike().await
}

/// A user's stop is no mishap: neither a sync nor time undoes it.
async fn stays_stopped(scene: &Scene) -> Result<()> {
    let finished = scene.container("w").await?.state.and_then(|state| state.finished_at);
    for _ in 0..4 {
        scene.client.sync(Some(&key("w"))).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let state = scene.container("w").await?.state.unwrap_or_default();
        ensure!(state.running == Some(false) && state.finished_at == finished, "it was started");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_keeps_named_volumes_unless_it_is_told_otherwise() -> Result<()> {
    let scene = Scene::set(&[]).await?;
    let volume = json!({"volumes": [{"name": "home", "target": "/home/dev"}]});
    scene.apply(&[("kept", volume.clone()), ("taken", volume)]).await?;
    scene.until_ready("kept").await;
    scene.until_ready("taken").await;
    scene.client.delete(&key("kept"), false).await?;
    scene.client.delete(&key("taken"), true).await?;
    for name in ["kept", "taken"] {
        eventually("deleted", async || match scene.client.find(&key(name)).await {
            Ok(None) => Ok(()),
            found => Err(format!("{found:?}")),
        })
        .await;
    }
    let left = scene.left().await?;
    ensure!(left.containers.is_empty() && left.networks.is_empty(), "{left:?}");
    ensure!(left.volumes.len() == 1 && left.volumes[0].contains("kept"), "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_applied_again_does_not_undo_a_stop() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    scene.apply(&[("w", json!({}))]).await?;
    scene.until_ready("w").await;
    scene.verb("w", Verb::Stop).await?;
    scene.until_phase("w", Phase::Stopped).await;
    scene.apply(&[("w", json!({}))]).await?;
    stays_stopped(&scene).await?;
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_isolation_comes_up_and_what_it_promises_is_so() -> Result<()> {
    let mut scene = Scene::set(&[("network.strict_range", "10.213.0.0/24")]).await?;
    let isolated = |level: &str| json!({"isolation": level, "user": "1000:1000"});
    let levels = ["basic", "standard", "strict"];
    let specs: Vec<_> = levels.iter().map(|level| (*level, isolated(level))).collect();
    scene.apply(&specs).await?;
    for level in levels {
        scene.until_ready(level).await;
        let host = scene.container(level).await?.host_config.unwrap_or_default();
        ensure!(host.privileged != Some(true), "{level} is privileged");
        ensure!(host.cap_drop == Some(vec!["ALL".to_owned()]), "{level}: {:?}", host.cap_drop);
        let options = host.security_opt.unwrap_or_default();
        ensure!(options.iter().any(|option| option.starts_with("no-new-privileges")));
        ensure!(host.init == Some(true), "{level} has no init");
        ensure!(host.memory == Some(32 << 20) && host.pids_limit == Some(32), "{level}'s limits");
        ensure!(host.readonly_rootfs.unwrap_or_default() == (level == "strict"), "{level}'s root");
    }
    let networks = scene.left().await?.networks;
    ensure!(networks.len() == 2, "one shared and one own network: {networks:?}");
    scene.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_the_engine_chose_is_told_and_answers() -> Result<()> {
    let mut scene = Scene::set(&[]).await?;
    let served = json!({"command": ["/workload", "serve", "8080"], "ports": [{"container": 8080}]});
    scene.apply(&[("w", served.clone())]).await?;
    let view = scene.until_ready("w").await;
    let ports = view.workspace.status.container.map(|container| container.ports);
    let port = ports.as_ref().and_then(|ports| ports.first()?.host);
    let port = port.context(format!("no port is told: {ports:?}"))?;
    let answer = eventually("an answer", async || {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    })
    .await;
    ensure!(answer.starts_with("HTTP/1."), "{answer}");

    // Where no network is to be had, ports are refused instead of silently left out.
    let mut strict = served;
    strict["isolation"] = json!("strict");
    let refused = scene.apply(&[("strict", strict)]).await.err().context("it was accepted")?;
    ensure!(format!("{refused:#}").contains("network.strict_range"), "{refused:#}");
    scene.strike().await
}
