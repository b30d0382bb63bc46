//! Volumes. Each has a marker that stands for its content: one that was lost and made anew under the
//! same name has another.

use super::{
    Model,
    event::EventKind,
    refusal::{Refusal, Why},
    view::Thing,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use trueup_domain::{container::MountKind, id::ContainerId};

/// A named volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Stands for its content; never the same for two volumes.
    pub marker: u64,
    /// When it was made, by the engine's clock.
    pub created: Timestamp,
}

impl Model {
    /// The volume with that name.
    pub fn volume(&self, name: &str) -> Result<&Volume, Refusal> {
        let missing = || Refusal::new(404, Why::Gone, format!("get {name}: no such volume"));
        self.volumes.get(name).ok_or_else(missing)
    }

    /// The volumes with all these labels, by name.
    pub fn volumes_with(&self, labels: &BTreeMap<String, String>) -> Vec<Volume> {
        let has = |volume: &&Volume| {
            labels.iter().all(|(key, value)| volume.labels.get(key) == Some(value))
        };
        self.volumes.values().filter(has).cloned().collect()
    }

    /// Makes a volume, or gives the one that is there, its labels unchanged.
    pub fn create_volume(&mut self, name: &str, labels: BTreeMap<String, String>) -> &Volume {
        if !self.volumes.contains_key(name) {
            self.made += 1;
            self.tell(EventKind::Volume, name, &labels, "create");
            self.book.changed();
        }
        let (marker, created) = (self.made, self.clock());
        self.volumes.entry(name.to_owned()).or_insert_with(|| Volume {
            name: name.to_owned(),
            labels,
            marker,
            created,
        })
    }

    /// Removes a volume with its content.
    ///
    /// # Errors
    /// 404 when it is gone; 409 when a container, running or not, mounts it.
    pub fn remove_volume(&mut self, name: &str) -> Result<(), Refusal> {
        let volume = self.volume(name)?.clone();
        let users = self.users(name);
        if !users.is_empty() {
            let users: Vec<_> = users.iter().map(ContainerId::as_str).collect();
            let message = format!("remove {name}: volume is in use - [{}]", users.join(", "));
            return Err(Refusal::new(409, Why::Busy, message));
        }
        self.volumes.remove(name);
        self.tell(EventKind::Volume, name, &volume.labels, "destroy");
        self.book.changed();
        let thing = Thing::Volume { name: volume.name, marker: volume.marker };
        self.book.removed(self.uptime, self.book.by, thing);
        Ok(())
    }

    /// The containers that mount it.
    pub(super) fn users(&self, volume: &str) -> Vec<ContainerId> {
        let mounts = |config: &trueup_domain::container::ContainerConfig| {
            config
                .mounts
                .iter()
                .any(|mount| mount.kind == MountKind::Volume && mount.source == volume)
        };
        let users = self.containers.values().filter(|held| mounts(&held.body.config));
        users.map(|held| held.body.id.clone()).collect()
    }
}
