//! The engine that everything happens on, and the broom.
//!
//! Invariant: what is made on the engine carries a label that was claimed here before, or is the
//! swarm that was claimed; [`Stage::sweep`] takes all of it away, however far the work has come.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::models::LocalNodeState;
use bollard::query_parameters::LeaveSwarmOptionsBuilder;
use tokio::time::{sleep, timeout};
use trueup_tests::dockerd::{Dockerd, Network};
use trueup_tests::engine::{self, Endpoint};
use trueup_tests::{image, list};

/// The key of the label on everything but trueup's own; the value tells two runs apart.
const LABEL_KEY: &str = "trueup-bench.converge";
/// The key of the label on what holds the networks and is not counted.
const ANCHOR_KEY: &str = "trueup-bench.anchor";
/// The network that an engine makes for its swarms and does not remove with them.
const GATEWAY: &str = "docker_gwbridge";
const SWEEP_DEADLINE: Duration = Duration::from_mins(5);
const SWEEP_ATTEMPTS: u32 = 5;

/// The engine and what was made on it.
pub struct Stage {
    pub endpoint: Endpoint,
    pub docker: Docker,
    run: String,
    claims: Mutex<Claims>,
    /// The engine, if it is this run's own; it goes with this.
    _private: Option<Dockerd>,
}

#[derive(Clone, Default)]
struct Claims {
    labels: Vec<String>,
    swarm: Option<Swarm>,
}

/// A swarm that this run has made.
#[derive(Clone, Copy)]
struct Swarm {
    had_gateway: bool,
}

impl Stage {
    /// Finds the engine and puts the image there.
    pub async fn set(is_private: bool) -> Result<Self> {
        let private =
            if is_private { Some(Dockerd::launch_with(Network::Bridge).await?) } else { None };
        let endpoint = match &private {
            Some(private) => private.endpoint()?,
            None => engine::find().await?,
        };
        let docker = endpoint.client()?;
        image::ensure(&docker).await?;
        let run = std::process::id().to_string();
        let stage = Self { endpoint, docker, run, claims: Mutex::default(), _private: private };
        stage.claim(&stage.label());
        stage.claim(&format!("{ANCHOR_KEY}={}", stage.run));
        Ok(stage)
    }

    /// Part of the names of all that is made, so that two runs do not meet.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The key and the value of the label on whatever is not made by trueup itself.
    pub fn label_pair(&self) -> (String, String) {
        (LABEL_KEY.to_owned(), self.run.clone())
    }

    /// The label on a container that only holds a network.
    pub fn anchor_pair(&self) -> (String, String) {
        (ANCHOR_KEY.to_owned(), self.run.clone())
    }

    /// The label on whatever is not made by trueup itself, as `key=value`.
    pub fn label(&self) -> String {
        format!("{LABEL_KEY}={}", self.run)
    }

    /// Whatever carries this label is to be removed at the end.
    pub fn claim(&self, label: &str) {
        self.change(|claims| claims.labels.push(label.to_owned()));
    }

    /// The engine is about to become a swarm, which is to be undone at the end.
    pub async fn claim_swarm(&self) {
        let had_gateway = self.has_gateway().await;
        self.change(|claims| claims.swarm = Some(Swarm { had_gateway }));
    }

    /// Ends the swarm, if this run has made one.
    pub async fn leave_swarm(&self) -> Result<()> {
        let Some(swarm) = self.change(|claims| claims.swarm) else { return Ok(()) };
        if self.is_in_swarm().await? {
            let force = LeaveSwarmOptionsBuilder::default().force(true).build();
            self.docker.leave_swarm(Some(force)).await.context("leave the swarm")?;
        }
        if !swarm.had_gateway && self.has_gateway().await {
            self.docker.remove_network(GATEWAY).await.context("remove the swarm's gateway")?;
        }
        self.change(|claims| claims.swarm = None);
        Ok(())
    }

    /// Whether the engine is part of a swarm, or on the way to one.
    pub async fn is_in_swarm(&self) -> Result<bool> {
        let info = self.docker.info().await.context("ask the engine for its swarm")?;
        let state = info.swarm.and_then(|swarm| swarm.local_node_state);
        let none = [LocalNodeState::EMPTY, LocalNodeState::INACTIVE];
        Ok(state.is_some_and(|state| !none.contains(&state)))
    }

    /// Removes all that was made. The engine may still be busy with what was interrupted, so it is
    /// tried a few times.
    pub async fn sweep(&self) -> Result<()> {
        let sweep = async {
            let mut attempt = 1;
            loop {
                match self.sweep_once().await {
                    Err(error) if attempt < SWEEP_ATTEMPTS => {
                        eprintln!("cleaning up once more: {error:#}");
                        attempt += 1;
                        sleep(Duration::from_secs(1)).await;
                    }
                    outcome => return outcome,
                }
            }
        };
        timeout(SWEEP_DEADLINE, sweep)
            .await
            .context("cleaning up took too long")?
            .with_context(|| format!("something with the label {} is left", self.label()))
    }

    async fn sweep_once(&self) -> Result<()> {
        self.leave_swarm().await?;
        for label in self.change(|claims| claims.labels.clone()) {
            list::remove(&self.docker, &label).await?;
        }
        Ok(())
    }

    async fn has_gateway(&self) -> bool {
        let options = None::<bollard::query_parameters::InspectNetworkOptions>;
        self.docker.inspect_network(GATEWAY, options).await.is_ok()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Claims) -> T) -> T {
        change(&mut self.claims.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
