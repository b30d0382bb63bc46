//! Networks: made, removed, and what is attached to them.
//!
//! Invariant: two networks never share a name or an address, as on engines from API 1.44 on.

use super::{
    Model,
    event::EventKind,
    refusal::{Refusal, Why},
    subnet::Subnet,
    view::Thing,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use trueup_domain::{
    container::{ContainerState, NetworkMode},
    id::{ContainerId, NetworkId},
};

/// The engine's own, which nobody can remove.
const OWN: [&str; 3] = ["bridge", "host", "none"];
/// The engine's own address pools begin here: fifteen /16, the first of which its own bridge has, and
/// sixteen /20 elsewhere. That is enough for 31 bridges.
const FIRST_WIDE: [u8; 2] = [172, 17];

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The engine's id.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether containers on it reach each other.
    pub inter_container: bool,
    /// Its subnet; `None` for those of the engine's own that need none.
    pub subnet: Option<Subnet>,
    /// When it was made, by the engine's clock.
    pub created: Timestamp,
}

/// What a network is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkRequest {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether containers on it reach each other.
    pub inter_container: bool,
    /// The subnet; `None`: the engine chooses.
    pub subnet: Option<Subnet>,
}

impl Network {
    pub(super) fn is_engines_own(&self) -> bool {
        OWN.contains(&self.name.as_str())
    }
}

impl Model {
    pub(super) fn make_own_networks(&mut self) {
        for name in OWN {
            let request = NetworkRequest {
                name: name.to_owned(),
                inter_container: true,
                subnet: pools().next().filter(|_| name == "bridge"),
                ..Default::default()
            };
            self.insert_network(request);
        }
    }

    /// All networks, the engine's own among them.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.values()
    }

    /// The network with that id or name.
    pub fn network(&self, name: &str) -> Result<&Network, Refusal> {
        let by_id = self.networks.get(&NetworkId::new(name));
        by_id
            .or_else(|| self.networks.values().find(|network| network.name == name))
            .ok_or_else(|| Refusal::new(404, Why::Gone, format!("network {name} not found")))
    }

    /// Makes a network.
    ///
    /// # Errors
    /// 409 when the name is taken; 403 when the subnet is; 404 when the engine's own pools are used up.
    pub fn create_network(&mut self, request: NetworkRequest) -> Result<NetworkId, Refusal> {
        if self.networks.values().any(|network| network.name == request.name) {
            let message = format!("network with name {} already exists", request.name);
            return Err(Refusal::new(409, Why::NameTaken, message));
        }
        let subnet = match request.subnet {
            Some(subnet) if self.is_subnet_taken(subnet) => {
                let words = "Pool overlaps with other one on this address space";
                return Err(Refusal::new(403, Why::SubnetTaken, words));
            }
            Some(subnet) => subnet,
            None => pools().find(|subnet| !self.is_subnet_taken(*subnet)).ok_or_else(|| {
                let words = "could not find an available, non-overlapping IPv4 address pool among \
                             the defaults to assign to the network";
                Refusal::new(404, Why::SubnetsExhausted, words)
            })?,
        };
        let request = NetworkRequest { subnet: Some(subnet), ..request };
        let id = self.insert_network(request);
        self.book.changed();
        self.tell_network(&id, "create");
        Ok(id)
    }

    fn is_subnet_taken(&self, subnet: Subnet) -> bool {
        let mut taken = self.networks.values().filter_map(|network| network.subnet);
        taken.any(|other| other.overlaps(subnet))
    }

    fn insert_network(&mut self, request: NetworkRequest) -> NetworkId {
        let id = NetworkId::new(self.new_id());
        let created = self.clock();
        let NetworkRequest { name, labels, inter_container, subnet } = request;
        let network = Network { id: id.clone(), name, labels, inter_container, subnet, created };
        self.networks.insert(id.clone(), network);
        id
    }

    /// Removes a network. Containers that are attached but do not run do not hold it.
    ///
    /// # Errors
    /// 404 when it is gone; 403 when a running container is attached, or it is the engine's own.
    pub fn remove_network(&mut self, name: &str) -> Result<(), Refusal> {
        let network = self.network(name)?.clone();
        if network.is_engines_own() {
            let message =
                format!("{} is a pre-defined network and cannot be removed", network.name);
            return Err(Refusal::new(403, Why::Invalid, message));
        }
        let holds = |id: &Option<NetworkId>| id.as_ref() == Some(&network.id);
        let mut running = self.containers.values().filter(|held| held.process.is_some());
        if running.any(|held| held.endpoints.values().any(holds)) {
            let message = format!(
                "error while removing network: network {} id {} has active endpoints",
                network.name, network.id
            );
            return Err(Refusal::new(403, Why::Busy, message));
        }
        self.tell_network(&network.id, "destroy");
        self.networks.remove(&network.id);
        self.book.changed();
        let thing = Thing::Network { id: network.id, name: network.name };
        self.book.removed(self.uptime, self.book.by, thing);
        Ok(())
    }

    /// Whether any container, running or not, is attached to the network of that name.
    pub fn is_network_used(&self, name: &str) -> bool {
        self.containers.values().any(|held| held.endpoints.contains_key(name))
    }

    /// Attaches a container.
    pub fn connect(&mut self, network: &str, container: &str) -> Result<(), Refusal> {
        let network = self.network(network)?.clone();
        let held = self.find_mut(container)?;
        if held.body.config.network == NetworkMode::None || network.name == "none" {
            let words = "container cannot be connected to multiple networks with one of the networks in \
                         private (none) mode";
            return Err(Refusal::new(400, Why::Invalid, words));
        }
        if held.endpoints.contains_key(&network.name) {
            let message = format!(
                "endpoint with name {} already exists in network {}",
                held.body.config.name, network.name
            );
            return Err(Refusal::new(403, Why::AlreadySo, message));
        }
        let is_live = held.body.state != ContainerState::Created;
        held.endpoints.insert(network.name, is_live.then(|| network.id.clone()));
        self.book.changed();
        self.tell_network(&network.id, "connect");
        Ok(())
    }

    /// Detaches a container.
    pub fn disconnect(&mut self, network: &str, container: &str) -> Result<(), Refusal> {
        let network = self.network(network)?.clone();
        let held = self.find_mut(container)?;
        if held.endpoints.remove(&network.name).is_none() {
            let id: &ContainerId = &held.body.id;
            let message = format!("container {id} is not connected to network {}", network.name);
            return Err(Refusal::new(404, Why::Invalid, message));
        }
        self.book.changed();
        self.tell_network(&network.id, "disconnect");
        Ok(())
    }

    fn tell_network(&mut self, id: &NetworkId, action: &str) {
        let Some(network) = self.networks.get(id) else { return };
        let labels = network.labels.clone();
        self.tell(EventKind::Network, id.as_str(), &labels, action);
    }
}

fn pools() -> impl Iterator<Item = Subnet> {
    let [first, second] = FIRST_WIDE;
    let wide = (second..=31).map(move |second| Subnet::new([first, second, 0, 0], 16));
    wide.chain((0..16).map(|block| Subnet::new([192, 168, block * 16, 0], 20)))
}
