//! Making containers.

use super::{
    Model,
    container::Held,
    refusal::{Refusal, Why},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use trueup_domain::{
    container::{Container, ContainerConfig, ContainerState, MountKind},
    id::ContainerId,
};

impl Model {
    /// Makes a container. What its image gives is added to what was asked for; volumes that do not exist
    /// are made, without labels.
    ///
    /// # Errors
    /// 409 when the name is taken, with the id of the holder; 404 without the image; 400 for a folder
    /// that is not there.
    pub fn create(&mut self, config: &ContainerConfig) -> Result<ContainerId, Refusal> {
        let image = self.image(&config.image)?.clone();
        self.check_folders(config)?;
        if let Some(holder) = self.names.get(&config.name) {
            return Err(name_taken(&config.name, holder));
        }
        self.make_missing_volumes(config);
        let id = ContainerId::new(self.new_id());
        let mut config = config.clone();
        inherit(&mut config.labels, &image.labels);
        inherit(&mut config.env, &image.env);
        config.command = config.command.or(image.command);
        config.working_dir = config.working_dir.or(image.working_dir);
        config.user = config.user.or(image.user);
        self.names.insert(config.name.clone(), id.clone());
        let held = Held { created: self.clock(), ..new(id.clone(), image.id, config) };
        self.containers.insert(id.clone(), held);
        self.book.changed();
        self.book.born();
        self.tell_of(&id, "create");
        Ok(id)
    }

    pub(super) fn check_folders(&self, config: &ContainerConfig) -> Result<(), Refusal> {
        let mut binds = config.mounts.iter().filter(|mount| mount.kind == MountKind::Bind);
        match binds.find(|mount| self.host.lacks_folder(&mount.source)) {
            Some(mount) => Err(Refusal::new(
                400,
                Why::FolderMissing,
                format!(
                    "invalid mount config for type \"bind\": bind source path does not exist: {}",
                    mount.source
                ),
            )),
            None => Ok(()),
        }
    }

    fn make_missing_volumes(&mut self, config: &ContainerConfig) {
        for mount in config.mounts.iter().filter(|mount| mount.kind == MountKind::Volume) {
            self.create_volume(&mount.source, BTreeMap::new());
        }
    }
}

pub(super) fn name_taken(name: &str, holder: &ContainerId) -> Refusal {
    let message = format!(
        "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to \
         remove (or rename) that container to be able to reuse that name."
    );
    Refusal::new(409, Why::NameTaken, message)
}

/// What the image says unless the container says something else.
fn inherit(own: &mut BTreeMap<String, String>, images: &BTreeMap<String, String>) {
    for (key, value) in images {
        own.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

fn new(id: ContainerId, image_id: trueup_domain::id::ImageId, config: ContainerConfig) -> Held {
    let memory = i64::try_from(config.resources.memory.bytes()).unwrap_or(i64::MAX);
    Held {
        endpoints: BTreeMap::from([(config.network.network().to_owned(), None)]),
        memory_swap: if config.swap { -1 } else { memory },
        created: Timestamp::UNIX_EPOCH,
        process: None,
        starts: 0,
        in_a_row: 0,
        ended_by_hand: false,
        removal: None,
        clings: false,
        before: ContainerState::Created,
        stale_until: Duration::ZERO,
        body: Container {
            id,
            state: ContainerState::Created,
            image_id,
            started_at: None,
            finished_at: None,
            exit_code: None,
            oom_killed: false,
            restart_count: 0,
            health: None,
            error: None,
            published: BTreeSet::new(),
            network_id: None,
            attached: BTreeSet::new(),
            config,
        },
    }
}
