//! The container that all sides make: what trueup made of its manifest, read back from the engine.
//!
//! So the bare API makes the same kind of container by construction, on the very networks that
//! trueup has made: the same limits, capabilities and init. Only names and labels differ, and there
//! are as many labels. A container that never starts holds each network, as trueup removes one with
//! its last user: nobody's time includes the making of a network.

use anyhow::{Context, Result};
use bollard::models::{ContainerCreateBody, ContainerInspectResponse};
use bollard::query_parameters::CreateContainerOptionsBuilder;

use crate::stage::Stage;

/// A container to make more of.
pub struct Pattern {
    body: ContainerCreateBody,
    /// The networks over which they are spread.
    networks: Vec<String>,
}

impl Pattern {
    /// Of a container that trueup has made, on the networks that it has made.
    pub async fn read(
        stage: &Stage,
        container: ContainerInspectResponse,
        networks: Vec<String>,
    ) -> Result<Self> {
        let config = container.config.context("the container has no configuration")?;
        let labels = config.labels.unwrap_or_default();
        let plain = labels.into_iter().map(|(key, value)| (format!("trueup-bench.{key}"), value));
        let body = ContainerCreateBody {
            image: config.image,
            entrypoint: config.entrypoint,
            cmd: config.cmd,
            env: config.env,
            labels: Some(plain.chain([stage.label_pair()]).collect()),
            host_config: container.host_config,
            ..ContainerCreateBody::default()
        };
        let pattern = Self { body, networks };
        for number in 0..pattern.networks.len() {
            pattern.hold_network(stage, number).await?;
        }
        Ok(pattern)
    }

    async fn hold_network(&self, stage: &Stage, number: usize) -> Result<()> {
        let labels = Some([stage.anchor_pair()].into());
        let body = ContainerCreateBody { labels, ..self.body(number) };
        let name = format!("trueup-bench-{}-anchor-{number}", stage.run());
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let created = stage.docker.create_container(Some(options), body).await;
        created.with_context(|| format!("create {name}"))?;
        Ok(())
    }

    /// The body for the container with this number.
    pub fn body(&self, number: usize) -> ContainerCreateBody {
        let mut body = self.body.clone();
        body.hostname = Some(format!("bench-{number}"));
        if let Some(host) = &mut body.host_config {
            host.network_mode = self.network(number).map(str::to_owned);
        }
        body
    }

    /// The network of the container with this number; `None` where trueup has made none.
    pub fn network(&self, number: usize) -> Option<&str> {
        let place = number.checked_rem(self.networks.len())?;
        self.networks.get(place).map(String::as_str)
    }

    /// The image and the command.
    pub fn program(&self) -> (String, Vec<String>) {
        (self.body.image.clone().unwrap_or_default(), self.body.cmd.clone().unwrap_or_default())
    }
}
