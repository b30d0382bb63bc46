//! Lists of containers, which are late.

use super::{Model, Row, container::Held};
use std::collections::BTreeMap;
#[cfg(feature = "http")]
use trueup_domain::{container::ContainerConfig, id::NetworkId};

impl Model {
    /// The containers with all these labels, newest last. Right after an end a row still shows what was
    /// before.
    pub fn list(&self, labels: &BTreeMap<String, String>) -> Vec<Row> {
        let has = |held: &Held| {
            labels.iter().all(|(key, value)| held.body.config.labels.get(key) == Some(value))
        };
        self.containers.values().filter(|held| has(held)).map(|held| self.row(held)).collect()
    }

    fn row(&self, held: &Held) -> Row {
        let is_late = self.uptime < held.stale_until;
        Row {
            id: held.body.id.clone(),
            name: held.body.config.name.clone(),
            labels: held.body.config.labels.clone(),
            state: if is_late { held.before } else { held.body.state },
            image: held.body.image_id.clone(),
            created: held.created,
            networks: held.endpoints.keys().cloned().collect(),
        }
    }

    /// The row as it was before the container's last change of state, as a list that is late shows it.
    pub(crate) fn make_late(&self, row: &mut Row) {
        if let Some(held) = self.containers.get(&row.id) {
            row.state = held.before;
        }
    }
}

/// What the engine's own interface shows besides.
#[cfg(feature = "http")]
impl Model {
    /// Any one container that refers to the network.
    pub(crate) fn first_on(&self, network: &str) -> Option<Row> {
        let mut held = self.containers.values();
        held.find(|held| held.endpoints.contains_key(network)).map(|held| self.row(held))
    }

    /// How the container of a row was made, and its networks with their ids, as far as they are known.
    pub(crate) fn behind(
        &self,
        row: &Row,
    ) -> Option<(&ContainerConfig, &BTreeMap<String, Option<NetworkId>>)> {
        self.containers.get(&row.id).map(|held| (&held.body.config, &held.endpoints))
    }
}
