//! The engine's own statistics, asked for in its two ways: a stream for each container, or one answer
//! at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::query_parameters::{StatsOptions, StatsOptionsBuilder};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How many answers are waited for at once.
const PARALLEL: usize = 50;

fn streamed() -> StatsOptions {
    StatsOptionsBuilder::default().stream(true).build()
}

fn one_shot() -> StatsOptions {
    StatsOptionsBuilder::default().stream(false).one_shot(true).build()
}

/// Follows all containers for that long, from when each has told something; `begin` is called then.
pub async fn follow(
    docker: &Docker,
    containers: &[String],
    time: Duration,
    begin: impl FnOnce() -> Result<()>,
) -> Result<u64> {
    let count = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for container in containers {
        let (docker, container, count) = (docker.clone(), container.clone(), Arc::clone(&count));
        readers.spawn(async move {
            let mut samples = docker.stats(&container, Some(streamed()));
            while let Some(Ok(_)) = samples.next().await {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while count.load(Ordering::Relaxed) < containers.len() as u64 * 2 {
        sleep(Duration::from_millis(100)).await;
    }
    let before = count.load(Ordering::Relaxed);
    begin()?;
    sleep(time).await;
    Ok(count.load(Ordering::Relaxed) - before)
}

/// Asks for one answer of each container after the other, over and over.
pub async fn ask(docker: &Docker, containers: &[String], time: Duration) -> Result<u64> {
    let deadline = Instant::now() + time;
    let mut count = 0;
    while Instant::now() < deadline {
        let answers = containers.iter().map(|container| async move {
            let mut answer = docker.stats(container, Some(one_shot()));
            answer.try_next().await?.context("no answer")?;
            anyhow::Ok(())
        });
        stream::iter(answers).buffer_unordered(PARALLEL).try_collect::<()>().await?;
        count += containers.len() as u64;
    }
    Ok(count)
}
