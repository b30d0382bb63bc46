//! How a container was made, read from an inspect answer: the way back of `create`.
//!
//! It reads what was asked for (`HostConfig`), not what came of it (`Mounts`, `NetworkSettings`), as
//! that is what a desired configuration can be compared with. What we never ask for but somebody
//! else may have (binds in short form, a processor quota, default capabilities, tmpfs) is read too,
//! so that drift sees it.

use crate::create::SCRATCH;
use bollard::models::{
    ContainerConfig as ConfigBody, HealthConfig as HealthBody, HostConfig, Mount as MountBody,
    MountType, PortMap, RestartPolicy, RestartPolicyNameEnum,
};
use std::collections::{BTreeMap, BTreeSet};
use trueup_domain::{
    container::{ContainerConfig, HealthConfig, Mount, MountKind, NetworkMode, PortBinding},
    quantity::{Cpus, Memory},
    spec::{Protocol, Resources},
};

/// What a container keeps that drops nothing.
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

pub(crate) fn config(name: String, made: ConfigBody, host: &HostConfig) -> ContainerConfig {
    let read_only_root = host.readonly_rootfs.unwrap_or_default();
    ContainerConfig {
        name,
        labels: made.labels.unwrap_or_default().into_iter().collect(),
        image: made.image.unwrap_or_default(),
        command: command(made.entrypoint, made.cmd),
        env: environment(made.env),
        working_dir: made.working_dir.filter(|text| !text.is_empty()),
        user: made.user.filter(|text| !text.is_empty()),
        hostname: made.hostname.unwrap_or_default(),
        mounts: mounts(host, read_only_root),
        ports: ports(host.port_bindings.as_ref()),
        resources: resources(host),
        capabilities: capabilities(host.cap_add.as_deref(), host.cap_drop.as_deref()),
        read_only_root,
        no_new_privileges: host
            .security_opt
            .iter()
            .flatten()
            .any(|option| is_no_new_privileges(option)),
        init: host.init.unwrap_or_default(),
        privileged: host.privileged.unwrap_or_default(),
        restart: host.restart_policy.as_ref().is_some_and(restarts),
        swap: swaps(host),
        network: network_mode(host.network_mode.as_deref()),
        health: made.healthcheck.and_then(health),
    }
}

/// The whole program line: an entrypoint that was not cleared comes first.
fn command(entrypoint: Option<Vec<String>>, cmd: Option<Vec<String>>) -> Option<Vec<String>> {
    let entrypoint = entrypoint.unwrap_or_default();
    // One empty word means a cleared entrypoint.
    let cleared = entrypoint.len() == 1 && entrypoint.iter().all(String::is_empty);
    let program = if cleared { Vec::new() } else { entrypoint };
    let whole: Vec<String> = program.into_iter().chain(cmd.unwrap_or_default()).collect();
    (!whole.is_empty()).then_some(whole)
}

fn environment(lines: Option<Vec<String>>) -> BTreeMap<String, String> {
    let split = |line: String| match line.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (line, String::new()),
    };
    lines.unwrap_or_default().into_iter().map(split).collect()
}

fn mounts(host: &HostConfig, read_only_root: bool) -> BTreeSet<Mount> {
    let (scratch, scratch_options) = SCRATCH;
    let long = host.mounts.iter().flatten().filter_map(mount);
    let short = host.binds.iter().flatten().filter_map(|text| bind(text));
    let memory = host.tmpfs.iter().flatten().filter_map(|(target, options)| {
        let implied = read_only_root && target == scratch && options == scratch_options;
        (!implied).then(|| Mount {
            target: target.clone(),
            kind: MountKind::Tmpfs,
            source: String::new(),
            read_only: options.split(',').any(|option| option == "ro"),
        })
    });
    long.chain(short).chain(memory).collect()
}

/// `None` for the kinds that the domain has no word for and that we never make.
fn mount(mount: &MountBody) -> Option<Mount> {
    Some(Mount {
        target: mount.target.clone()?,
        kind: match mount.typ? {
            MountType::BIND => MountKind::Bind,
            MountType::VOLUME => MountKind::Volume,
            MountType::TMPFS => MountKind::Tmpfs,
            MountType::CLUSTER | MountType::IMAGE | MountType::NPIPE => return None,
        },
        source: mount.source.clone().unwrap_or_default(),
        read_only: mount.read_only.unwrap_or_default(),
    })
}

/// The short form `source:target[:options]`.
fn bind(text: &str) -> Option<Mount> {
    let mut parts = text.splitn(3, ':');
    let (source, target) = (parts.next()?, parts.next()?);
    let read_only = parts.next().is_some_and(|rest| rest.split(',').any(|word| word == "ro"));
    let kind = if source.starts_with('/') { MountKind::Bind } else { MountKind::Volume };
    Some(Mount { target: target.to_owned(), kind, source: source.to_owned(), read_only })
}

/// Port bindings, as they were asked for or as they were made.
pub(super) fn ports(bindings: Option<&PortMap>) -> BTreeSet<PortBinding> {
    let mut ports = BTreeSet::new();
    for (key, hosts) in bindings.into_iter().flatten() {
        let (number, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => continue,
        };
        let Ok(container) = number.parse() else { continue };
        ports.extend(hosts.iter().flatten().map(|host| PortBinding {
            container,
            protocol,
            address: host.host_ip.clone().unwrap_or_default(),
            // Empty and 0 both let the engine choose.
            host: host.host_port.as_deref().and_then(|port| port.parse().ok()).filter(|p| *p > 0),
        }));
    }
    ports
}

fn resources(host: &HostConfig) -> Resources {
    let count =
        |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    let nanos = match (count(host.nano_cpus), count(host.cpu_quota), count(host.cpu_period)) {
        (0, quota, period) if quota > 0 => {
            // Without a period the engine's is a tenth of a second, in microseconds.
            let period = if period == 0 { 100_000 } else { period };
            quota.saturating_mul(1_000_000_000) / period
        }
        (nanos, _, _) => nanos,
    };
    Resources {
        cpus: Cpus::from_millis(u32::try_from(nanos / 1_000_000).unwrap_or(u32::MAX)),
        memory: Memory::from_bytes(count(host.memory)),
        pids: u32::try_from(count(host.pids_limit)).unwrap_or(u32::MAX),
    }
}

fn restarts(policy: &RestartPolicy) -> bool {
    use RestartPolicyNameEnum::{EMPTY, NO};
    policy.name.is_some_and(|name| !matches!(name, EMPTY | NO))
}

/// The engine counts memory and swap together; -1 is no limit at all, which is also what an engine
/// reports that cannot limit swap.
fn swaps(host: &HostConfig) -> bool {
    let together = host.memory_swap.unwrap_or_default();
    together < 0 || together > host.memory.unwrap_or_default()
}

fn capabilities(added: Option<&[String]>, dropped: Option<&[String]>) -> BTreeSet<String> {
    let names = |list: Option<&[String]>| -> BTreeSet<String> {
        let plain = |name: &String| {
            let name = name.to_ascii_uppercase();
            name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
        };
        list.unwrap_or_default().iter().map(plain).collect()
    };
    let (added, dropped) = (names(added), names(dropped));
    if dropped.contains("ALL") {
        return added;
    }
    let kept = DEFAULT_CAPABILITIES.into_iter().filter(|name| !dropped.contains(*name));
    kept.map(str::to_owned).chain(added).collect()
}

fn is_no_new_privileges(option: &str) -> bool {
    matches!(option, "no-new-privileges" | "no-new-privileges:true" | "no-new-privileges=true")
}

fn network_mode(mode: Option<&str>) -> NetworkMode {
    match mode.unwrap_or_default() {
        "none" => NetworkMode::None,
        "" | "default" | "bridge" => NetworkMode::Bridge,
        name => NetworkMode::Named { name: name.to_owned() },
    }
}

fn health(health: HealthBody) -> Option<HealthConfig> {
    let mut words = health.test.unwrap_or_default().into_iter();
    let command = match words.next().as_deref() {
        Some("CMD") => words.collect(),
        Some("CMD-SHELL") => {
            ["/bin/sh".to_owned(), "-c".to_owned()].into_iter().chain(words).collect()
        }
        _ => return None,
    };
    let millis = |nanos: Option<i64>| {
        nanos.and_then(|n| u64::try_from(n).ok()).unwrap_or_default() / 1_000_000
    };
    Some(HealthConfig {
        command,
        interval_ms: millis(health.interval),
        timeout_ms: millis(health.timeout),
        retries: health.retries.and_then(|n| u32::try_from(n).ok()).unwrap_or_default(),
        start_period_ms: millis(health.start_period),
    })
}
