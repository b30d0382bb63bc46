//! The differences between a container as it should be and as it is, field by field.
//!
//! What a container is made from cannot change while it exists, so most differences mean that the
//! declaration has moved on; limits, the name and the networks can be altered behind our back.
//! A bind's source is not compared: the engine has it with symbolic links resolved, and a change of
//! the declaration shows in the digest.

use crate::{
    container::{Container, ContainerConfig, Mount, MountKind, NetworkMode, PortBinding},
    desired::Desired,
    label,
    observed::NetworkState,
    spec::Resources,
};
use std::{collections::BTreeSet, fmt};

/// The field whose difference may be the engine's own doing.
pub(crate) const SWAP: &str = "swap";

/// A field that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The manifest's word for the field.
    pub field: &'static str,
    /// What it should be.
    pub desired: String,
    /// What it is.
    pub observed: String,
    /// What brings it back.
    pub remedy: Remedy,
}

/// What brings a field back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// A rename.
    Rename,
    /// An update in place.
    Update,
    /// A new container, once this one is to start again; until then it does no harm.
    RecreateToStart,
    /// A new container.
    Recreate,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} instead of {}", self.field, self.observed, self.desired)
    }
}

/// What of a container differs depends on who made it: of one that was adopted everything but its limits
/// was read into the declaration, or is left alone until the declaration needs another container.
impl Desired {
    /// Whether somebody else made the container, and it was taken over for this workspace.
    pub fn has_adopted(&self, container: &Container) -> bool {
        self.workspace.adopted.as_ref() == Some(&container.id)
    }

    /// Whether the container was made for an older declaration than this.
    pub fn is_outdated(&self, container: &Container) -> bool {
        !self.has_adopted(container) && is_outdated(&self.config, container)
    }

    /// All differences, in the order of the manifest's fields.
    pub fn drift(&self, container: &Container, network: Option<&NetworkState>) -> Vec<Difference> {
        if !self.has_adopted(container) {
            return drift(&self.config, container, network);
        }
        let mut found = Found(Vec::new());
        found.compare_resources(&self.limits(container), &container.config.resources);
        found.0
    }

    /// The limits that the container should have. An adopted one that has none keeps none, unless one
    /// was declared: the engine takes 0 for "as it is".
    pub fn limits(&self, container: &Container) -> Resources {
        let (is, usual) = (container.config.resources, Resources::default());
        let mut limits = self.config.resources;
        if self.has_adopted(container) {
            if is.cpus.millis() == 0 && limits.cpus == usual.cpus {
                limits.cpus = is.cpus;
            }
            if is.memory.bytes() == 0 && limits.memory == usual.memory {
                limits.memory = is.memory;
            }
            if is.pids == 0 && limits.pids == usual.pids {
                limits.pids = is.pids;
            }
        }
        limits
    }
}

/// Whether the container was made for an older declaration than this.
pub fn is_outdated(desired: &ContainerConfig, observed: &Container) -> bool {
    desired.labels.get(label::SPEC_HASH).map(String::as_str) != observed.label(label::SPEC_HASH)
}

/// All differences, in the order of the manifest's fields.
pub fn drift(
    desired: &ContainerConfig,
    observed: &Container,
    network: Option<&NetworkState>,
) -> Vec<Difference> {
    let is = &observed.config;
    let mut found = Found(Vec::new());
    found.compare("name", &desired.name, &is.name, Remedy::Rename);
    found.compare("image", &desired.image, &is.image, Remedy::Recreate);
    found.compare_given("command", desired.command.as_ref(), is.command.as_ref());
    found.compare_env(desired, is);
    found.compare_given("workingDir", desired.working_dir.as_ref(), is.working_dir.as_ref());
    found.compare_given("user", desired.user.as_ref(), is.user.as_ref());
    found.compare("hostname", &desired.hostname, &is.hostname, Remedy::Recreate);
    found.compare_lists("mounts", &comparable_mounts(desired), &comparable_mounts(is), mount_words);
    found.compare_lists("ports", &desired.ports, &is.ports, port_words);
    found.compare_resources(&desired.resources, &is.resources);
    found.compare(SWAP, &desired.swap, &is.swap, Remedy::Update);
    found.compare("restart", &desired.restart, &is.restart, Remedy::Update);
    found.compare_lists("capabilities", &desired.capabilities, &is.capabilities, String::clone);
    for (field, want, have) in [
        ("readOnlyRoot", desired.read_only_root, is.read_only_root),
        ("noNewPrivileges", desired.no_new_privileges, is.no_new_privileges),
        ("init", desired.init, is.init),
        ("privileged", desired.privileged, is.privileged),
    ] {
        found.compare(field, &want, &have, Remedy::Recreate);
    }
    found.compare_network(desired, observed, network);
    if desired.health.is_some() {
        found.compare_debug("health", &desired.health, &is.health);
    }
    found.0
}

struct Found(Vec<Difference>);

impl Found {
    fn push(&mut self, field: &'static str, desired: String, observed: String, remedy: Remedy) {
        self.0.push(Difference { field, desired, observed, remedy });
    }

    fn compare<T: PartialEq + fmt::Display>(
        &mut self,
        field: &'static str,
        desired: &T,
        observed: &T,
        remedy: Remedy,
    ) {
        if desired != observed {
            self.push(field, desired.to_string(), observed.to_string(), remedy);
        }
    }

    fn compare_resources(&mut self, desired: &Resources, observed: &Resources) {
        self.compare("resources.cpus", &desired.cpus, &observed.cpus, Remedy::Update);
        self.compare("resources.memory", &desired.memory, &observed.memory, Remedy::Update);
        self.compare("resources.pids", &desired.pids, &observed.pids, Remedy::Update);
    }

    fn compare_debug<T: PartialEq + fmt::Debug>(
        &mut self,
        field: &'static str,
        desired: &T,
        observed: &T,
    ) {
        if desired != observed {
            self.push(field, format!("{desired:?}"), format!("{observed:?}"), Remedy::Recreate);
        }
    }

    fn compare_lists<T: Ord>(
        &mut self,
        field: &'static str,
        desired: &BTreeSet<T>,
        observed: &BTreeSet<T>,
        words: fn(&T) -> String,
    ) {
        let list = |items: &BTreeSet<T>| {
            let said: Vec<_> = items.iter().map(words).collect();
            if said.is_empty() { "none".to_owned() } else { said.join(", ") }
        };
        if desired != observed {
            self.push(field, list(desired), list(observed), Remedy::Recreate);
        }
    }

    /// Compares only what the manifest gives; what it leaves out is the image's.
    fn compare_given<T: PartialEq + fmt::Debug>(
        &mut self,
        field: &'static str,
        desired: Option<&T>,
        observed: Option<&T>,
    ) {
        if desired.is_some() && desired != observed {
            let shown = |value: Option<&T>| value.map_or("none".to_owned(), |v| format!("{v:?}"));
            self.push(field, shown(desired), shown(observed), Remedy::Recreate);
        }
    }

    /// The image's own variables are among the observed ones. Values are never shown: they may be
    /// secrets.
    fn compare_env(&mut self, desired: &ContainerConfig, observed: &ContainerConfig) {
        let differing: Vec<&str> = desired
            .env
            .iter()
            .filter(|(name, value)| observed.env.get(*name) != Some(value))
            .map(|(name, _)| name.as_str())
            .collect();
        if !differing.is_empty() {
            let (desired, observed) = (differing.join(", "), "other values".to_owned());
            self.push("env", desired, observed, Remedy::Recreate);
        }
    }

    /// A stopped container refers to its network by id, and cannot start when a network of the same
    /// name has taken that one's place.
    fn compare_network(
        &mut self,
        desired: &ContainerConfig,
        observed: &Container,
        network: Option<&NetworkState>,
    ) {
        self.compare_debug("network", &desired.network, &observed.config.network);
        let named = matches!(desired.network, NetworkMode::Named { .. });
        let attached = observed.network_id.as_ref();
        let replaced = named
            && !observed.state.has_process()
            && attached.is_some()
            && network.map(|state| &state.id) != attached;
        if replaced && desired.network == observed.config.network {
            let (want, have) = ("the present network", "one that is gone");
            self.push("network", want.to_owned(), have.to_owned(), Remedy::RecreateToStart);
        }
        if observed.state.has_process() && desired.network == observed.config.network {
            self.compare_attachment(desired.network.network(), &observed.attached);
        }
    }

    /// Whoever has a process is attached to its network and to no other.
    fn compare_attachment(&mut self, wanted: &str, attached: &BTreeSet<String>) {
        if !attached.iter().map(String::as_str).eq([wanted]) {
            let names: Vec<_> = attached.iter().map(String::as_str).collect();
            let names =
                if names.is_empty() { "no network".to_owned() } else { names.join(" and ") };
            let (want, have) = (format!("to {wanted} alone"), format!("attached to {names}"));
            self.push("network", want, have, Remedy::Recreate);
        }
    }
}

/// Mounts without what the engine rewrites: a bind's source.
fn comparable_mounts(config: &ContainerConfig) -> BTreeSet<Mount> {
    config
        .mounts
        .iter()
        .filter(|mount| mount.kind != MountKind::Tmpfs)
        .map(|mount| match mount.kind {
            MountKind::Bind => Mount { source: String::new(), ..mount.clone() },
            MountKind::Volume | MountKind::Tmpfs => mount.clone(),
        })
        .collect()
}

fn mount_words(mount: &Mount) -> String {
    let source = if mount.source.is_empty() { "a folder" } else { &mount.source };
    let mode = if mount.read_only { " (read-only)" } else { "" };
    format!("{source} at {}{mode}", mount.target)
}

fn port_words(port: &PortBinding) -> String {
    let host = port.host.map_or_else(|| "any".to_owned(), |host| host.to_string());
    format!("{}:{host} to {}/{}", port.address, port.container, port.protocol.as_str())
}
