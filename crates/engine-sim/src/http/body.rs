//! A container's create body → its configuration; and the reading of bodies in general.
//!
//! Only what the domain has words for is read; whatever else is asked for is not simulated.

use serde_json::Value;
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

/// A body, read by paths such as `/HostConfig/Memory`.
pub(super) struct Content<'a>(pub(super) &'a Value);

impl<'a> Content<'a> {
    pub(super) fn value(&self, path: &str) -> Option<&'a Value> {
        self.0.pointer(path).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, path: &str) -> Option<&'a str> {
        self.value(path)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn number(&self, path: &str) -> i64 {
        self.value(path).and_then(Value::as_i64).unwrap_or_default()
    }

    fn flag(&self, path: &str) -> bool {
        self.value(path).and_then(Value::as_bool).unwrap_or_default()
    }

    fn words(&self, path: &str) -> Vec<String> {
        let words = self.value(path).and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn words_by_key(&self, path: &str) -> BTreeMap<String, String> {
        let entries = self.value(path).and_then(Value::as_object).into_iter().flatten();
        entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }
}

/// The configuration that a create body asks for.
pub(super) fn config(name: String, body: &Value) -> ContainerConfig {
    let body = Content(body);
    let host = |field: &str| format!("/HostConfig/{field}");
    let memory = body.number("/HostConfig/Memory");
    let together = body.number("/HostConfig/MemorySwap");
    let mut command = body.words("/Entrypoint");
    command.retain(|word| !word.is_empty());
    command.extend(body.words("/Cmd"));
    let owned = |path: &str| body.text(path).map(str::to_owned);
    ContainerConfig {
        name,
        labels: body.words_by_key("/Labels"),
        image: owned("/Image").unwrap_or_default(),
        command: (!command.is_empty()).then_some(command),
        env: body.words("/Env").iter().map(|line| variable(line)).collect(),
        working_dir: owned("/WorkingDir"),
        user: owned("/User"),
        hostname: owned("/Hostname").unwrap_or_default(),
        mounts: mounts(&body),
        ports: ports(&body),
        resources: Resources {
            cpus: Cpus::from_millis(clamp(body.number("/HostConfig/NanoCpus") / 1_000_000)),
            memory: Memory::from_bytes(u64::try_from(memory).unwrap_or_default()),
            pids: clamp(body.number("/HostConfig/PidsLimit")),
        },
        capabilities: capabilities(&body),
        read_only_root: body.flag(&host("ReadonlyRootfs")),
        no_new_privileges: body
            .words(&host("SecurityOpt"))
            .iter()
            .any(|option| option.starts_with("no-new-privileges") && !option.ends_with("false")),
        init: body.flag(&host("Init")),
        privileged: body.flag(&host("Privileged")),
        restart: restarts(&body).unwrap_or_default(),
        // Without a word about it there is as much swap as memory.
        swap: together < 0 || together > memory || (memory > 0 && together == 0),
        network: match body.text(&host("NetworkMode")).unwrap_or("default") {
            "none" => NetworkMode::None,
            "default" | "bridge" => NetworkMode::Bridge,
            name => NetworkMode::Named { name: name.to_owned() },
        },
        health: health(&body),
    }
}

/// Whether a body asks for a policy, and which.
pub(super) fn restarts(body: &Content<'_>) -> Option<bool> {
    let named =
        body.text("/HostConfig/RestartPolicy/Name").or_else(|| body.text("/RestartPolicy/Name"));
    named.map(|policy| policy != "no")
}

pub(super) fn clamp(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

fn variable(line: &str) -> (String, String) {
    let (name, value) = line.split_once('=').unwrap_or((line, ""));
    (name.to_owned(), value.to_owned())
}

fn mounts(body: &Content<'_>) -> BTreeSet<Mount> {
    let long = body.value("/HostConfig/Mounts").and_then(Value::as_array).into_iter().flatten();
    let long = long.filter_map(|mount| {
        let mount = Content(mount);
        let kind = match mount.text("/Type")? {
            "bind" => MountKind::Bind,
            "volume" => MountKind::Volume,
            "tmpfs" => MountKind::Tmpfs,
            _ => return None,
        };
        let source = mount.text("/Source").unwrap_or_default().to_owned();
        let target = mount.text("/Target")?.to_owned();
        Some(Mount { target, kind, source, read_only: mount.flag("/ReadOnly") })
    });
    let short = body.words("/HostConfig/Binds").into_iter().filter_map(|text| {
        let mut parts = text.splitn(3, ':');
        let (source, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let read_only = parts.next().is_some_and(|rest| rest.split(',').any(|word| word == "ro"));
        let kind = if source.starts_with('/') { MountKind::Bind } else { MountKind::Volume };
        Some(Mount { target, kind, source, read_only })
    });
    // The options are kept where a source would be, so that an inspect gives them back.
    let memory = body.words_by_key("/HostConfig/Tmpfs").into_iter().map(|(target, source)| Mount {
        target,
        kind: MountKind::Tmpfs,
        source,
        read_only: false,
    });
    long.chain(short).chain(memory).collect()
}

fn ports(body: &Content<'_>) -> BTreeSet<PortBinding> {
    let bindings = body.value("/HostConfig/PortBindings").and_then(Value::as_object);
    let exposed = body.value("/ExposedPorts").map(|value| match value {
        Value::Object(ports) => ports.keys().cloned().collect(),
        Value::Array(ports) => ports.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => BTreeSet::new(),
    });
    let exposed: BTreeSet<String> = exposed.unwrap_or_default();
    let mut ports = BTreeSet::new();
    // Bound but not exposed, a port is not published.
    for (key, hosts) in bindings.into_iter().flatten().filter(|(key, _)| exposed.contains(*key)) {
        let (number, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
        let Ok(container) = number.parse() else { continue };
        let protocol = if protocol == "udp" { Protocol::Udp } else { Protocol::Tcp };
        ports.extend(hosts.as_array().into_iter().flatten().map(|host| {
            let host = Content(host);
            PortBinding {
                container,
                protocol,
                address: host.text("/HostIp").unwrap_or_default().to_owned(),
                host: host
                    .text("/HostPort")
                    .and_then(|port| port.parse().ok())
                    .filter(|port| *port > 0),
            }
        }));
    }
    ports
}

fn capabilities(body: &Content<'_>) -> BTreeSet<String> {
    let names = |path: &str| -> BTreeSet<String> { body.words(path).into_iter().collect() };
    let (added, dropped) = (names("/HostConfig/CapAdd"), names("/HostConfig/CapDrop"));
    if dropped.contains("ALL") {
        return added;
    }
    let kept = DEFAULT_CAPABILITIES.into_iter().filter(|name| !dropped.contains(*name));
    kept.map(str::to_owned).chain(added).collect()
}

fn health(body: &Content<'_>) -> Option<HealthConfig> {
    let mut words = body.words("/Healthcheck/Test").into_iter();
    let command = match words.next()?.as_str() {
        "CMD" => words.collect(),
        "CMD-SHELL" => ["/bin/sh".to_owned(), "-c".to_owned()].into_iter().chain(words).collect(),
        _ => return None,
    };
    let millis = |field: &str| {
        let nanos = body.number(&format!("/Healthcheck/{field}"));
        u64::try_from(nanos / 1_000_000).unwrap_or_default()
    };
    Some(HealthConfig {
        command,
        interval_ms: millis("Interval"),
        timeout_ms: millis("Timeout"),
        retries: clamp(body.number("/Healthcheck/Retries")),
        start_period_ms: millis("StartPeriod"),
    })
}
