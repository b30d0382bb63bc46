//! A private engine, a controller on it and a fleet of workspaces; and what every fault has in common:
//! unrest before and during it, and the judgement afterwards.

use super::fleet::Fleet;
use super::stopwatch::{Look, Recovered, Stopwatch};
use super::truth::report;
use super::victim::Victim;
use super::world::World;
use crate::scene::{Scene, eventually};
use anyhow::{Context, Result, bail, ensure};
use bollard::Docker;
use bollard::query_parameters::KillContainerOptions;
use futures::{StreamExt, stream::FuturesUnordered};
use std::time::Duration;
use tokio::time::Instant;
use trueup_api::WorkspaceFilter;
use trueup_api::domain::spec::DesiredState::{Paused, Running, Stopped};
use trueup_api::wire::{Verb, WorkspaceView};
use trueup_tests::dockerd::{Dockerd, Network, Setup};
use trueup_tests::engine::Endpoint;

/// Fields end in their order: the scene cleans up on the engine, so it is the first.
pub(super) struct Stage {
    pub(super) scene: Scene,
    pub(super) fleet: Fleet,
    pub(super) dockerd: Dockerd,
}

/// How long the way back to rest may take after a fault.
const REST_DEADLINE: Duration = Duration::from_secs(90);
/// Between the beginnings of two looks. One takes long while the engine is busy, so that some may be
/// under way at once.
const POLL: Duration = Duration::from_millis(100);
const LOOKS: usize = 6;
const SETTINGS: [(&str, &str); 2] =
    [("engine.resync", "3s"), ("network.strict_range", "10.216.0.0/20")];

impl Stage {
    /// Eight workspaces on a private engine, at rest and with a file in each volume.
    pub(super) async fn set(live_restore: bool, settings: &[(&str, &str)]) -> Result<Self> {
        let dockerd = launch(live_restore).await?;
        let endpoint = dockerd.endpoint()?;
        Self::set_before(dockerd, &endpoint, settings).await
    }

    /// The same, while the controller goes through another endpoint.
    pub(super) async fn set_before(
        dockerd: Dockerd,
        endpoint: &Endpoint,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut stage = Self::empty(dockerd, endpoint, settings).await?;
        let states = [Running, Running, Running, Running, Running, Running, Stopped, Paused];
        let names: Vec<_> = (0..states.len()).map(|number| format!("w{number}")).collect();
        let names = names.iter().map(String::as_str);
        let fleet = &mut stage.fleet;
        let specs: Vec<_> =
            names.zip(states).map(|(name, state)| (name, fleet.note(name, state))).collect();
        stage.scene.apply(&specs).await?;
        stage.come_to_rest().await?;
        Ok(stage)
    }

    /// Without any workspace.
    pub(super) async fn empty(
        dockerd: Dockerd,
        endpoint: &Endpoint,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let settings: Vec<_> = SETTINGS.iter().chain(settings).copied().collect();
        let mut scene = Scene::set_on(endpoint, &settings).await?;
        // The judge looks at the engine itself, whatever the controller goes through.
        let direct: Docker = dockerd.client()?;
        scene.docker = direct;
        Ok(Self { scene, fleet: Fleet::default(), dockerd })
    }

    /// Waits for rest without telling how long it took, and marks new volumes.
    pub(super) async fn come_to_rest(&mut self) -> Result<()> {
        self.recover("set-up", Instant::now()).await?;
        self.fleet.mark(&self.scene).await
    }

    /// What users ask for right before a fault, so that it comes into the middle of the work.
    pub(super) async fn unrest_before(&mut self) {
        self.fleet.declare(&self.scene, "w0", Running).await;
        self.fleet.ask(&self.scene, "w1", Verb::Stop).await;
        self.fleet.ask(&self.scene, "w6", Verb::Start).await;
    }

    /// What users ask for during a fault, and a container that dies unseen.
    pub(super) async fn unrest_during(&mut self, victim: Option<Victim>) -> Result<()> {
        self.fleet.declare(&self.scene, "w2", Running).await;
        self.fleet.delete(&self.scene, "w3", true).await;
        self.fleet.delete(&self.scene, "w4", false).await;
        self.fleet.ask(&self.scene, "w7", Verb::Start).await;
        self.fleet.declare(&self.scene, "new0", Running).await;
        self.fleet.declare(&self.scene, "new1", Running).await;
        victim.map_or(Ok(()), Victim::kill)
    }

    /// The process of a workspace that nobody asks anything for.
    pub(super) async fn victim(&self) -> Result<Victim> {
        let workspace = self.scene.get("w5").await?.workspace.id.to_string();
        let world = World::look(&self.scene).await?;
        let seen = world.of(&workspace).next().context("w5 has no container")?;
        Ok(Victim { container: seen.id.clone(), pid: seen.pid })
    }

    /// Kills the containers of workspaces through the engine itself, and waits until that has been done.
    pub(super) async fn kill(&self, names: &[&str]) -> Result<()> {
        let world = World::look(&self.scene).await?;
        for name in names {
            let workspace = self.scene.get(name).await?.workspace.id.to_string();
            let seen = world.of(&workspace).next();
            let seen = seen.with_context(|| format!("{name} has no container"))?;
            self.scene.docker.kill_container(&seen.id, None::<KillContainerOptions>).await?;
            // It may be started again before anybody sees that it has ended.
            eventually(&format!("{name} killed"), async || {
                let world = World::look(&self.scene).await.map_err(|error| format!("{error:#}"))?;
                let lives = world.of(&workspace).any(|now| now.pid == seen.pid);
                (!lives).then_some(()).ok_or_else(|| "alive".to_owned())
            })
            .await;
        }
        Ok(())
    }

    /// Waits until everything is right again after a fault that ended at `end`, tells how long it took,
    /// and makes sure that it stays so.
    pub(super) async fn judge(&mut self, fault: &str, end: Instant) -> Result<()> {
        let recovered = self.recover(fault, end).await?;
        eprintln!("{}", report(fault, &recovered.truth, recovered.rest));
        self.stays(fault).await?;
        self.fleet.mark(&self.scene).await
    }

    /// Waits until everything is at rest, as declared and truly told.
    pub(super) async fn recover(&self, fault: &str, end: Instant) -> Result<Recovered> {
        let mut stopwatch = Stopwatch::since(end);
        let deadline = Instant::now() + REST_DEADLINE;
        let mut ticks = tokio::time::interval(POLL);
        let mut looks = FuturesUnordered::new();
        let mut why = "nothing was seen".to_owned();
        while Instant::now() < deadline {
            let look = tokio::select! {
                _ = ticks.tick(), if looks.len() < LOOKS => {
                    looks.push(self.look());
                    continue;
                }
                Some(look) = looks.next() => look,
            };
            why = match look {
                Ok(look) => {
                    stopwatch.note(&look);
                    match self.fleet.check(&look.after, &look.world) {
                        Ok(()) => return Ok(stopwatch.stop(&look.after)),
                        Err(why) => why,
                    }
                }
                Err(error) => format!("{error:#}"),
            };
        }
        bail!("{fault}: not at rest after {REST_DEADLINE:?}: {why}")
    }

    /// Has every workspace looked at once more, which must change nothing.
    pub(super) async fn stays(&self, fault: &str) -> Result<()> {
        let before = self.look().await?.after;
        self.scene.client.sync(None).await?;
        for view in &before {
            let attempts = attempts(view);
            let name = view.workspace.metadata.name.as_str();
            self.scene.until(name, |view| attempts < self::attempts(view) && is_idle(view)).await;
        }
        let Look { after, world, .. } = self.look().await?;
        if let Err(why) = self.fleet.check(&after, &world) {
            bail!("{fault}: it did not stay at rest: {why}");
        }
        for (before, after) in before.iter().zip(&after) {
            let (before, after) = (&before.workspace.status, &after.workspace.status);
            ensure!(before.says_the_same(after), "{fault}: {before:?} became {after:?}");
        }
        Ok(())
    }

    /// Deletes everything and proves that nothing is left.
    pub(super) async fn strike(mut self) -> Result<()> {
        self.fleet.remove_kept(&self.scene).await?;
        self.scene.strike().await
    }

    /// The engine between two looks at what is told.
    pub(super) async fn look(&self) -> Result<Look> {
        let filter = WorkspaceFilter::default();
        let before = self.scene.client.list(&filter).await?.items;
        let world = World::look(&self.scene).await?;
        let after = self.scene.client.list(&filter).await?.items;
        Ok(Look { before, world, after, at: Instant::now() })
    }
}

/// A private engine for a stage.
pub(super) async fn launch(live_restore: bool) -> Result<Dockerd> {
    Dockerd::launch_as(Setup { network: Network::None, live_restore }).await
}

fn attempts(view: &WorkspaceView) -> u64 {
    view.live.as_ref().map_or(0, |live| live.sync_attempts)
}

fn is_idle(view: &WorkspaceView) -> bool {
    view.live.as_ref().is_some_and(|live| !live.queued && !live.running)
}
