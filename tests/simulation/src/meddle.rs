//! What people do by hand, put into the engine's terms, and what they leave behind.

use crate::{
    course::{Guise, Meddling},
    life::World,
};
use std::{collections::BTreeSet, time::Duration};
use trueup_domain::{
    container::{ContainerConfig, NetworkMode},
    desired::{Desired, container_name},
    id::ContainerId,
    spec::OnDrift,
    workspace::Workspace,
};
use trueup_engine_sim::{HumanAct, Limits, Refusal};

/// What was left behind by hand.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// Containers that hold a name of ours.
    pub(crate) name_holders: BTreeSet<String>,
    /// Copies of ours, with our labels: strangers, whatever they are called.
    pub(crate) copies: BTreeSet<ContainerId>,
    /// Those of them that were given a name of ours.
    posing: BTreeSet<ContainerId>,
    /// Ports that somebody listens on.
    ports: BTreeSet<u16>,
}

impl Leftovers {
    /// Does something to a workspace's container. What the engine refuses does not happen.
    pub(crate) fn meddle(&mut self, world: &World, row: &Workspace, act: Meddling) {
        let container = container_name(row);
        let grace = Duration::from_secs(2);
        let act = match act {
            Meddling::Stop => HumanAct::Stop { container, grace },
            Meddling::Kill => HumanAct::Kill { container },
            Meddling::KillOnHost => HumanAct::KillOnHost { container },
            Meddling::Exit => HumanAct::Exit { container, code: 1 },
            Meddling::OutOfMemory => HumanAct::OutOfMemory { container },
            Meddling::Start => HumanAct::Start { container },
            Meddling::Remove => HumanAct::Remove { container },
            Meddling::Pause => HumanAct::Pause { container },
            Meddling::Unpause => HumanAct::Unpause { container },
            Meddling::Rename => HumanAct::Rename { to: format!("{container}-mine"), container },
            Meddling::Limits => HumanAct::Update { container, limits: limits(row) },
            Meddling::Disconnect => {
                let network = network(row);
                HumanAct::Disconnect { container, network }
            }
            Meddling::Connect => HumanAct::Connect { container, network: "bridge".to_owned() },
            Meddling::Copy(guise) => return self.copy(world, container, guise),
            Meddling::TakeName => {
                let config = Box::new(stranger(row));
                if world.sim.act(HumanAct::Stranger { config, start: true }).is_ok() {
                    self.name_holders.insert(container);
                }
                return;
            }
            Meddling::RemoveNetwork => HumanAct::RemoveNetwork { network: network(row) },
            Meddling::RemoveImage => {
                HumanAct::RemoveImage { image: row.spec.image.as_str().to_owned() }
            }
            Meddling::HoldPort => {
                let Some(port) = row.spec.ports.first().and_then(|port| port.host) else { return };
                self.ports.insert(port.get());
                HumanAct::HoldPort { port: port.get(), held: true }
            }
        };
        // Refused acts are part of life.
        drop(world.sim.act(act));
    }

    /// A copy is run beside the container, or in its place.
    fn copy(&mut self, world: &World, container: String, guise: Guise) {
        // As on an engine, no two images are the same one.
        let image = format!("copy:{container}-{}", self.copies.len());
        // Refused acts are part of life: what there is in the end counts.
        drop(run_copy(world, container, image.clone(), guise));
        let held = world.sim.snapshot().containers;
        let Some(copy) = held.values().find(|view| view.container.config.image == image) else {
            return;
        };
        let id = copy.container.id.clone();
        if guise != Guise::Other {
            self.posing.insert(id.clone());
        }
        self.copies.insert(id);
    }

    /// Takes back what would keep the workspaces from coming to rest.
    pub(crate) fn tidy(&mut self, world: &World) {
        for container in std::mem::take(&mut self.name_holders) {
            drop(world.sim.act(HumanAct::Remove { container }));
        }
        for copy in std::mem::take(&mut self.posing) {
            drop(world.sim.act(HumanAct::Remove { container: copy.as_str().to_owned() }));
        }
        for port in std::mem::take(&mut self.ports) {
            drop(world.sim.act(HumanAct::HoldPort { port, held: false }));
        }
    }
}

fn run_copy(world: &World, container: String, image: String, guise: Guise) -> Result<(), Refusal> {
    let act = |act| world.sim.act(act);
    let aside = format!("copy-of-{container}");
    match guise {
        Guise::Other => act(HumanAct::CommitCopy { container, image, copy: aside }),
        Guise::Previous => {
            let copy = format!("{container}-previous");
            act(HumanAct::CommitCopy { container, image, copy })
        }
        Guise::Renamed => {
            let (original, copy) = (format!("{container}-mine"), container.clone());
            act(HumanAct::Rename { container, to: original.clone() })?;
            act(HumanAct::CommitCopy { container: original, image, copy })
        }
        Guise::Removed => {
            let original = container.clone();
            act(HumanAct::CommitCopy { container: original, image, copy: aside.clone() })?;
            act(HumanAct::Remove { container: container.clone() })?;
            act(HumanAct::Rename { container: aside, to: container })
        }
    }
}

fn network(row: &Workspace) -> String {
    let desired = Desired::new(std::sync::Arc::new(row.clone()), &crate::life::timeless_policy());
    desired.config.network.network().to_owned()
}

/// An engine that is told to restart a program that keeps ending, and is not kept from it, never rests.
fn limits(row: &Workspace) -> Limits {
    let is_mended = row.spec.on_drift == OnDrift::Recreate;
    Limits {
        cpu_millis: 0,
        memory: 48 << 20,
        memory_swap: 48 << 20,
        pids: 0,
        restart: is_mended.then_some(true),
    }
}

/// Somebody's container that has our name and nothing else of ours.
fn stranger(row: &Workspace) -> ContainerConfig {
    let desired = Desired::new(std::sync::Arc::new(row.clone()), &crate::life::timeless_policy());
    ContainerConfig {
        image: "good:1".to_owned(),
        labels: [("com.example".to_owned(), "theirs".to_owned())].into(),
        mounts: std::collections::BTreeSet::new(),
        ports: std::collections::BTreeSet::new(),
        network: NetworkMode::Bridge,
        ..desired.config
    }
}
