//! A tiny model of an engine and of the pass that works on it: one workspace, one container, its
//! networks, volumes and image.
//!
//! It refuses what the real engine refuses, and panics at what no plan may ever ask for.

mod engine;

pub(crate) use engine::assert_safe;

use crate::build::{self, unreachable};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use trueup_domain::{
    action::Action,
    container::{Container, ContainerState, HealthState, NetworkMode},
    desired::Desired,
    error::{EngineError, ErrorClass, Reason},
    event::NewEvent,
    id::NetworkId,
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
    /// The one that was set aside for it.
    pub(crate) previous: Option<Container>,
    pub(crate) networks: BTreeMap<String, Network>,
    pub(crate) volumes: BTreeSet<String>,
    /// The images that the engine has.
    pub(crate) images: BTreeSet<String>,
    pub(crate) registry_answers: bool,
    /// The kernel cannot limit swap.
    pub(crate) swaps_always: bool,
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
            previous: None,
            networks: BTreeMap::new(),
            volumes: BTreeSet::new(),
            images: BTreeSet::new(),
            registry_answers: true,
            swaps_always: false,
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
        if !failed {
            events.extend(news::repair(&before, &last.status, &attempts, &first.why, self.now));
        }
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
            others: self.previous.clone().into_iter().collect(),
            image: if self.images.contains(&desired.config.image) {
                Presence::Here
            } else {
                Presence::Missing
            },
            network,
            outgrown_network: self.outgrown_network(desired),
            volumes: self.volumes.iter().cloned().collect(),
            project: match &desired.workspace.spec.project {
                Some(_) => self.project.clone(),
                None => ProjectFolder::NotAsked,
            },
        }
    }

    /// The network of its own that the workspace is not to have any more, when no container tells.
    fn outgrown_network(&self, desired: &Desired) -> Option<NetworkState> {
        let own = &desired.config.name;
        let is_wanted = desired.network.as_ref().is_some_and(|wanted| wanted.name == *own);
        let network = self.networks.get(own).filter(|_| !is_wanted)?;
        Some(NetworkState { id: network.id.clone(), used: self.is_used(own) })
    }

    pub(crate) fn is_used(&self, network: &str) -> bool {
        let mut ours = self.container.iter().chain(&self.previous);
        let is_its = |container: &Container| matches!(&container.config.network, NetworkMode::Named { name } if name == network);
        ours.any(is_its) || self.networks.get(network).is_some_and(|network| network.shared)
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
}

fn end(container: &mut Container, at: Timestamp, exit_code: i64) {
    container.state = ContainerState::Exited;
    container.finished_at = Some(at);
    container.exit_code = Some(exit_code);
    container.health = None;
}

fn error(action: &Action, reason: Reason, message: String) -> EngineError {
    let class = match reason {
        Reason::DeadlineExceeded => ErrorClass::Unknown,
        _ => ErrorClass::Retryable,
    };
    EngineError { operation: action.operation(), class, reason, message }
}
