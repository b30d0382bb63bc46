//! A container's configuration → the body that creates it.
//!
//! Invariants: all capabilities are dropped but the listed ones; memory has no swap beyond it; the
//! engine restarts nothing by itself; a bind whose source is missing is refused instead of made; no
//! container is privileged, whatever the configuration says. `convert::config` reads the same
//! fields back; a test on a real engine holds the two together.

use bollard::models::{
    ContainerCreateBody, HealthConfig as HealthBody, HostConfig, Mount as MountBody, MountType,
    PortBinding as PortBody, PortMap, RestartPolicy, RestartPolicyNameEnum,
};
use std::collections::HashMap;
use trueup_domain::{
    container::{ContainerConfig, HealthConfig, Mount, MountKind, PortBinding},
    quantity::Memory,
};

/// Where a container with a read-only root can still write; its memory is the container's own.
pub(crate) const SCRATCH: (&str, &str) = ("/tmp", "rw,nosuid,nodev,exec,mode=1777");

/// The body for `POST /containers/create`.
pub(crate) fn body(config: &ContainerConfig) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(config.image.clone()),
        hostname: Some(config.hostname.clone()),
        // One empty word clears the image's entrypoint on every engine (an empty list is kept by
        // some and ignored by others), so that `command` is the program and not its argument.
        entrypoint: config.command.as_ref().map(|_| vec![String::new()]),
        cmd: config.command.clone(),
        env: Some(config.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: config.working_dir.clone(),
        user: config.user.clone(),
        labels: Some(config.labels.clone().into_iter().collect()),
        exposed_ports: Some(config.ports.iter().map(port_key).collect()),
        healthcheck: config.health.as_ref().map(health),
        host_config: Some(host_config(config)),
        ..Default::default()
    }
}

fn host_config(config: &ContainerConfig) -> HostConfig {
    let limits = config.resources;
    let (scratch, scratch_options) = SCRATCH;
    let needs_scratch =
        config.read_only_root && config.mounts.iter().all(|mount| mount.target != scratch);
    HostConfig {
        mounts: Some(config.mounts.iter().map(mount).collect()),
        tmpfs: needs_scratch
            .then(|| HashMap::from([(scratch.to_owned(), scratch_options.to_owned())])),
        port_bindings: Some(ports(config)),
        nano_cpus: Some(limits.cpus.nanos()),
        memory: Some(bytes(limits.memory)),
        memory_swap: Some(bytes(limits.memory)),
        pids_limit: Some(i64::from(limits.pids)),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(config.capabilities.iter().cloned().collect()),
        security_opt: config.no_new_privileges.then(|| vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(config.read_only_root),
        init: Some(config.init),
        network_mode: Some(config.network.network().to_owned()),
        restart_policy: Some(no_restart()),
        privileged: Some(false),
        ..Default::default()
    }
}

/// Whether and when a container starts again is decided by nobody but us.
pub(crate) fn no_restart() -> RestartPolicy {
    RestartPolicy { name: Some(RestartPolicyNameEnum::NO), ..Default::default() }
}

/// The engine counts in signed bytes.
pub(crate) fn bytes(memory: Memory) -> i64 {
    i64::try_from(memory.bytes()).unwrap_or(i64::MAX)
}

fn mount(mount: &Mount) -> MountBody {
    MountBody {
        target: Some(mount.target.clone()),
        source: (mount.kind != MountKind::Tmpfs).then(|| mount.source.clone()),
        typ: Some(match mount.kind {
            MountKind::Bind => MountType::BIND,
            MountKind::Volume => MountType::VOLUME,
            MountKind::Tmpfs => MountType::TMPFS,
        }),
        read_only: Some(mount.read_only),
        ..Default::default()
    }
}

fn port_key(port: &PortBinding) -> String {
    format!("{}/{}", port.container, port.protocol.as_str())
}

/// Without the exposed ports beside it this publishes nothing.
fn ports(config: &ContainerConfig) -> PortMap {
    let mut bindings = PortMap::new();
    for port in &config.ports {
        let body = PortBody {
            host_ip: Some(port.address.clone()),
            host_port: Some(port.host.map(|port| port.to_string()).unwrap_or_default()),
        };
        bindings.entry(port_key(port)).or_default().get_or_insert_default().push(body);
    }
    bindings
}

fn health(health: &HealthConfig) -> HealthBody {
    let nanos = |millis: u64| i64::try_from(millis.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    HealthBody {
        test: Some(
            std::iter::once("CMD".to_owned()).chain(health.command.iter().cloned()).collect(),
        ),
        interval: Some(nanos(health.interval_ms)),
        timeout: Some(nanos(health.timeout_ms)),
        retries: Some(i64::from(health.retries)),
        start_period: Some(nanos(health.start_period_ms)),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::tests::sample;

    #[test]
    fn a_container_is_never_privileged_and_never_restarted_by_the_engine() {
        let config = ContainerConfig { privileged: true, ..sample() };
        let host = body(&config).host_config.unwrap();
        assert_eq!(host.privileged, Some(false));
        assert_eq!(host.restart_policy.unwrap().name, Some(RestartPolicyNameEnum::NO));
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
    }

    #[test]
    fn every_published_port_is_exposed_too() {
        let body = body(&sample());
        let mut bound: Vec<_> =
            body.host_config.unwrap().port_bindings.unwrap().into_keys().collect();
        bound.sort();
        assert_eq!(Some(bound), body.exposed_ports);
    }

    #[test]
    fn a_read_only_root_has_a_scratch_folder_unless_something_is_mounted_there() {
        let strict = ContainerConfig { read_only_root: true, ..sample() };
        assert!(body(&strict).host_config.unwrap().tmpfs.unwrap().contains_key("/tmp"));
        let mut mounted = strict;
        mounted.mounts.insert(Mount {
            target: "/tmp".to_owned(),
            kind: MountKind::Volume,
            source: "scratch".to_owned(),
            read_only: false,
        });
        assert_eq!(body(&mounted).host_config.unwrap().tmpfs, None);
    }

    #[test]
    fn the_images_entrypoint_is_cleared_only_for_a_command() {
        assert_eq!(body(&sample()).entrypoint, Some(vec![String::new()]));
        let images_own = ContainerConfig { command: None, ..sample() };
        assert_eq!(body(&images_own).entrypoint, None);
    }
}
