//! The daemon dies, restarts, or stops where it is.

use super::stage::Stage;
use anyhow::Result;
use std::time::Duration;
use tokio::time::Instant;

const FROZEN_FOR: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn after_the_daemon_was_killed_all_is_right_again() -> Result<()> {
    let mut stage = Stage::set(false, &[]).await?;
    let victim = stage.victim().await?;
    stage.unrest_before().await;
    stage.dockerd.kill().await?;
    stage.unrest_during(Some(victim)).await?;
    stage.dockerd.start().await?;
    stage.judge("dockerd-killed", Instant::now()).await?;
    stage.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_the_daemon_that_ends_its_containers_all_is_right_again() -> Result<()> {
    let mut stage = Stage::set(false, &[]).await?;
    stage.unrest_before().await;
    stage.dockerd.stop().await?;
    stage.unrest_during(None).await?;
    stage.dockerd.start().await?;
    stage.judge("dockerd-restarted", Instant::now()).await?;
    stage.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_the_daemon_that_keeps_its_containers_all_is_right_again() -> Result<()>
{
    let mut stage = Stage::set(true, &[]).await?;
    let victim = stage.victim().await?;
    stage.unrest_before().await;
    stage.dockerd.stop().await?;
    stage.unrest_during(Some(victim)).await?;
    stage.dockerd.start().await?;
    stage.judge("dockerd-restarted-live", Instant::now()).await?;
    stage.strike().await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_daemon_froze_for_a_while_all_is_right_again() -> Result<()> {
    let mut stage = Stage::set(false, &[]).await?;
    let victim = stage.victim().await?;
    stage.unrest_before().await;
    stage.dockerd.freeze()?;
    let thaw_at = Instant::now() + FROZEN_FOR;
    let unrest = stage.unrest_during(Some(victim)).await;
    tokio::time::sleep_until(thaw_at).await;
    stage.dockerd.thaw()?;
    unrest?;
    stage.judge("dockerd-frozen", Instant::now()).await?;
    stage.strike().await
}
