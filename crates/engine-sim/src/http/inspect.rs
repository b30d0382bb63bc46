//! A container → the answer to an inspect, and its row in a list.

use crate::{ContainerView, Model};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use trueup_domain::{
    container::{Container, ContainerConfig, ContainerState, HealthState, MountKind, PortBinding},
    id::NetworkId,
};

const NEVER: &str = "0001-01-01T00:00:00Z";

/// The answer to an inspect.
pub(super) fn full(model: &Model, view: &ContainerView) -> Value {
    let ContainerView { container, created, process, .. } = view;
    let config = &container.config;
    let health = config.health.as_ref().map(|health| {
        let nanos = |millis: u64| millis.saturating_mul(1_000_000);
        let test: Vec<&str> =
            std::iter::once("CMD").chain(health.command.iter().map(String::as_str)).collect();
        json!({
            "Test": test, "Interval": nanos(health.interval_ms), "Timeout": nanos(health.timeout_ms),
            "Retries": health.retries, "StartPeriod": nanos(health.start_period_ms),
        })
    });
    let env: Vec<_> = config.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    json!({
        "Id": container.id.as_str(), "Created": created.to_string(),
        "Name": format!("/{}", config.name), "Image": container.image_id.as_str(),
        "RestartCount": container.restart_count, "State": state(container, *process),
        "Config": {
            "Image": config.image, "Hostname": config.hostname, "Labels": config.labels,
            "Entrypoint": null, "Cmd": config.command, "Env": env, "Healthcheck": health,
            "WorkingDir": config.working_dir.as_deref().unwrap_or_default(),
            "User": config.user.as_deref().unwrap_or_default(),
        },
        "HostConfig": host(config),
        "NetworkSettings": {"Networks": networks(model, container), "Ports": bindings(&container.published)},
    })
}

fn state(container: &Container, process: Option<u64>) -> Value {
    let is = |state: ContainerState| container.state == state;
    let time = |at: Option<Timestamp>| at.map_or_else(|| NEVER.to_owned(), |at| at.to_string());
    let health = container.health.map(|health| {
        let word = match health {
            HealthState::Starting => "starting",
            HealthState::Healthy => "healthy",
            HealthState::Unhealthy => "unhealthy",
        };
        json!({"Status": word, "FailingStreak": 0, "Log": []})
    });
    // The words of a failed init are in its log, not here.
    let error = container.error.as_deref().filter(|_| init_words(container).is_none());
    json!({
        "Status": container.state.as_str(),
        "Running": container.state.has_process(), "Paused": is(ContainerState::Paused),
        "Restarting": is(ContainerState::Restarting), "Dead": is(ContainerState::Dead),
        "OOMKilled": container.oom_killed, "Pid": process.unwrap_or_default(),
        "ExitCode": container.exit_code.unwrap_or_default(), "Error": error.unwrap_or_default(),
        "StartedAt": time(container.started_at), "FinishedAt": time(container.finished_at),
        "Health": health,
    })
}

/// What the init of a container wrote before it gave up.
pub(super) fn init_words(container: &Container) -> Option<&str> {
    let gave_up = container.exit_code == Some(127) && container.config.init;
    container.error.as_deref().filter(|_| gave_up)
}

fn host(config: &ContainerConfig) -> Value {
    let memory = config.resources.memory.bytes();
    let (tmpfs, mounts): (Vec<_>, Vec<_>) = config
        .mounts
        .iter()
        .partition(|mount| mount.kind == MountKind::Tmpfs && !mount.source.is_empty());
    let tmpfs: Map<String, Value> =
        tmpfs.iter().map(|mount| (mount.target.clone(), mount.source.clone().into())).collect();
    let mounts: Vec<_> = mounts
        .iter()
        .map(|mount| {
            let kind = match mount.kind {
                MountKind::Bind => "bind",
                MountKind::Volume => "volume",
                MountKind::Tmpfs => "tmpfs",
            };
            json!({"Type": kind, "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only})
        })
        .collect();
    let security: Vec<_> =
        config.no_new_privileges.then_some("no-new-privileges").into_iter().collect();
    json!({
        "Mounts": mounts, "Tmpfs": tmpfs, "PortBindings": bindings(&config.ports),
        "NanoCpus": config.resources.cpus.nanos(), "Memory": memory,
        "MemorySwap": if config.swap { json!(-1) } else { json!(memory) },
        "PidsLimit": config.resources.pids, "CapDrop": ["ALL"], "CapAdd": config.capabilities,
        "SecurityOpt": security, "ReadonlyRootfs": config.read_only_root, "Init": config.init,
        "NetworkMode": config.network.network(), "Privileged": config.privileged,
        "RestartPolicy": {"Name": if config.restart { "always" } else { "no" }, "MaximumRetryCount": 0},
    })
}

fn bindings(ports: &BTreeSet<PortBinding>) -> Value {
    let mut map = Map::new();
    for port in ports {
        let key = format!("{}/{}", port.container, port.protocol.as_str());
        let host = port.host.map(|port| port.to_string()).unwrap_or_default();
        let binding = json!({"HostIp": port.address, "HostPort": host});
        if let Value::Array(list) = map.entry(key).or_insert_with(|| json!([])) {
            list.push(binding);
        }
    }
    Value::Object(map)
}

/// With the id of each, which is empty until the first start.
fn networks(model: &Model, container: &Container) -> Value {
    let id = |name: &str| {
        let own =
            container.network_id.as_ref().filter(|_| container.config.network.network() == name);
        let current = || model.network(name).ok().map(|network| network.id.clone());
        let known = own.cloned().or_else(|| container.started_at.and_then(|_| current()));
        known.map(|id| id.to_string()).unwrap_or_default()
    };
    let networks: Map<String, Value> = container
        .attached
        .iter()
        .map(|name| (name.clone(), json!({"NetworkID": id(name)})))
        .collect();
    Value::Object(networks)
}

/// A row of a list.
pub(super) fn row(model: &Model, row: &crate::Row) -> Value {
    let found = model.behind(row);
    let config = found.map(|(config, _)| config);
    let mounts: Vec<_> = config
        .iter()
        .flat_map(|config| &config.mounts)
        .map(|mount| match mount.kind {
            MountKind::Volume => {
                json!({"Type": "volume", "Name": mount.source, "Destination": mount.target})
            }
            _ => json!({"Type": "bind", "Source": mount.source, "Destination": mount.target}),
        })
        .collect();
    let networks = found.map(|(_, endpoints)| {
        let id = |id: &Option<NetworkId>| id.as_ref().map_or("", NetworkId::as_str).to_owned();
        let networks =
            endpoints.iter().map(|(name, at)| (name.clone(), json!({"NetworkID": id(at)})));
        networks.collect::<Map<String, Value>>()
    });
    json!({
        "Id": row.id.as_str(), "Names": [format!("/{}", row.name)], "Labels": row.labels,
        "State": row.state.as_str(), "Status": row.state.as_str(), "ImageID": row.image.as_str(),
        "Image": config.map(|config| &config.image), "Mounts": mounts,
        "Created": row.created.as_second(),
        "HostConfig": {"NetworkMode": config.map(|config| config.network.network())},
        "NetworkSettings": {"Networks": networks},
    })
}
