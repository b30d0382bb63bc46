//! From a container to a declaration, field by field.
//!
//! Invariant: what is not written down is named. What the image gives is no part of a declaration, so
//! that a new image may give something else.

use super::{Candidate, LeftAlone, Refusal};
use crate::{
    container::{ContainerConfig, HealthConfig, Mount, MountKind, NetworkMode},
    policy::Policy,
    quantity::Period,
    spec::{
        DesiredState, EnvName, Health, ImagePullPolicy, Isolation, OnDrift, OnFailure, Port,
        Project, Recovery, Resources, Spec, TargetPath,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU16,
    time::Duration,
};

/// A reading under way.
pub(super) struct Reading<'a> {
    candidate: &'a Candidate,
    config: &'a ContainerConfig,
    left: Vec<LeftAlone>,
}

impl<'a> Reading<'a> {
    /// The declaration, and what it does not say.
    pub(super) fn of(
        candidate: &'a Candidate,
        policy: &Policy,
    ) -> Result<(Spec, Vec<LeftAlone>), Refusal> {
        let config = &candidate.container.config;
        let mut reading = Self { candidate, config, left: candidate.oddities.clone() };
        let spec = reading.spec(policy)?;
        reading.look_at_the_rest();
        Ok((spec, reading.left))
    }

    fn spec(&mut self, policy: &Policy) -> Result<Spec, Refusal> {
        let (config, image) = (self.config, &self.candidate.image);
        let own = |value: &Option<String>, images: &Option<String>| {
            value.clone().filter(|_| value != images)
        };
        let reference = config.image.parse().map_err(|why| Refusal::Invalid { why })?;
        Ok(Spec {
            state: Some(DesiredState::Running),
            image: reference,
            image_pull_policy: ImagePullPolicy::default(),
            command: config.command.clone().filter(|_| config.command != image.command),
            env: self.env(),
            working_dir: own(&config.working_dir, &image.working_dir)
                .and_then(|text| self.parsed("workingDir", text)),
            user: own(&config.user, &image.user).and_then(|text| self.parsed("user", text)),
            project: self.project(),
            volumes: Vec::new(),
            ports: self.ports(policy),
            resources: self.resources(),
            health: config.health.as_ref().filter(|_| config.health != image.health).map(health),
            isolation: self.isolation(),
            recovery: Recovery::default(),
            on_drift: OnDrift::default(),
        })
    }

    fn leave(&mut self, field: &str, why: impl Into<String>) {
        self.left.push(LeftAlone { field: field.to_owned(), why: why.into() });
    }

    fn parsed<T: TryFrom<String, Error = String>>(
        &mut self,
        field: &str,
        text: String,
    ) -> Option<T> {
        T::try_from(text).map_err(|why| self.leave(field, why)).ok()
    }

    fn env(&mut self) -> BTreeMap<EnvName, String> {
        let images = &self.candidate.image.env;
        let own = self.config.env.iter().filter(|(name, value)| images.get(*name) != Some(value));
        let own: Vec<_> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        own.into_iter()
            .filter_map(|(name, value)| Some((self.parsed("env", name)?, value)))
            .collect()
    }

    /// The folder that is mounted where a project is, or else the only one.
    fn project(&mut self) -> Option<Project> {
        let folders: Vec<&Mount> =
            self.config.mounts.iter().filter(|mount| mount.kind == MountKind::Bind).collect();
        let usual = TargetPath::default();
        let chosen = match &folders[..] {
            [only] => Some(*only),
            several => several.iter().copied().find(|mount| mount.target == usual.as_str()),
        };
        for mount in folders.iter().filter(|mount| Some(**mount) != chosen) {
            let (source, target) = (&mount.source, &mount.target);
            self.leave(
                "project",
                format!(
                    "`{source}` at `{target}` is one folder too many: a new container has one at most"
                ),
            );
        }
        let mount = chosen?;
        let path = self.parsed("project", mount.source.clone())?;
        let target = self.parsed("project", mount.target.clone())?;
        Some(Project { path, target, read_only: mount.read_only })
    }

    fn ports(&mut self, policy: &Policy) -> Vec<Port> {
        let (mut ports, mut inside, mut outside) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for binding in &self.config.ports {
            let protocol = binding.protocol;
            let shown = format!("{}/{}", binding.container, protocol.as_str());
            let Some(container) = NonZeroU16::new(binding.container) else { continue };
            let host = binding.host.and_then(NonZeroU16::new);
            let is_new = !inside.contains(&(container, protocol))
                && host.is_none_or(|host| !outside.contains(&(host, protocol)));
            if !is_new {
                self.leave("ports", format!("{shown} is published more than once"));
                continue;
            }
            inside.insert((container, protocol));
            outside.extend(host.map(|host| (host, protocol)));
            let there = if binding.address.is_empty() { "0.0.0.0" } else { &binding.address };
            let here = &policy.publish_address;
            if there != here {
                self.leave(
                    "ports",
                    format!("{shown} is published on {there}; a new container's is on {here}"),
                );
            }
            ports.push(Port { container, host, protocol });
        }
        ports
    }

    /// The engine says 0 where there is no limit; every workspace has one.
    fn resources(&mut self) -> Resources {
        let (is, usual) = (self.config.resources, Resources::default());
        let mut unset = |field: &str, usual: &dyn ToString| {
            let usual = usual.to_string();
            self.leave(field, format!("there is no limit; a new container's is {usual}"));
        };
        let mut limits = is;
        if is.cpus.millis() == 0 {
            unset("resources.cpus", &usual.cpus);
            limits.cpus = usual.cpus;
        }
        if is.memory.bytes() == 0 {
            unset("resources.memory", &usual.memory);
            limits.memory = usual.memory;
        }
        if is.pids == 0 {
            unset("resources.pids", &usual.pids);
            limits.pids = usual.pids;
        }
        limits
    }

    /// Never more open than it is.
    fn isolation(&mut self) -> Isolation {
        match &self.config.network {
            NetworkMode::Bridge => Isolation::Basic,
            NetworkMode::None => {
                self.leave(
                    "isolation",
                    "it has no network; a new container is `strict`, with a read-only root",
                );
                Isolation::Strict
            }
            NetworkMode::Named { name } => {
                let why =
                    format!("it is on the network `{name}`; a new container is on one of ours");
                self.leave("isolation", why);
                Isolation::Standard
            }
        }
    }

    /// What has no word in a declaration at all.
    fn look_at_the_rest(&mut self) {
        let config = self.config;
        for mount in &config.mounts {
            let (source, target) = (&mount.source, &mount.target);
            match mount.kind {
                MountKind::Bind => {}
                MountKind::Volume => self.leave(
                    "volumes",
                    format!(
                        "`{source}` at `{target}` keeps its name and its data; a workspace's own \
                         volumes are called otherwise, and a new container does not mount it"
                    ),
                ),
                MountKind::Tmpfs => {
                    self.leave("tmpfs", format!("memory at `{target}`; a new container has none"));
                }
            }
        }
        if config.restart {
            self.leave(
                "restart",
                "the engine itself starts it again; with a new container trueup does",
            );
        }
        if !self.candidate.container.id.as_str().starts_with(&config.hostname) {
            let why = format!(
                "it is called `{}`; a new container has its workspace's name",
                config.hostname
            );
            self.leave("hostname", why);
        }
        let images = &self.candidate.image.labels;
        let own = config.labels.iter().filter(|(key, value)| images.get(*key) != Some(value));
        let own: Vec<&str> = own.map(|(key, _)| key.as_str()).collect();
        if own.iter().any(|key| key.starts_with("com.docker.compose.")) {
            self.leave(
                "labels",
                "Compose has made it, and `docker compose up` or `down` may end it",
            );
        } else if !own.is_empty() {
            self.leave("labels", format!("{}; a new container has ours", own.join(", ")));
        }
        if !config.no_new_privileges {
            let why =
                "set-uid programs work and it keeps its capabilities; a new container is hardened";
            self.leave("hardening", why);
        }
    }
}

fn health(health: &HealthConfig) -> Health {
    // The engine says 0 for its own default; they are the engine's here, too.
    let period = |millis: u64, usual: u64| match millis {
        0 => Period::from_secs(usual),
        millis => Period::from(Duration::from_millis(millis)),
    };
    Health {
        command: health.command.clone(),
        interval: period(health.interval_ms, 30),
        timeout: period(health.timeout_ms, 30),
        retries: if health.retries == 0 { 3 } else { health.retries },
        start_period: Period::from(Duration::from_millis(health.start_period_ms)),
        on_failure: OnFailure::default(),
    }
}
