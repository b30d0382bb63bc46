//! The host's side: folders and ports, as far as a container needs them.

use super::{
    Model,
    refusal::{Refusal, Why},
};
use std::collections::BTreeSet;
use trueup_domain::{
    container::{ContainerConfig, NetworkMode, PortBinding},
    id::ContainerId,
    spec::Protocol,
};

/// Where the engine begins to choose ports.
const FIRST_PORT: u16 = 49_153;

#[derive(Debug, Default)]
pub(crate) struct Host {
    /// All others are there.
    missing_folders: BTreeSet<String>,
    /// Those that processes of the host itself listen on.
    taken_ports: BTreeSet<u16>,
}

impl Host {
    pub(super) fn lacks_folder(&self, path: &str) -> bool {
        self.missing_folders.contains(path)
    }
}

impl Model {
    /// Whether the host has the folder; every folder is there until this says otherwise.
    pub fn set_folder(&mut self, path: &str, is_there: bool) {
        if is_there {
            self.host.missing_folders.remove(path);
        } else {
            self.host.missing_folders.insert(path.to_owned());
        }
    }

    /// Whether a process of the host itself listens on the port.
    pub fn set_port_taken(&mut self, port: u16, is_taken: bool) {
        if is_taken {
            self.host.taken_ports.insert(port);
        } else {
            self.host.taken_ports.remove(&port);
        }
    }

    /// The ports of a container about to start, with those that the engine chooses.
    pub(super) fn bind_ports(
        &self,
        id: &ContainerId,
        config: &ContainerConfig,
    ) -> Result<BTreeSet<PortBinding>, Refusal> {
        let mut bound = BTreeSet::new();
        if config.network == NetworkMode::None {
            return Ok(bound);
        }
        for port in &config.ports {
            let number = match port.host {
                Some(number) if self.is_free(number, port.protocol, &port.address) => number,
                Some(number) => return Err(port_taken(&config.name, id, &port.address, number)),
                None => (FIRST_PORT..u16::MAX)
                    .find(|number| {
                        let is_ours = |other: &PortBinding| other.host == Some(*number);
                        self.is_free(*number, port.protocol, "") && !bound.iter().any(is_ours)
                    })
                    .ok_or_else(|| Refusal::new(500, Why::PortTaken, "all ports are allocated"))?,
            };
            bound.insert(PortBinding { host: Some(number), ..port.clone() });
        }
        Ok(bound)
    }

    fn is_free(&self, number: u16, protocol: Protocol, address: &str) -> bool {
        let any = |address: &str| matches!(address, "" | "0.0.0.0");
        let collides = |other: &PortBinding| {
            other.host == Some(number)
                && other.protocol == protocol
                && (any(address) || any(&other.address) || other.address == address)
        };
        let running = self.containers.values().filter(|held| held.process.is_some());
        !self.host.taken_ports.contains(&number)
            && !running.flat_map(|held| &held.body.published).any(collides)
    }
}

fn port_taken(name: &str, id: &ContainerId, address: &str, port: u16) -> Refusal {
    let message = format!(
        "driver failed programming external connectivity on endpoint {name} ({id}): Bind for \
         {address}:{port} failed: port is already allocated"
    );
    Refusal::new(500, Why::PortTaken, message)
}
