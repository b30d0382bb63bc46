//! What happens to containers behind trueup's back, and how long each is wrong.
//!
//! The time is taken from the moment the engine was told to do harm until the engine itself says
//! that all is well again and trueup says so too.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bollard::models::ContainerUpdateBody;
use bollard::query_parameters::{KillContainerOptions, RemoveContainerOptionsBuilder};
use tokio::time::Instant;

use super::stage::{Container, POLL, Stage, is_ready};

const PATIENCE: Duration = Duration::from_secs(30);

/// Kills a container's process.
pub(super) async fn kill(stage: &Stage, key: &str) -> Result<String> {
    let before = running(stage, key).await?;
    let begin = Instant::now();
    stage.docker.kill_container(&before.id, None::<KillContainerOptions>).await?;
    let took =
        healed(stage, key, begin, |now| now.running && now.started_at != before.started_at).await?;
    Ok(format!("{key}: killed       → running again after {took:?}"))
}

/// Removes a container.
pub(super) async fn remove(stage: &Stage, key: &str) -> Result<String> {
    let before = running(stage, key).await?;
    let begin = Instant::now();
    let force = RemoveContainerOptionsBuilder::default().force(true).build();
    stage.docker.remove_container(&before.id, Some(force)).await?;
    let took = healed(stage, key, begin, |now| now.running && now.id != before.id).await?;
    Ok(format!("{key}: removed      → a new one runs after {took:?}"))
}

/// Doubles a container's memory limit.
pub(super) async fn alter(stage: &Stage, key: &str) -> Result<String> {
    let before = running(stage, key).await?;
    let doubled = before.memory * 2;
    let begin = Instant::now();
    let update = ContainerUpdateBody {
        memory: Some(doubled),
        memory_swap: Some(doubled),
        ..ContainerUpdateBody::default()
    };
    stage.docker.update_container(&before.id, update).await?;
    // The engine may show the old limit again by the time it is asked. That the new one was ever
    // there is proved by the event of the repair.
    let took =
        healed(stage, key, begin, |now| now.id == before.id && now.memory == before.memory).await?;
    Ok(format!("{key}: memory doubled → as declared again after {took:?}"))
}

/// The newest event of a repair, as `trueup events` shows it. It is there once the pass that mended has
/// looked again and is recorded, which may be after the engine shows that all is well.
pub(super) async fn repair_event(stage: &Stage, key: &str) -> Result<String> {
    let begin = Instant::now();
    loop {
        let events = stage.trueup(&["events", key])?;
        if let Some(repair) = events.lines().rev().find(|line| line.contains("recovery")) {
            return Ok(repair.to_owned());
        }
        if begin.elapsed() > PATIENCE {
            bail!("no event tells of the repair of {key} within {PATIENCE:?}");
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn running(stage: &Stage, key: &str) -> Result<Container> {
    let container = stage.container(key).await?.filter(|container| container.running);
    container.with_context(|| format!("{key} does not run"))
}

/// Waits until the engine says that all is well, and then until trueup does; the time of the first.
async fn healed(
    stage: &Stage,
    key: &str,
    begin: Instant,
    is_well: impl Fn(&Container) -> bool,
) -> Result<Duration> {
    while !stage.container(key).await?.is_some_and(|container| is_well(&container)) {
        if begin.elapsed() > PATIENCE {
            bail!("{key} was not repaired within {PATIENCE:?}");
        }
        tokio::time::sleep(POLL).await;
    }
    let took = begin.elapsed();
    while !is_ready(&stage.workspace(key)?) {
        if begin.elapsed() > PATIENCE {
            bail!("{key} was repaired, and trueup does not say so within {PATIENCE:?}");
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(Duration::from_millis(u64::try_from(took.as_millis())?))
}
