//! The disk that the store is on becomes full and has room again.

use super::stage::{Stage, launch};
use anyhow::{Context, Result, ensure};
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use std::time::Duration;
use tokio::time::Instant;
use trueup_api::domain::spec::DesiredState::{Running, Stopped};
use trueup_api::{Error, ProblemKind};
use trueup_tests::small_disk::SmallDisk;

const MEBIBYTES: u32 = 16;
/// Until a store that lives on what it had allocated before has nothing left.
const REFUSAL_DEADLINE: Duration = Duration::from_secs(30);
const LASTS: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn after_the_disk_of_the_store_was_full_all_is_right_again() -> Result<()> {
    let disk = SmallDisk::mount(MEBIBYTES)?;
    let path = disk.path().join("trueup.db");
    let path = path.to_str().context("a path in UTF-8")?;
    let dockerd = launch(false).await?;
    let endpoint = dockerd.endpoint()?;
    let mut stage = Stage::set_before(dockerd, &endpoint, &[("store.path", path)]).await?;

    disk.fill()?;
    let deadline = Instant::now() + REFUSAL_DEADLINE;
    let refused = loop {
        let spec = stage.fleet.note("w0", Running);
        let answer = stage.scene.apply(&[("w0", spec)]).await;
        if is_refused(&answer) {
            break Instant::now();
        }
        answer?;
        ensure!(Instant::now() < deadline, "a full disk refuses nothing");
    };
    disk.fill()?;
    stage.kill(&["w1", "w2"]).await?;
    let container = stage.scene.container_id("w5").await?;
    let force = RemoveContainerOptionsBuilder::default().force(true).build();
    stage.scene.docker.remove_container(&container, Some(force)).await?;
    // Whether this is refused or there was still room is told by the answer alone.
    let stopped = stage.fleet.note("w4", Stopped);
    let accepted = stage.scene.apply(&[("w4", stopped)]).await.is_ok();
    tokio::time::sleep_until(refused + LASTS).await;
    let readiness = stage.scene.client.readiness().await?;
    ensure!(!readiness.ok, "it says that it can work: {readiness:?}");
    disk.make_room()?;
    let end = Instant::now();
    // What was refused is asked for again, as a user would.
    stage.fleet.declare(&stage.scene, "w0", Running).await;
    if !accepted {
        stage.fleet.declare(&stage.scene, "w4", Stopped).await;
    }
    stage.judge("store-disk-full", end).await?;
    stage.strike().await
}

/// Whether the store has no room, which is what a full disk is told as.
fn is_refused(answer: &Result<()>) -> bool {
    let error = answer.as_ref().err().and_then(|error| error.downcast_ref::<Error>());
    matches!(error, Some(Error::Refused(problem)) if problem.kind == ProblemKind::Unavailable)
}
