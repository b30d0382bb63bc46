//! A workspace as the engine should have it: its declaration put into the engine's terms.
//!
//! Names derive from the workspace's identity alone, so that two attempts to make a container meet
//! at the same name and the engine lets only one of them through.

use crate::{
    action::NetworkConfig,
    container::{ContainerConfig, HealthConfig, Mount, MountKind, NetworkMode, PortBinding},
    error::Reason,
    label,
    name::VolumeName,
    policy::Policy,
    spec::{DesiredState, Health, Isolation, Spec},
    status::{Failure, Rollback},
    usage::Measured,
    workspace::Workspace,
};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// All that `plan` looks at besides what was observed.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The workspace as stored, with the status of the pass before.
    pub workspace: Arc<Workspace>,
    /// Where it should get to.
    pub goal: Goal,
    /// The container it should have.
    pub config: ContainerConfig,
    /// The network it should be attached to, when that is one of ours.
    pub network: Option<NetworkConfig>,
    /// The failure of the step that was just tried, or of the pass before.
    pub failure: Option<Failure>,
    /// How long a process may take to end by itself.
    pub stop_grace: Duration,
    /// Until when the engine may still carry out what was asked for and given up.
    pub abandoned_until: Option<Timestamp>,
    /// What the sampler says of its usage; `None`: nothing.
    pub measured: Option<Measured>,
}

/// Where a workspace should get to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// A container that runs.
    Running,
    /// No process.
    Stopped,
    /// A frozen container.
    Paused,
    /// No container.
    Archived,
    /// Nothing left at all.
    Gone {
        /// Whether the named volumes go too.
        volumes: bool,
    },
}

impl Desired {
    /// Puts a stored workspace into the engine's terms.
    pub fn new(workspace: Arc<Workspace>, policy: &Policy) -> Self {
        let goal = match (&workspace.deletion, workspace.spec.desired_state()) {
            (Some(deletion), _) => Goal::Gone { volumes: deletion.volumes },
            (None, DesiredState::Running) => Goal::Running,
            (None, DesiredState::Stopped) => Goal::Stopped,
            (None, DesiredState::Paused) => Goal::Paused,
            (None, DesiredState::Archived) => Goal::Archived,
        };
        let network = network(&workspace, policy);
        let mode = match (&network, workspace.spec.isolation) {
            (Some(network), _) => NetworkMode::Named { name: network.name.clone() },
            (None, Isolation::Basic) => NetworkMode::Bridge,
            (None, _) => NetworkMode::None,
        };
        Self {
            goal,
            config: container_config(&workspace, policy, mode),
            network,
            failure: workspace.status.last_error.clone(),
            stop_grace: policy.stop_grace,
            abandoned_until: abandoned_until(&workspace, policy),
            measured: None,
            workspace,
        }
    }

    /// The same with what the sampler says.
    pub fn with_measured(self, measured: Option<Measured>) -> Self {
        Self { measured, ..self }
    }

    /// The names and labels of the volumes that the container mounts.
    pub fn volumes(&self) -> impl Iterator<Item = (String, BTreeMap<String, String>)> {
        let labels: BTreeMap<_, _> = self
            .config
            .labels
            .iter()
            .filter(|(key, _)| ![label::GENERATION, label::SPEC_HASH].contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.workspace
            .spec
            .volumes
            .iter()
            .map(move |volume| (volume_name(&self.workspace, &volume.name), labels.clone()))
    }
}

/// How long after it was given up a call may still be carried out; measured at under a second, and at
/// many times that on a busy engine.
const ABANDONED_FOR: SignedDuration = SignedDuration::from_secs(15);

/// The engine goes on with calls that a controller made before it was killed, and with calls that ran
/// into their deadline.
fn abandoned_until(workspace: &Workspace, policy: &Policy) -> Option<Timestamp> {
    let killed = policy.started_at.filter(|start| workspace.created_at < *start);
    let failure = workspace.status.last_error.as_ref();
    let timed_out = failure.filter(|failure| failure.reason == Reason::DeadlineExceeded);
    let since = killed.max(timed_out.map(|failure| failure.at))?;
    since.saturating_add(ABANDONED_FOR).ok()
}

impl Desired {
    /// The name under which the container before waits until the one in its place has come up.
    pub fn previous_name(&self) -> String {
        format!("{}-previous", self.config.name)
    }

    /// The replacement that did not come up last, if that was in the present generation.
    pub fn rollback(&self) -> Option<&Rollback> {
        let rollback = self.workspace.status.rollback.as_ref();
        rollback.filter(|rollback| rollback.generation == self.workspace.generation)
    }
}

/// The container's name on the engine.
pub fn container_name(workspace: &Workspace) -> String {
    format!("trueup-{}-{}", workspace.metadata.name, workspace.id.short())
}

/// A named volume's name on the engine.
pub fn volume_name(workspace: &Workspace, volume: &VolumeName) -> String {
    format!("{}-{volume}", container_name(workspace))
}

/// The capabilities that a shell, a package manager and a small server need; all others are dropped.
const DEV_CAPABILITIES: [&str; 9] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETUID",
    "SYS_CHROOT",
];

fn container_config(
    workspace: &Workspace,
    policy: &Policy,
    network: NetworkMode,
) -> ContainerConfig {
    let spec = &workspace.spec;
    let strict = spec.isolation == Isolation::Strict;
    let capabilities: &[&str] = if strict { &[] } else { &DEV_CAPABILITIES };
    let mut config = ContainerConfig {
        name: container_name(workspace),
        labels: identity_labels(workspace, policy),
        image: spec.image.to_string(),
        command: spec.command.clone(),
        env: spec.env.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
        working_dir: spec.working_dir.as_ref().map(|dir| plain(dir.as_str())),
        user: spec.user.as_ref().map(ToString::to_string),
        hostname: workspace.metadata.name.to_string(),
        mounts: mounts(workspace),
        ports: ports(spec, policy),
        resources: spec.resources,
        capabilities: capabilities.iter().map(|&name| name.to_owned()).collect(),
        read_only_root: strict,
        no_new_privileges: true,
        init: true,
        privileged: false,
        restart: false,
        swap: false,
        network,
        health: spec.health.as_ref().map(health_config),
    };
    let hash = spec_hash(&config);
    config.labels.insert(label::GENERATION.to_owned(), workspace.generation.to_string());
    config.labels.insert(label::SPEC_HASH.to_owned(), hash);
    config
}

fn identity_labels(workspace: &Workspace, policy: &Policy) -> BTreeMap<String, String> {
    BTreeMap::from([
        (label::INSTANCE_ID.to_owned(), policy.instance.to_string()),
        (label::WORKSPACE_ID.to_owned(), workspace.id.to_string()),
        (label::OWNER.to_owned(), workspace.metadata.owner.to_string()),
        (label::NAME.to_owned(), workspace.metadata.name.to_string()),
    ])
}

/// A digest of what only a new container can change: limits are left out, as they change in place.
fn spec_hash(config: &ContainerConfig) -> String {
    let fixed = ContainerConfig { resources: crate::spec::Resources::default(), ..config.clone() };
    // Maps and sets are ordered, so that the same configuration always gives the same text.
    let text = serde_json::to_vec(&fixed).unwrap_or_default();
    let digest = Sha256::digest(&text);
    let (head, _) = digest.split_at(8);
    head.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn mounts(workspace: &Workspace) -> BTreeSet<Mount> {
    let spec = &workspace.spec;
    let project = spec.project.iter().map(|project| Mount {
        target: plain(project.target.as_str()),
        kind: MountKind::Bind,
        source: plain(project.path.as_str()),
        read_only: project.read_only,
    });
    let volumes = spec.volumes.iter().map(|volume| Mount {
        target: plain(volume.target.as_str()),
        kind: MountKind::Volume,
        source: volume_name(workspace, &volume.name),
        read_only: false,
    });
    project.chain(volumes).collect()
}

/// A path as the engine reports it back: without a slash at its end.
fn plain(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

fn ports(spec: &Spec, policy: &Policy) -> BTreeSet<PortBinding> {
    spec.ports
        .iter()
        .map(|port| PortBinding {
            container: port.container.get(),
            protocol: port.protocol,
            address: policy.publish_address.clone(),
            host: port.host.map(std::num::NonZero::get),
        })
        .collect()
}

fn health_config(health: &Health) -> HealthConfig {
    let millis = |period: crate::quantity::Period| {
        u64::try_from(period.duration().as_millis()).unwrap_or(u64::MAX)
    };
    HealthConfig {
        command: health.command.clone(),
        interval_ms: millis(health.interval),
        timeout_ms: millis(health.timeout),
        retries: health.retries,
        start_period_ms: millis(health.start_period),
    }
}

/// The network of ours that the workspace is attached to; `None` for the engine's bridge or none.
fn network(workspace: &Workspace, policy: &Policy) -> Option<NetworkConfig> {
    let instance_label = (label::INSTANCE_ID.to_owned(), policy.instance.to_string());
    match workspace.spec.isolation {
        Isolation::Basic => None,
        Isolation::Standard => {
            let shard = workspace.id.spread() % u64::from(policy.network_shards.max(1));
            Some(NetworkConfig {
                name: format!("trueup-{}-shared-{shard}", policy.instance),
                labels: BTreeMap::from([instance_label]),
                inter_container: false,
                range: None,
                seed: 0,
            })
        }
        Isolation::Strict => policy.strict_range.as_ref().map(|range| NetworkConfig {
            name: container_name(workspace),
            labels: identity_labels(workspace, policy),
            inter_container: false,
            range: Some(range.clone()),
            seed: workspace.id.spread(),
        }),
    }
}
