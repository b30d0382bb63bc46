//! What a judge looks at: everything that the engine holds, what was asked of it, and what was removed
//! by whom.

use super::{CallKind, Model, Network, container::Held, volume::Volume};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};
use trueup_domain::{container::Container, id::ContainerId};

/// How many removals are remembered.
const REMOVALS: usize = 4096;

/// All that the engine holds at one moment, the engine's own networks left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The containers, ours and others'.
    pub containers: BTreeMap<ContainerId, ContainerView>,
    /// The networks by name.
    pub networks: BTreeMap<String, Network>,
    /// The volumes by name.
    pub volumes: BTreeMap<String, VolumeView>,
}

/// A container, and what only a judge may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerView {
    /// As an inspect reports it now.
    pub container: Container,
    /// When it was made, by the engine's clock.
    pub created: jiff::Timestamp,
    /// How many processes it has had.
    pub starts: u64,
    /// The number of its process, which no other process has had; `None` without one.
    pub process: Option<u64>,
}

/// A volume, and who mounts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeView {
    /// The volume. Another `marker` under the same name means that the content was lost.
    pub volume: Volume,
    /// The containers that mount it.
    pub users: Vec<ContainerId>,
}

/// What was asked of the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests of clients that took effect or were refused, by kind.
    pub calls: BTreeMap<CallKind, u64>,
    /// Changes of what the engine holds, whoever made them; ends of processes are none.
    pub changes: u64,
    /// Containers that were ever made.
    pub containers_made: u64,
    /// Containers that are gone.
    pub containers_gone: u64,
}

impl Counters {
    /// How many requests of this kind there were.
    pub fn of(&self, kind: CallKind) -> u64 {
        self.calls.get(&kind).copied().unwrap_or_default()
    }

    /// How many requests asked for a change, whatever came of them.
    pub fn mutating(&self) -> u64 {
        self.calls.iter().filter(|(kind, _)| kind.mutates()).map(|(_, count)| count).sum()
    }
}

/// Who did something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum By {
    /// A client of the engine, over the port.
    Client,
    /// Somebody behind our back.
    Human,
    /// The engine itself, or the test.
    #[default]
    Engine,
}

/// Something that is gone for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// When, since the engine was made.
    pub at: Duration,
    /// Who asked for it.
    pub by: By,
    /// What it was.
    pub thing: Thing,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A container.
    Container {
        /// Its id.
        id: ContainerId,
        /// Its last name.
        name: String,
    },
    /// A network.
    Network {
        /// Its id.
        id: trueup_domain::id::NetworkId,
        /// Its name.
        name: String,
    },
    /// A volume, with its content.
    Volume {
        /// Its name.
        name: String,
        /// What stood for its content.
        marker: u64,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    counters: Counters,
    removals: VecDeque<Removal>,
    processes: u64,
    /// Who is at work.
    pub(super) by: By,
}

impl Book {
    pub(super) fn count(&mut self, kind: CallKind) {
        *self.counters.calls.entry(kind).or_default() += 1;
    }

    pub(super) const fn changed(&mut self) {
        self.counters.changes += 1;
    }

    pub(super) const fn born(&mut self) {
        self.counters.containers_made += 1;
    }

    pub(super) const fn next_process(&mut self) -> u64 {
        self.processes += 1;
        self.processes
    }

    pub(super) fn removed(&mut self, at: Duration, by: By, thing: Thing) {
        if let Thing::Container { .. } = thing {
            self.counters.containers_gone += 1;
        }
        if self.removals.len() == REMOVALS {
            self.removals.pop_front();
        }
        self.removals.push_back(Removal { at, by, thing });
    }
}

impl Model {
    /// What comes now is neither a client's doing nor a human's.
    pub(crate) const fn act_as_test(&mut self) {
        self.book.by = By::Engine;
    }

    /// All that it holds now.
    pub fn snapshot(&self) -> Snapshot {
        let container = |(id, held): (&ContainerId, &Held)| (id.clone(), view(held));
        let volume = |volume: &Volume| {
            let users = self.users(&volume.name);
            (volume.name.clone(), VolumeView { volume: volume.clone(), users })
        };
        let networks = self.networks.values().filter(|network| !network.is_engines_own());
        Snapshot {
            containers: self.containers.iter().map(container).collect(),
            networks: networks.map(|network| (network.name.clone(), network.clone())).collect(),
            volumes: self.volumes.values().map(volume).collect(),
        }
    }

    /// One container, as in a snapshot.
    pub fn view(&self, id: &ContainerId) -> Option<ContainerView> {
        self.containers.get(id).map(view)
    }

    /// What was asked of it so far.
    pub const fn counters(&self) -> &Counters {
        &self.book.counters
    }

    /// The newest removals, oldest first; bounded at 4,096.
    pub fn removals(&self) -> impl Iterator<Item = &Removal> {
        self.book.removals.iter()
    }
}

fn view(held: &Held) -> ContainerView {
    ContainerView {
        container: held.inspect(),
        created: held.created,
        starts: held.starts,
        process: held.process.as_ref().map(|process| process.number),
    }
}
