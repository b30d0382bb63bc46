//! The engine's side of the model: what each action does, and what is refused.

use super::{Network, World, end};
use trueup_domain::{
    action::Action,
    container::{Container, ContainerConfig, ContainerState, HealthState, MountKind, NetworkMode},
    error::Reason,
    id::{ContainerId, ImageId, NetworkId},
    observed::ProjectFolder,
};

/// Why a call is refused.
type Refusal = (Reason, String);

impl World {
    /// Does what an action asks for.
    pub(super) fn perform(&mut self, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::PullImage { image } => {
                if !self.registry_answers {
                    return Err((Reason::PullFailed, format!("no answer about {image}")));
                }
                self.images.insert(image.to_string());
                Ok(())
            }
            Action::EnsureNetwork(network) => {
                self.made += 1;
                let id = NetworkId::new(format!("n{}", self.made));
                let new = Network { id, shared: false };
                self.networks.entry(network.name.clone()).or_insert(new);
                Ok(())
            }
            Action::EnsureVolume { name, .. } => {
                self.volumes.insert(name.clone());
                Ok(())
            }
            Action::CreateContainer(config) => self.create(config),
            Action::RemoveNetwork { name } => {
                if !self.is_used(name) {
                    self.networks.remove(name);
                }
                Ok(())
            }
            Action::RemoveVolume { name } => {
                let deletion = self.workspace.as_ref().unwrap().deletion.as_ref();
                assert!(deletion.is_some_and(|deletion| deletion.volumes), "nobody said to");
                let none = self.container.is_none() && self.previous.is_none();
                assert!(none, "a volume in use cannot be removed");
                self.volumes.remove(name);
                Ok(())
            }
            Action::RemoveContainer(id) => self.remove(id),
            Action::StartContainer(id) => self.start(id),
            Action::StopContainer { container: id, .. } => {
                let now = self.now;
                let container = self.find(id)?;
                match container.state {
                    ContainerState::Paused => return refuse("it is frozen and hears nothing"),
                    state if state.has_process() => end(container, now, 143),
                    _ => {}
                }
                Ok(())
            }
            Action::KillContainer(id) => {
                let now = self.now;
                let container = self.find(id)?;
                if container.state.has_process() {
                    end(container, now, 137);
                }
                Ok(())
            }
            Action::PauseContainer(id) => {
                self.turn(id, ContainerState::Running, ContainerState::Paused)
            }
            Action::UnpauseContainer(id) => {
                self.turn(id, ContainerState::Paused, ContainerState::Running)
            }
            Action::RenameContainer { container, to } => self.rename(container, to),
            Action::UpdateResources { container, resources } => {
                let swap = self.swaps_always;
                let config = &mut self.find(container)?.config;
                config.resources = *resources;
                (config.restart, config.swap) = (false, swap);
                Ok(())
            }
        }
    }

    fn find(&mut self, id: &ContainerId) -> Result<&mut Container, Refusal> {
        self.container
            .iter_mut()
            .chain(&mut self.previous)
            .find(|found| found.id == *id || found.config.name == id.as_str())
            .ok_or_else(|| (Reason::NotFound, format!("no such container: {id}")))
    }

    /// The name says which of the two a container is.
    fn rename(&mut self, id: &ContainerId, to: &str) -> Result<(), Refusal> {
        let is_it = |found: &mut Container| found.id == *id;
        let renamed = self.container.take_if(is_it).or_else(|| self.previous.take_if(is_it));
        let Some(mut renamed) = renamed else {
            return Err((Reason::NotFound, format!("no such container: {id}")));
        };
        to.clone_into(&mut renamed.config.name);
        let place =
            if to.ends_with("-previous") { &mut self.previous } else { &mut self.container };
        assert!(place.is_none(), "the name {to} is taken");
        *place = Some(renamed);
        Ok(())
    }

    fn create(&mut self, config: &ContainerConfig) -> Result<(), Refusal> {
        assert!(self.container.is_none(), "a second container beside the first");
        assert_safe(config);
        if !self.images.contains(&config.image) {
            return Err((Reason::ImageNotFound, format!("no such image: {}", config.image)));
        }
        let binds = config.mounts.iter().any(|mount| mount.kind == MountKind::Bind);
        if binds && self.project == ProjectFolder::Missing {
            return Err((Reason::ProjectMissing, "the folder does not exist".to_owned()));
        }
        for mount in config.mounts.iter().filter(|mount| mount.kind == MountKind::Volume) {
            assert!(self.volumes.contains(&mount.source), "a volume that is not labelled");
        }
        self.made += 1;
        let network = match &config.network {
            NetworkMode::Named { name } => self.networks.get(name).map(|net| net.id.clone()),
            NetworkMode::None | NetworkMode::Bridge => None,
        };
        self.container = Some(Container {
            id: ContainerId::new(format!("c{}", self.made)),
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
            network_id: network,
            attached: [config.network.network().to_owned()].into(),
            config: ContainerConfig { swap: self.swaps_always, ..config.clone() },
        });
        Ok(())
    }

    fn start(&mut self, id: &ContainerId) -> Result<(), Refusal> {
        let (now, networks) = (self.now, self.networks.clone());
        let container = self.find(id)?;
        match container.state {
            ContainerState::Running | ContainerState::Restarting => return Ok(()),
            ContainerState::Created | ContainerState::Exited => {}
            ContainerState::Paused | ContainerState::Removing | ContainerState::Dead => {
                return refuse("it cannot be started");
            }
        }
        if let NetworkMode::Named { name } = &container.config.network {
            let present = networks.get(name).map(|network| &network.id);
            if present.is_none() || present != container.network_id.as_ref() {
                return Err((Reason::NetworkMissing, format!("network {name} not found")));
            }
        }
        container.state = ContainerState::Running;
        container.started_at = Some(now);
        container.exit_code = None;
        container.health = container.config.health.as_ref().map(|_| HealthState::Starting);
        Ok(())
    }

    fn remove(&mut self, id: &ContainerId) -> Result<(), Refusal> {
        let Ok(container) = self.find(id) else { return Ok(()) };
        if container.state.has_process() {
            return refuse("its process was not ended");
        }
        let is_it = |found: &mut Container| found.id == *id || found.config.name == id.as_str();
        if self.container.take_if(is_it).is_none() {
            self.previous.take_if(is_it);
        }
        Ok(())
    }

    fn turn(
        &mut self,
        id: &ContainerId,
        from: ContainerState,
        to: ContainerState,
    ) -> Result<(), Refusal> {
        let container = self.find(id)?;
        if container.state != from && container.state != to {
            return refuse("it does not run");
        }
        container.state = to;
        Ok(())
    }
}

/// What no container of ours may ever be.
pub(crate) fn assert_safe(config: &ContainerConfig) {
    const ALLOWED: [&str; 9] = [
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "NET_BIND_SERVICE",
        "SETGID",
        "SETUID",
        "SYS_CHROOT",
    ];
    assert!(!config.privileged, "privileged");
    assert!(!config.restart && !config.swap, "restarted by the engine, or with swap");
    assert!(config.no_new_privileges && config.init, "a switch is off");
    assert!(config.capabilities.iter().all(|name| ALLOWED.contains(&name.as_str())));
    assert!(config.mounts.iter().all(|mount| !mount.source.contains("docker.sock")));
}

fn refuse(message: &str) -> Result<(), Refusal> {
    Err((Reason::Refused, message.to_owned()))
}
