//! A tiny model of an engine and of the pass that works on it: one workspace, one container, its
//! networks, volumes and image.
//!
//! It refuses what the real engine refuses, and panics at what no plan may ever ask for.

use crate::build::{self, unreachable};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use trueup_domain::{
    action::Action,
    container::{Container, ContainerConfig, ContainerState, HealthState, MountKind, NetworkMode},
    desired::Desired,
    error::{EngineError, ErrorClass, Reason},
    event::NewEvent,
    id::{ContainerId, ImageId, NetworkId},
    news,
    observed::{NetworkState, Observation, Observed, Presence, ProjectFolder},
    plan::{Plan, plan},
    policy::Policy,
    status::Failure,
    workspace::Workspace,
};

/// How long each engine call takes.
const CALL: SignedDuration = SignedDuration::from_millis(10);
/// How long the engine takes for what it does by itself.
const ENGINE_WORK: SignedDuration = SignedDuration::from_millis(700);

/// What goes wrong with one engine call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails and has done nothing.
    Fails,
    /// It is done, and nobody hears of it.
    DoneUnheard,
    /// The controller dies right after it; the pass is never recorded.
    Crash,
}

/// How the command behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Command {
    /// How long it lives; `None`: until it is ended.
    pub(crate) lives: Option<SignedDuration>,
    pub(crate) exit_code: i64,
    pub(crate) healthy: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) id: NetworkId,
    /// Whether other workspaces use it too.
    pub(crate) shared: bool,
}

/// The engine, the store and the time.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) policy: Policy,
    /// The stored row.
    pub(crate) workspace: Option<Workspace>,
    pub(crate) reachable: bool,
    pub(crate) container: Option<Container>,
    pub(crate) networks: BTreeMap<String, Network>,
    pub(crate) volumes: BTreeSet<String>,
    pub(crate) has_image: bool,
    pub(crate) registry_has_image: bool,
    pub(crate) project: ProjectFolder,
    pub(crate) command: Command,
    /// What goes wrong with the next calls, in their order; `None`: nothing.
    pub(crate) faults: Vec<Option<Fault>>,
    /// When the engine finishes a removal or a restart of its own.
    work_done_at: Option<Timestamp>,
    made: u32,
}

/// What one pass did, for a test to look at or to print.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) at: Timestamp,
    pub(crate) before: Workspace,
    pub(crate) first: Plan,
    pub(crate) last: Plan,
    pub(crate) attempts: Vec<String>,
    pub(crate) failed: bool,
    pub(crate) events: Vec<NewEvent>,
}

impl Pass {
    /// Whether the next pass should follow at once.
    pub(crate) fn calls_again(&self, now: Timestamp) -> bool {
        !self.last.finished
            && (!self.last.actions.is_empty() || self.last.wake_at.is_some_and(|at| at <= now))
    }
}

impl World {
    pub(crate) fn new(workspace: Workspace) -> Self {
        Self {
            now: build::start(),
            policy: build::policy(),
            workspace: Some(workspace),
            reachable: true,
            container: None,
            networks: BTreeMap::new(),
            volumes: BTreeSet::new(),
            has_image: false,
            registry_has_image: true,
            project: ProjectFolder::Allowed("/srv/projects/payments".to_owned()),
            command: Command { lives: None, exit_code: 0, healthy: true },
            faults: Vec::new(),
            work_done_at: None,
            made: 1,
        }
    }

    pub(crate) fn desired(&self) -> Option<Desired> {
        let workspace = Arc::new(self.workspace.clone()?);
        Some(Desired::new(workspace, &self.policy))
    }

    /// One pass: look, decide, do, look again, store. `None` when the controller died in it.
    pub(crate) fn pass(&mut self) -> Option<Pass> {
        let began = self.now;
        let desired = self.desired().unwrap();
        let before = (*desired.workspace).clone();
        let first = plan(&desired, &self.observe(&desired), self.now);
        let mut attempts = Vec::new();
        let mut failure = None;
        for action in &first.actions {
            match self.attempt(action)? {
                Ok(()) => attempts.push(action.to_string()),
                Err(error) => {
                    attempts.push(format!("{action}: {}: {}", error.reason, error.message));
                    failure = Some(self.failure(&desired, &error));
                    break;
                }
            }
        }
        let failed = failure.is_some();
        let last = if first.actions.is_empty() {
            first.clone()
        } else {
            let seen = Workspace { status: first.status.clone(), ..before.clone() };
            let desired = Desired { workspace: Arc::new(seen), failure, ..desired };
            plan(&desired, &self.observe(&desired), self.now)
        };
        let mut events = news::events(&before.status, &first.status, began);
        events.extend(news::events(&first.status, &last.status, self.now));
        let stored = Workspace { status: last.status.clone(), ..before.clone() };
        self.workspace = (!last.finished).then_some(stored);
        Some(Pass { at: began, before, first, last, attempts, failed, events })
    }

    fn failure(&self, desired: &Desired, error: &EngineError) -> Failure {
        Failure {
            operation: error.operation.to_owned(),
            reason: error.reason,
            message: error.message.clone(),
            at: self.now,
            generation: desired.workspace.generation,
        }
    }

    /// What a pass would see now.
    pub(crate) fn observe(&self, desired: &Desired) -> Observation {
        if !self.reachable {
            return Observation::of(Observed::Unknown(unreachable()));
        }
        let container = self.container.clone().map(Box::new);
        let network = desired.network.as_ref().and_then(|wanted| {
            let network = self.networks.get(&wanted.name)?;
            Some(NetworkState { id: network.id.clone(), used: self.is_used(&wanted.name) })
        });
        Observation {
            container: container.map_or(Observed::Absent, Observed::Present),
            image: if self.has_image { Presence::Here } else { Presence::Missing },
            network,
            volumes: self.volumes.iter().cloned().collect(),
            project: match &desired.workspace.spec.project {
                Some(_) => self.project.clone(),
                None => ProjectFolder::NotAsked,
            },
        }
    }

    pub(crate) fn is_used(&self, network: &str) -> bool {
        let ours = self.container.as_ref().is_some_and(|container| {
            matches!(&container.config.network, NetworkMode::Named { name } if name == network)
        });
        ours || self.networks.get(network).is_some_and(|network| network.shared)
    }

    /// When something will happen on the engine by itself.
    pub(crate) fn next_change(&self) -> Option<Timestamp> {
        let container = self.container.as_ref()?;
        match container.state {
            ContainerState::Removing | ContainerState::Restarting => self.work_done_at,
            ContainerState::Running => {
                let started = container.started_at?;
                let death = self.command.lives.map(|lives| started + lives);
                let health = (container.health == Some(HealthState::Starting))
                    .then_some(started + ENGINE_WORK);
                death.into_iter().chain(health).min()
            }
            _ => None,
        }
    }

    /// Lets the engine do what is due by now.
    pub(crate) fn tick(&mut self) {
        while let Some(due) = self.next_change().filter(|due| *due <= self.now) {
            let (command, health) = (self.command, self.health());
            let Some(container) = &mut self.container else { return };
            let death = container.started_at.zip(command.lives).map(|(at, lives)| at + lives);
            match container.state {
                ContainerState::Removing => self.container = None,
                ContainerState::Restarting => {
                    container.state = ContainerState::Running;
                    container.started_at = Some(due);
                }
                _ if death == Some(due) => end(container, due, command.exit_code),
                _ => container.health = Some(health),
            }
        }
    }

    fn health(&self) -> HealthState {
        if self.command.healthy { HealthState::Healthy } else { HealthState::Unhealthy }
    }

    /// Puts the container into a state that the engine leaves by itself.
    pub(crate) fn busy(&mut self, state: ContainerState) {
        self.work_done_at = Some(self.now + ENGINE_WORK);
        self.container.as_mut().unwrap().state = state;
    }

    /// Ends the command from outside.
    pub(crate) fn kill(&mut self, exit_code: i64) {
        self.now += CALL;
        let now = self.now;
        end(self.container.as_mut().unwrap(), now, exit_code);
    }

    /// Tries an action with the fault that is due. `None`: the controller died.
    fn attempt(&mut self, action: &Action) -> Option<Result<(), EngineError>> {
        self.now += CALL;
        let fault = if self.faults.is_empty() { None } else { self.faults.remove(0) };
        let outcome = match fault {
            Some(Fault::Fails) => Err((Reason::EngineFault, "out of luck".to_owned())),
            Some(Fault::DoneUnheard | Fault::Crash) | None => self.perform(action),
        };
        self.tick();
        match fault {
            Some(Fault::Crash) => None,
            Some(Fault::DoneUnheard) => {
                Some(Err(error(action, Reason::DeadlineExceeded, "no answer in time".to_owned())))
            }
            _ => Some(outcome.map_err(|(reason, message)| error(action, reason, message))),
        }
    }

    fn perform(&mut self, action: &Action) -> Result<(), (Reason, String)> {
        match action {
            Action::PullImage { image } => {
                self.has_image |= self.registry_has_image;
                let missing = (Reason::PullFailed, format!("no such image: {image}"));
                if self.has_image { Ok(()) } else { Err(missing) }
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
                assert!(self.container.is_none(), "a volume in use cannot be removed");
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
            Action::PauseContainer(id) => {
                self.turn(id, ContainerState::Running, ContainerState::Paused)
            }
            Action::UnpauseContainer(id) => {
                self.turn(id, ContainerState::Paused, ContainerState::Running)
            }
            Action::RenameContainer { container, to } => {
                self.find(container)?.config.name.clone_from(to);
                Ok(())
            }
            Action::UpdateResources { container, resources } => {
                self.find(container)?.config.resources = *resources;
                Ok(())
            }
        }
    }

    fn find(&mut self, id: &ContainerId) -> Result<&mut Container, (Reason, String)> {
        self.container
            .as_mut()
            .filter(|found| found.id == *id || found.config.name == id.as_str())
            .ok_or_else(|| (Reason::NotFound, format!("no such container: {id}")))
    }

    fn create(&mut self, config: &ContainerConfig) -> Result<(), (Reason, String)> {
        assert!(self.container.is_none(), "a second container beside the first");
        assert_safe(config);
        if !self.has_image {
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
            health: None,
            error: None,
            network_id: network,
            config: config.clone(),
        });
        Ok(())
    }

    fn start(&mut self, id: &ContainerId) -> Result<(), (Reason, String)> {
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

    fn remove(&mut self, id: &ContainerId) -> Result<(), (Reason, String)> {
        let Ok(container) = self.find(id) else { return Ok(()) };
        if container.state.has_process() {
            return refuse("its process was not ended");
        }
        self.container = None;
        Ok(())
    }

    fn turn(
        &mut self,
        id: &ContainerId,
        from: ContainerState,
        to: ContainerState,
    ) -> Result<(), (Reason, String)> {
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
    assert!(config.no_new_privileges && config.init, "a switch is off");
    assert!(config.capabilities.iter().all(|name| ALLOWED.contains(&name.as_str())));
    assert!(config.mounts.iter().all(|mount| !mount.source.contains("docker.sock")));
}

fn end(container: &mut Container, at: Timestamp, exit_code: i64) {
    container.state = ContainerState::Exited;
    container.finished_at = Some(at);
    container.exit_code = Some(exit_code);
    container.health = None;
}

fn refuse(message: &str) -> Result<(), (Reason, String)> {
    Err((Reason::Refused, message.to_owned()))
}

fn error(action: &Action, reason: Reason, message: String) -> EngineError {
    let class = match reason {
        Reason::DeadlineExceeded => ErrorClass::Unknown,
        _ => ErrorClass::Retryable,
    };
    EngineError { operation: action.operation(), class, reason, message }
}
