//! A container as the engine holds it, and how it is found.

use super::{
    Model, agenda::ProcessNumber, ending::Cause, program::Program, refusal::Refusal, view::By,
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use trueup_domain::{
    container::{Container, ContainerState, NetworkMode},
    id::{ContainerId, ImageId, NetworkId},
};

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The container.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// Its labels, those from its image among them.
    pub labels: BTreeMap<String, String>,
    /// What it does, or did until just now.
    pub state: ContainerState,
    /// Its image.
    pub image: ImageId,
    /// When it was made, by the engine's clock.
    pub created: Timestamp,
    /// The names of the networks that it is attached to.
    pub networks: BTreeSet<String>,
}

/// A container with what only the engine knows of it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) body: Container,
    /// When it was made, by the engine's clock.
    pub(crate) created: Timestamp,
    /// The networks that it is attached to, by name; without an id until its first start.
    pub(crate) endpoints: BTreeMap<String, Option<NetworkId>>,
    /// Memory and swap together, bytes; -1: no limit.
    pub(crate) memory_swap: i64,
    pub(crate) process: Option<Process>,
    /// How many processes it has had.
    pub(crate) starts: u64,
    /// How often in a row the engine's policy restarted it.
    pub(crate) in_a_row: u32,
    /// Somebody stopped or killed it through the engine: its policy rests.
    pub(crate) ended_by_hand: bool,
    /// Who removes it, while that is under way.
    pub(crate) removal: Option<By>,
    /// Whether its next removal goes wrong.
    pub(crate) clings: bool,
    /// What it did before, for lists that are late.
    pub(crate) before: ContainerState,
    /// Until when lists are late.
    pub(crate) stale_until: Duration,
}

/// A process that runs or is frozen.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) number: ProcessNumber,
    pub(crate) program: Program,
    /// It ended, or would have, while it was frozen.
    pub(crate) held_back: Option<Cause>,
    /// It was asked to stop, and somebody waits for that.
    pub(crate) stopping: bool,
}

impl Held {
    pub(crate) const fn set_state(&mut self, state: ContainerState) {
        self.before = self.body.state;
        self.body.state = state;
    }

    /// As an inspect reports it.
    pub(crate) fn inspect(&self) -> Container {
        let network_id = match &self.body.config.network {
            NetworkMode::Named { name } => self.endpoints.get(name).cloned().flatten(),
            NetworkMode::None | NetworkMode::Bridge => None,
        };
        let attached = self.endpoints.keys().cloned().collect();
        Container { network_id, attached, ..self.body.clone() }
    }

    pub(crate) fn is_process(&self, number: ProcessNumber) -> bool {
        self.process.as_ref().is_some_and(|process| process.number == number)
    }
}

impl Model {
    /// The container with that id or name, whosever it is.
    pub fn inspect(&self, name: &str) -> Result<Container, Refusal> {
        self.find(name).map(Held::inspect)
    }

    pub(super) fn find(&self, name: &str) -> Result<&Held, Refusal> {
        let id = self.id_of(name)?;
        self.containers.get(&id).ok_or_else(|| Refusal::no_container(name))
    }

    pub(super) fn find_mut(&mut self, name: &str) -> Result<&mut Held, Refusal> {
        let id = self.id_of(name)?;
        self.containers.get_mut(&id).ok_or_else(|| Refusal::no_container(name))
    }

    /// By its whole id, its name, or the beginning of its id.
    pub(super) fn id_of(&self, name: &str) -> Result<ContainerId, Refusal> {
        let id = ContainerId::new(name);
        if self.containers.contains_key(&id) {
            return Ok(id);
        }
        if let Some(id) = self.names.get(name) {
            return Ok(id.clone());
        }
        let is_prefix = name.len() >= 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut matches =
            self.containers.keys().filter(|id| is_prefix && id.as_str().starts_with(name));
        match (matches.next(), matches.next()) {
            (Some(id), None) => Ok(id.clone()),
            _ => Err(Refusal::no_container(name)),
        }
    }

    /// All that something is called: as it was asked for, and, for a container, by id and by name.
    pub(crate) fn names_of(&self, subject: &str) -> Vec<String> {
        let mut names = vec![subject.to_owned()];
        if let Ok(held) = self.find(subject) {
            names.extend([held.body.id.to_string(), held.body.config.name.clone()]);
        }
        names
    }

    /// Tells an event of a container.
    pub(super) fn tell_of(&mut self, id: &ContainerId, action: &str) {
        let Some(held) = self.containers.get(id) else { return };
        let labels = held.body.config.labels.clone();
        self.tell(super::EventKind::Container, id.as_str(), &labels, action);
    }
}
