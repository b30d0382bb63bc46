//! A container that somebody else made, taken over as it runs: whether it may be, and what it declares.
//!
//! Labels cannot be put on a container that exists, so that what ties it to its workspace is its id in
//! the store. The declaration is read from the container. What it has no words for is named and left
//! alone; nothing of the container changes until the declaration does, and then it is replaced by one
//! that is made like any other.
//!
//! # Guarantees
//! - Whatever reaches beyond a workspace's powers (the engine's socket, the host's namespaces or system
//!   directories, all of its powers) is refused, and so is what any trueup has made.
//! - A declaration that comes out of it is valid by the rules of a manifest.
//!
//! Deliberately absent: whether the host allows the project folder, which is for whoever admits
//! manifests.

mod reading;

use crate::{
    container::{Container, ContainerState, HealthConfig, MountKind},
    manifest::{self, Manifest},
    name::Name,
    policy::Policy,
    spec::{
        Health, ImagePullPolicy, Metadata, OnDrift, OnFailure, Recovery, Resources, Spec,
        check_not_system,
    },
};
use reading::Reading;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

/// A container that may be adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The container.
    pub container: Container,
    /// What it has from its image, which is no part of a declaration.
    pub image: ImageDefaults,
    /// What it has of the host that no workspace may have, each as the end of a sentence that begins
    /// with "it"; beyond what the container's own fields tell.
    pub powers: Vec<String>,
    /// What it was made with that a declaration has no word for.
    pub oddities: Vec<LeftAlone>,
}

/// What an image gives to whatever is made from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageDefaults {
    /// Its entrypoint and command, as one line.
    pub command: Option<Vec<String>>,
    /// Its variables.
    pub env: BTreeMap<String, String>,
    /// Its directory.
    pub working_dir: Option<String>,
    /// Its user.
    pub user: Option<String>,
    /// Its health check.
    pub health: Option<HealthConfig>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// Something of an adopted container that its declaration does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// The manifest's word for it, or the engine's where the manifest has none.
    pub field: String,
    /// What it is, and what a new container will have instead.
    pub why: String,
}

/// Why a container cannot be adopted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Some trueup made it.
    #[error("it carries the label `{label}`: a trueup has made it, and looks after it")]
    Labelled {
        /// One of the labels.
        label: String,
    },
    /// There is nothing to keep running.
    #[error("it is {state}; only a running container can be adopted")]
    NotRunning {
        /// What it is instead.
        state: &'static str,
    },
    /// It may do what no workspace may.
    #[error("it {what}, which no workspace may")]
    Power {
        /// What, as the end of a sentence that begins with "it".
        what: String,
    },
    /// Its name is no workspace's.
    #[error("its {why}; give the workspace a name")]
    Name {
        /// What is wrong with it.
        why: String,
    },
    /// What it is made from breaks a rule of the manifest.
    #[error("its declaration would not be valid: {why}")]
    Invalid {
        /// Which rules.
        why: String,
    },
}

/// The name that a workspace has from its container.
pub fn name_of(container: &Container) -> Result<Name, Refusal> {
    container.config.name.parse().map_err(|why| Refusal::Name { why })
}

/// Reads the declaration of a container that may be adopted, and what it does not say.
pub fn declare(
    candidate: &Candidate,
    metadata: Metadata,
    policy: &Policy,
) -> Result<(Manifest, Vec<LeftAlone>), Refusal> {
    refuse(candidate)?;
    let (spec, left) = Reading::of(candidate, policy)?;
    let declared = Manifest::new(metadata, spec);
    // Through the same door as any other manifest, so that no rule is forgotten.
    let value = serde_json::to_value(&declared);
    let value = value.map_err(|error| Refusal::Invalid { why: error.to_string() })?;
    let manifest = manifest::from_json(value).map_err(|why| Refusal::Invalid { why })?;
    Ok((manifest, left))
}

/// Whether a container that was adopted for the one declaration also does for the other: they differ at
/// most in what needs no other container.
pub fn keeps(before: &Spec, after: &Spec) -> bool {
    fixed(before) == fixed(after)
}

/// The declaration without what a living container can be given, and without the rules for passes.
fn fixed(spec: &Spec) -> Spec {
    Spec {
        state: None,
        image_pull_policy: ImagePullPolicy::default(),
        resources: Resources::default(),
        recovery: Recovery::default(),
        on_drift: OnDrift::default(),
        health: spec
            .health
            .clone()
            .map(|health| Health { on_failure: OnFailure::default(), ..health }),
        ..spec.clone()
    }
}

/// With these a process gets out of its container, or at the host itself.
const HOST_CAPABILITIES: [&str; 11] = [
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_TIME",
];

fn refuse(candidate: &Candidate) -> Result<(), Refusal> {
    let Container { state, config, .. } = &candidate.container;
    if let Some(label) = config.labels.keys().find(|key| key.starts_with("trueup.")) {
        return Err(Refusal::Labelled { label: label.clone() });
    }
    if *state != ContainerState::Running {
        return Err(Refusal::NotRunning { state: state.as_str() });
    }
    let power = |what: String| Err(Refusal::Power { what });
    if config.privileged {
        return power("is privileged".to_owned());
    }
    if let Some(what) = candidate.powers.first() {
        return power(what.clone());
    }
    if let Some(name) = HOST_CAPABILITIES.iter().find(|name| config.capabilities.contains(**name)) {
        return power(format!("has the capability {name}"));
    }
    for mount in config.mounts.iter().filter(|mount| mount.kind == MountKind::Bind) {
        if let Some(what) = host_power(&mount.source) {
            return power(format!("mounts {what}"));
        }
    }
    Ok(())
}

/// What a path of the host is that no workspace may mount, be it as a folder or behind a volume; `None`
/// for all others. Links are not followed: the host may be another machine.
pub fn host_power(path: &str) -> Option<String> {
    let mut plain = PathBuf::from("/");
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    if plain.to_string_lossy().ends_with("docker.sock") {
        return Some(format!("the engine's socket `{path}`"));
    }
    check_not_system(&plain).is_err().then(|| format!("the system directory `{path}`"))
}

#[cfg(test)]
mod tests;
