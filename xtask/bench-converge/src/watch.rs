//! What the engine says has happened, and when we heard of it: the one yardstick for all sides.
//!
//! A container counts once, however often an event about it is told. The reader does nothing but
//! note the time, so that a busy measurement does not make its events look late.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bollard::Docker;
use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder};
use futures::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

/// How many events may wait to be counted; a round has fewer.
const BOUND: usize = 65_536;
/// What takes this long has failed.
const DEADLINE: Duration = Duration::from_mins(5);

/// An event of a container.
#[derive(Debug)]
struct Sighting {
    action: String,
    container: String,
    at: Instant,
}

/// Events of the containers with one label, from the opening on.
pub struct Watch {
    docker: Docker,
    label: String,
    sightings: mpsc::Receiver<Result<Sighting>>,
    reader: AbortHandle,
}

impl Watch {
    /// From now on, by the engine's own clock.
    pub async fn open(docker: &Docker, label: &str) -> Result<Self> {
        let now = docker.info().await.context("ask the engine for the time")?.system_time;
        let now: Timestamp = now.context("the engine has no time")?.parse()?;
        let filters = HashMap::from([("type", vec!["container"]), ("label", vec![label])]);
        let options = EventsOptionsBuilder::default()
            .since(&format!("{}.{:09}", now.as_second(), now.subsec_nanosecond()))
            .filters(&filters)
            .build();
        let mut events = docker.events(Some(options));
        let (send, sightings) = mpsc::channel(BOUND);
        let reader = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let sighting = match event {
                    Ok(event) => sighting(event),
                    Err(error) => Some(Err(error.into())),
                };
                let Some(sighting) = sighting else { continue };
                if send.send(sighting).await.is_err() {
                    return;
                }
            }
        });
        let (docker, label) = (docker.clone(), label.to_owned());
        Ok(Self { docker, label, sightings, reader: reader.abort_handle() })
    }

    /// When so many containers had started and all of them run.
    pub async fn all_running(&mut self, count: usize) -> Result<Instant> {
        let at = self.nth("start", count).await?;
        let running = self.count(&[("status", vec!["running"])]).await?;
        ensure!(running == count, "{running} containers run instead of {count}");
        Ok(at)
    }

    /// When so many containers were removed and none is left.
    pub async fn all_gone(&mut self, count: usize) -> Result<Instant> {
        let at = self.nth("destroy", count).await?;
        let left = self.count(&[]).await?;
        ensure!(left == 0, "{left} containers are left");
        Ok(at)
    }

    /// When this is next told of a container that satisfies `is_wanted`.
    pub async fn next(
        &mut self,
        action: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Instant> {
        loop {
            let seen = self.sighting().await.with_context(|| format!("wait for a {action}"))?;
            if seen.action == action && is_wanted(&seen.container) {
                return Ok(seen.at);
            }
        }
    }

    async fn nth(&mut self, action: &str, count: usize) -> Result<Instant> {
        let mut seen = HashSet::new();
        loop {
            let sighting = self.sighting().await;
            let sighting = sighting
                .with_context(|| format!("{} of {count} containers had a {action}", seen.len()))?;
            if sighting.action == action && seen.insert(sighting.container) && seen.len() == count {
                return Ok(sighting.at);
            }
        }
    }

    async fn sighting(&mut self) -> Result<Sighting> {
        let next = timeout(DEADLINE, self.sightings.recv()).await;
        next.with_context(|| format!("nothing happened for {DEADLINE:?}"))?
            .context("the engine's events have ended")?
            .context("read the engine's events")
    }

    async fn count(&self, more: &[(&str, Vec<&str>)]) -> Result<usize> {
        let mut filters: HashMap<_, _> = more.iter().cloned().collect();
        filters.insert("label", vec![self.label.as_str()]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        Ok(self.docker.list_containers(Some(options)).await.context("list containers")?.len())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn sighting(event: EventMessage) -> Option<Result<Sighting>> {
    Some(Ok(Sighting { action: event.action?, container: event.actor?.id?, at: Instant::now() }))
}
