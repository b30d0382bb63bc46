//! What an engine really holds of one controller, asked of the engine itself.
//!
//! Containers are inspected one by one, as the engine's list is stale for a moment after a death.

use crate::scene::Scene;
use anyhow::{Context, Result};
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{InspectContainerOptions, ListNetworksOptionsBuilder};
use futures::future::try_join_all;
use jiff::Timestamp;
use std::collections::HashMap;
use tokio::time::Instant;

/// Everything that carries the controller's label.
pub(super) struct World {
    pub(super) containers: Vec<Seen>,
    /// Names with the id of the workspace that each belongs to, if it is not a shared one. The engine
    /// allows two networks of one name.
    pub(super) networks: Vec<(String, Option<String>)>,
    pub(super) volumes: Vec<String>,
    /// When the containers had been listed.
    pub(super) at: Instant,
}

/// A container as one inspect showed it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// When the engine answered, which it does not while it starts the container.
    pub(super) at: Instant,
    pub(super) id: String,
    pub(super) name: String,
    /// The id of the workspace that it says it belongs to.
    pub(super) workspace: String,
    pub(super) state: String,
    pub(super) pid: i64,
    pub(super) started_at: Option<Timestamp>,
    pub(super) exit_code: Option<i64>,
    pub(super) env: Vec<String>,
    pub(super) volumes: Vec<String>,
    pub(super) networks: Vec<String>,
}

impl World {
    pub(super) async fn look(scene: &Scene) -> Result<Self> {
        let rows = scene.containers(None).await.context("list containers")?;
        let at = Instant::now();
        let looks = rows.into_iter().filter_map(|row| row.id).map(|id| inspect(scene, id));
        let containers = try_join_all(looks).await?.into_iter().flatten().collect();
        let filters = HashMap::from([("label", vec![scene.controller.label()])]);
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let networks = scene.docker.list_networks(Some(options)).await.context("list networks")?;
        let networks = networks.into_iter().map(|network| {
            let owner = network.labels.and_then(|mut all| all.remove("trueup.workspace-id"));
            (network.name.unwrap_or_default(), owner)
        });
        let volumes = scene.left().await?.volumes;
        Ok(Self { containers, networks: networks.collect(), volumes, at })
    }

    /// When the engine told about a workspace: the last of its containers, or that it has none.
    pub(super) fn told_at(&self, workspace: &str) -> Instant {
        self.of(workspace).map(|seen| seen.at).max().unwrap_or(self.at)
    }

    /// The containers of a workspace.
    pub(super) fn of(&self, workspace: &str) -> impl Iterator<Item = &Seen> {
        self.containers.iter().filter(move |seen| seen.workspace == workspace)
    }
}

/// A container, unless it has gone since it was listed.
async fn inspect(scene: &Scene, id: String) -> Result<Option<Seen>> {
    match scene.docker.inspect_container(&id, None::<InspectContainerOptions>).await {
        Ok(found) => Ok(Some(read(found))),
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(error).context("inspect"),
    }
}

fn read(found: ContainerInspectResponse) -> Seen {
    let config = found.config.unwrap_or_default();
    let state = found.state.unwrap_or_default();
    let word = state.status.map(|status| status.to_string()).unwrap_or_default();
    // The engine's word for "never" is the year 1, and a code of 0 means nothing before an end.
    let time = |text: Option<String>| {
        let text = text.filter(|text| !text.starts_with("0001"))?;
        text.parse::<Timestamp>().ok()
    };
    let exit_code = state.exit_code.filter(|_| matches!(word.as_str(), "exited" | "dead"));
    let networks = found.network_settings.and_then(|settings| settings.networks);
    Seen {
        at: Instant::now(),
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        workspace: config
            .labels
            .unwrap_or_default()
            .remove("trueup.workspace-id")
            .unwrap_or_default(),
        state: word,
        pid: state.pid.unwrap_or_default(),
        started_at: time(state.started_at),
        exit_code,
        env: config.env.unwrap_or_default(),
        volumes: found.mounts.into_iter().flatten().filter_map(|mount| mount.name).collect(),
        networks: networks.unwrap_or_default().into_keys().collect(),
    }
}
