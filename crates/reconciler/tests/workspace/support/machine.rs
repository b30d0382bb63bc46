//! What the engine holds and what each action does to it, as far as the engine facts matter here.
//!
//! The name is the mutex: a second creation finds the first. A failed start leaves the container
//! created. What nobody may ever do panics: a second container of one workspace, a volume in use
//! removed.

use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use trueup_domain::{
    action::Action,
    container::{Container, ContainerConfig, ContainerState, MountKind, NetworkMode},
    error::Reason,
    id::{ContainerId, ImageId, NetworkId},
    label,
};

type Refusal = (Reason, &'static str);

/// The objects of an engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Machine {
    pub(crate) containers: BTreeMap<ContainerId, Container>,
    pub(crate) networks: BTreeMap<String, NetworkId>,
    /// By name, with the workspace that the label names.
    pub(crate) volumes: BTreeMap<String, String>,
    pub(crate) images: BTreeSet<String>,
    /// Somebody else has the host's port.
    pub(crate) port_taken: bool,
    made: u32,
}

impl Machine {
    pub(crate) fn perform(&mut self, action: &Action, now: Timestamp) -> Result<(), Refusal> {
        match action {
            Action::PullImage { image } => {
                self.images.insert(image.to_string());
            }
            Action::EnsureNetwork(network) => {
                self.made += 1;
                let id = NetworkId::new(format!("n{}", self.made));
                self.networks.entry(network.name.clone()).or_insert(id);
            }
            Action::EnsureVolume { name, labels } => {
                self.volumes.insert(name.clone(), labels[label::WORKSPACE_ID].clone());
            }
            Action::CreateContainer(config) => return self.create(config),
            Action::StartContainer(id) => return self.start(id, now),
            Action::StopContainer { container, .. } => {
                let container = self.at(container)?;
                if container.state.has_process() {
                    end(container, now, 143);
                }
            }
            Action::KillContainer(id) => {
                if self.at(id)?.state.has_process() {
                    end(self.at(id)?, now, 137);
                }
            }
            Action::PauseContainer(id) => return self.turn(id, ContainerState::Paused),
            Action::UnpauseContainer(id) => return self.turn(id, ContainerState::Running),
            Action::RenameContainer { container, to } => {
                self.at(container)?.config.name.clone_from(to);
            }
            Action::UpdateResources { container, resources } => {
                let config = &mut self.at(container)?.config;
                config.resources = *resources;
                (config.restart, config.swap) = (false, false);
            }
            Action::RemoveContainer(id) => {
                self.containers.remove(id);
            }
            Action::RemoveNetwork { name } => {
                if !self.is_used(name) {
                    self.networks.remove(name);
                }
            }
            Action::RemoveVolume { name } => {
                assert!(!self.is_mounted(name), "the volume {name} is in use");
                self.volumes.remove(name);
            }
        }
        Ok(())
    }

    /// By id or by name.
    pub(crate) fn find(&self, id: &ContainerId) -> Option<&Container> {
        let named = |container: &&Container| container.config.name == id.as_str();
        self.containers.get(id).or_else(|| self.containers.values().find(named))
    }

    pub(crate) fn at(&mut self, id: &ContainerId) -> Result<&mut Container, Refusal> {
        let id = self.find(id).map(|container| container.id.clone());
        id.and_then(|id| self.containers.get_mut(&id))
            .ok_or((Reason::NotFound, "no such container"))
    }

    pub(crate) fn is_used(&self, network: &str) -> bool {
        let on = |container: &Container| matches!(&container.config.network, NetworkMode::Named { name } if name == network);
        self.containers.values().any(on)
    }

    /// Whether no other container of the same workspace has a process.
    fn is_alone(&self, id: &ContainerId) -> bool {
        let Some(container) = self.find(id) else { return true };
        let workspace = container.label(label::WORKSPACE_ID);
        let mut others = self.containers.values().filter(|other| other.id != container.id);
        !others
            .any(|other| other.state.has_process() && other.label(label::WORKSPACE_ID) == workspace)
    }

    fn is_mounted(&self, volume: &str) -> bool {
        let mounts = self.containers.values().flat_map(|container| &container.config.mounts);
        mounts.filter(|mount| mount.kind == MountKind::Volume).any(|mount| mount.source == volume)
    }

    fn create(&mut self, config: &ContainerConfig) -> Result<(), Refusal> {
        let workspace = config.labels.get(label::WORKSPACE_ID).map(String::as_str);
        if let Some(holder) = self.find(&ContainerId::new(config.name.clone())) {
            let is_ours = holder.label(label::WORKSPACE_ID) == workspace;
            return if is_ours { Ok(()) } else { Err((Reason::NameConflict, "the name is taken")) };
        }
        let mut others = self.containers.values();
        assert!(
            !others.any(|other| {
                other.label(label::WORKSPACE_ID) == workspace
                    && !other.config.name.ends_with("-previous")
            }),
            "a second container beside the first"
        );
        if !self.images.contains(&config.image) {
            return Err((Reason::ImageNotFound, "no such image"));
        }
        let volumes = config.mounts.iter().filter(|mount| mount.kind == MountKind::Volume);
        for volume in volumes {
            assert!(self.volumes.contains_key(&volume.source), "a volume without our label");
        }
        self.made += 1;
        let id = ContainerId::new(format!("c{}", self.made));
        let network_id = match &config.network {
            NetworkMode::Named { name } => self.networks.get(name).cloned(),
            NetworkMode::None | NetworkMode::Bridge => None,
        };
        let container = Container {
            id: id.clone(),
            state: ContainerState::Created,
            image_id: ImageId::new("sha256:1"),
            started_at: None,
            finished_at: None,
            exit_code: None,
            oom_killed: false,
            restart_count: 0,
            published: std::collections::BTreeSet::new(),
            health: None,
            error: None,
            network_id,
            attached: [config.network.network().to_owned()].into(),
            config: config.clone(),
        };
        self.containers.insert(id, container);
        Ok(())
    }

    fn start(&mut self, id: &ContainerId, now: Timestamp) -> Result<(), Refusal> {
        let (networks, port_taken) = (self.networks.clone(), self.port_taken);
        let is_alone = self.is_alone(id);
        let container = self.at(id)?;
        assert!(is_alone, "two containers of one workspace run at once");
        match container.state {
            ContainerState::Running | ContainerState::Restarting => return Ok(()),
            ContainerState::Created | ContainerState::Exited => {}
            _ => return Err((Reason::Refused, "it cannot be started")),
        }
        if let NetworkMode::Named { name } = &container.config.network
            && networks.get(name) != container.network_id.as_ref()
        {
            return Err((Reason::NetworkMissing, "its network is gone"));
        }
        if port_taken {
            return Err((Reason::PortTaken, "port is already allocated"));
        }
        container.state = ContainerState::Running;
        container.started_at = Some(now);
        container.exit_code = None;
        Ok(())
    }

    fn turn(&mut self, id: &ContainerId, to: ContainerState) -> Result<(), Refusal> {
        let container = self.at(id)?;
        if !matches!(container.state, ContainerState::Running | ContainerState::Paused) {
            return Err((Reason::Refused, "it does not run"));
        }
        container.state = to;
        Ok(())
    }
}

/// Ends a container's process.
pub(crate) fn end(container: &mut Container, at: Timestamp, exit_code: i64) {
    container.state = ContainerState::Exited;
    container.finished_at = Some(at);
    container.exit_code = Some(exit_code);
}
