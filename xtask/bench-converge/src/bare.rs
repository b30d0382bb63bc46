//! The floor: the engine's API and nothing else, so many containers at a time.

use std::time::Duration;

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions,
    StopContainerOptions,
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use crate::pattern::Pattern;
use crate::stage::Stage;
use crate::watch::Watch;

/// How the containers are ended.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// Killed and removed in one call.
    Force,
    /// Stopped first, as trueup does it.
    Gentle,
}

/// Containers of the bare side, by number.
pub struct Bare<'a> {
    stage: &'a Stage,
    pattern: &'a Pattern,
}

impl<'a> Bare<'a> {
    pub fn new(stage: &'a Stage, pattern: &'a Pattern) -> Self {
        Self { stage, pattern }
    }

    /// The name of a container.
    pub fn name(&self, number: usize) -> String {
        format!("trueup-bench-{}-{number}", self.stage.run())
    }

    /// Creates and starts that many: how long it took until all of them ran.
    pub async fn bring_up(&self, count: usize, parallel: usize) -> Result<Duration> {
        let docker = &self.stage.docker;
        let mut watch = Watch::open(docker, &self.stage.label()).await?;
        let begin = Instant::now();
        let work = (0..count).map(|number| self.make(docker, number));
        stream::iter(work).buffer_unordered(parallel).try_collect::<()>().await?;
        Ok(watch.all_running(count).await? - begin)
    }

    /// Ends and removes that many: how long it took until none was left.
    pub async fn take_down(&self, count: usize, parallel: usize, end: End) -> Result<Duration> {
        let docker = &self.stage.docker;
        let mut watch = Watch::open(docker, &self.stage.label()).await?;
        let begin = Instant::now();
        let work = (0..count).map(|number| self.end(docker, number, end));
        stream::iter(work).buffer_unordered(parallel).try_collect::<()>().await?;
        Ok(watch.all_gone(count).await? - begin)
    }

    async fn make(&self, docker: &Docker, number: usize) -> Result<()> {
        let name = self.name(number);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let created = docker.create_container(Some(options), self.pattern.body(number)).await;
        created.with_context(|| format!("create {name}"))?;
        let started = docker.start_container(&name, None::<StartContainerOptions>).await;
        started.with_context(|| format!("start {name}"))
    }

    async fn end(&self, docker: &Docker, number: usize, end: End) -> Result<()> {
        let name = self.name(number);
        if matches!(end, End::Gentle) {
            let stopped = docker.stop_container(&name, None::<StopContainerOptions>).await;
            stopped.with_context(|| format!("stop {name}"))?;
        }
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let removed = docker.remove_container(&name, Some(options)).await;
        removed.with_context(|| format!("remove {name}"))
    }
}
