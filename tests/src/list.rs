//! What an engine holds that carries a label: the proof that nothing was left behind, and the
//! broom if something was.
//!
//! Listing sees stopped containers and unused networks too. Deliberately absent: images, which
//! tests share.

use std::collections::HashMap;

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};

/// Names of the objects that carry a label, each list sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labelled {
    /// Containers in any state, without the leading slash.
    pub containers: Vec<String>,
    /// Networks.
    pub networks: Vec<String>,
    /// Volumes.
    pub volumes: Vec<String>,
}

impl Labelled {
    /// Nothing carries the label.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }
}

/// Everything that carries `label`, written as `key` or `key=value`.
pub async fn labelled(docker: &Docker, label: &str) -> Result<Labelled> {
    let filters = HashMap::from([("label", vec![label])]);
    let containers = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let networks = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let volumes = ListVolumesOptionsBuilder::default().filters(&filters).build();

    let containers = docker.list_containers(Some(containers)).await.context("list containers")?;
    let networks = docker.list_networks(Some(networks)).await.context("list networks")?;
    let volumes = docker.list_volumes(Some(volumes)).await.context("list volumes")?;
    Ok(Labelled {
        containers: sorted(containers.into_iter().filter_map(|container| {
            let name = container.names?.into_iter().next()?;
            Some(name.trim_start_matches('/').to_owned())
        })),
        networks: sorted(networks.into_iter().filter_map(|network| network.name)),
        volumes: sorted(volumes.volumes.into_iter().flatten().map(|volume| volume.name)),
    })
}

/// Removes everything that carries `label`, running containers and named volumes included.
pub async fn remove(docker: &Docker, label: &str) -> Result<()> {
    let found = labelled(docker, label).await?;
    for name in &found.containers {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        docker
            .remove_container(name, Some(options))
            .await
            .with_context(|| format!("remove container {name}"))?;
    }
    for name in &found.networks {
        docker.remove_network(name).await.with_context(|| format!("remove network {name}"))?;
    }
    for name in &found.volumes {
        docker
            .remove_volume(name, None::<RemoveVolumeOptions>)
            .await
            .with_context(|| format!("remove volume {name}"))?;
    }
    Ok(())
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
