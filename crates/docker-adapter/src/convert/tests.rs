//! Conversions of answers as engines give them, and the way there and back.

use super::*;
use crate::create;
use std::collections::{BTreeMap, BTreeSet};
use trueup_domain::{
    container::{ContainerConfig, HealthConfig, Mount, MountKind, PortBinding},
    spec::{Protocol, Resources},
};

/// A configuration that uses every field.
pub(crate) fn sample() -> ContainerConfig {
    let mount = |target: &str, kind, source: &str, read_only| Mount {
        target: target.to_owned(),
        kind,
        source: source.to_owned(),
        read_only,
    };
    let port = |container, protocol, host| PortBinding {
        container,
        protocol,
        address: "127.0.0.1".to_owned(),
        host,
    };
    ContainerConfig {
        name: "trueup-sample".to_owned(),
        labels: BTreeMap::from([("trueup.name".to_owned(), "sample".to_owned())]),
        image: "debian:12".to_owned(),
        command: Some(vec!["sleep".to_owned(), "infinity".to_owned()]),
        env: BTreeMap::from([("EDITOR".to_owned(), "vim -u a=b".to_owned())]),
        working_dir: Some("/workspace".to_owned()),
        user: Some("1000:1000".to_owned()),
        hostname: "sample".to_owned(),
        mounts: BTreeSet::from([
            mount("/workspace", MountKind::Bind, "/srv/sample", true),
            mount("/home/dev", MountKind::Volume, "trueup-sample-home", false),
            mount("/scratch", MountKind::Tmpfs, "", false),
        ]),
        ports: BTreeSet::from([
            port(53, Protocol::Udp, Some(18053)),
            port(8080, Protocol::Tcp, None),
        ]),
        resources: Resources::default(),
        capabilities: BTreeSet::from(["CHOWN".to_owned(), "KILL".to_owned()]),
        read_only_root: true,
        no_new_privileges: true,
        init: true,
        privileged: false,
        restart: false,
        swap: false,
        network: NetworkMode::Named { name: "trueup-shared-0".to_owned() },
        health: Some(HealthConfig {
            command: vec!["test".to_owned(), "-f".to_owned(), "/tmp/ok".to_owned()],
            interval_ms: 1500,
            timeout_ms: 3000,
            retries: 3,
            start_period_ms: 0,
        }),
    }
}

/// What an engine would answer that changes nothing.
fn mirrored(config: &ContainerConfig) -> serde_json::Value {
    let mut made = serde_json::to_value(create::body(config)).unwrap();
    let host = made["HostConfig"].take();
    serde_json::json!({
        "Id": "f".repeat(64),
        "Name": format!("/{}", config.name),
        "Image": "sha256:0",
        "State": {"Status": "running", "StartedAt": "2026-11-22T23:17:47.019199053Z",
                  "FinishedAt": "0001-01-01T00:00:00Z", "ExitCode": 0, "Error": ""},
        "Config": made,
        "HostConfig": host,
    })
}

fn read(answer: serde_json::Value) -> Container {
    container(serde_json::from_value(answer).unwrap()).unwrap()
}

#[test]
fn what_was_asked_for_is_what_is_read() {
    for network in [NetworkMode::None, NetworkMode::Bridge, sample().network] {
        let config = ContainerConfig { network, ..sample() };
        assert_eq!(read(mirrored(&config)).config, config);
    }
}

#[test]
fn the_engines_zero_time_means_never() {
    let observed = read(mirrored(&sample()));
    assert_eq!(observed.finished_at, None);
    assert_eq!(observed.started_at.unwrap().to_string(), "2026-11-22T23:17:47.019199053Z");
}

#[test]
fn an_exit_code_is_read_only_from_what_has_ended() {
    for (status, expected) in [("exited", Some(137)), ("running", None), ("created", None)] {
        let mut answer = mirrored(&sample());
        answer["State"]["Status"] = status.into();
        answer["State"]["ExitCode"] = 137.into();
        assert_eq!(read(answer).exit_code, expected, "{status}");
    }
}

#[test]
fn the_error_of_a_failed_start_is_kept() {
    let mut answer = mirrored(&sample());
    answer["State"]["Error"] = "port is already allocated".into();
    assert_eq!(read(answer).error.as_deref(), Some("port is already allocated"));
    assert_eq!(read(mirrored(&sample())).error, None);
}

#[test]
fn an_entrypoint_of_the_image_is_part_of_the_command() {
    let mut answer = mirrored(&sample());
    answer["Config"]["Entrypoint"] = serde_json::json!(["/init", "--"]);
    assert_eq!(read(answer).config.command.unwrap(), ["/init", "--", "sleep", "infinity"]);
}

#[test]
fn capabilities_are_read_with_and_without_their_prefix() {
    let mut answer = mirrored(&sample());
    answer["HostConfig"]["CapAdd"] = serde_json::json!(["CAP_KILL", "chown"]);
    assert_eq!(read(answer).config.capabilities, sample().capabilities);
}

#[test]
fn a_container_that_drops_nothing_is_seen_to_keep_the_defaults() {
    let mut answer = mirrored(&sample());
    answer["HostConfig"]["CapDrop"] = serde_json::json!(["CAP_MKNOD"]);
    answer["HostConfig"]["CapAdd"] = serde_json::json!(["SYS_ADMIN"]);
    let kept = read(answer).config.capabilities;
    assert!(kept.contains("SYS_ADMIN") && kept.contains("NET_RAW"), "{kept:?}");
    assert!(!kept.contains("MKNOD"), "{kept:?}");
}

#[test]
fn a_bind_in_short_form_is_seen() {
    let mut answer = mirrored(&sample());
    answer["HostConfig"]["Binds"] = serde_json::json!(["/run/docker.sock:/docker.sock:ro,z"]);
    let added = Mount {
        target: "/docker.sock".to_owned(),
        kind: MountKind::Bind,
        source: "/run/docker.sock".to_owned(),
        read_only: true,
    };
    assert!(read(answer).config.mounts.contains(&added));
}

#[test]
fn a_processor_quota_counts_as_processors() {
    let mut answer = mirrored(&sample());
    answer["HostConfig"]["NanoCpus"] = 0.into();
    answer["HostConfig"]["CpuQuota"] = 150_000.into();
    assert_eq!(read(answer).config.resources.cpus.millis(), 1500);
}

#[test]
fn a_health_check_in_shell_form_and_a_disabled_one_are_read() {
    let mut answer = mirrored(&sample());
    answer["Config"]["Healthcheck"]["Test"] = serde_json::json!(["CMD-SHELL", "true"]);
    assert_eq!(read(answer.clone()).config.health.unwrap().command, ["/bin/sh", "-c", "true"]);
    answer["Config"]["Healthcheck"]["Test"] = serde_json::json!(["NONE"]);
    assert_eq!(read(answer).config.health, None);
}

#[test]
fn a_network_id_is_read_once_the_engine_has_given_one() {
    let mut answer = mirrored(&sample());
    for (given, expected) in [("", None), ("abc", Some(NetworkId::new("abc")))] {
        answer["NetworkSettings"] =
            serde_json::json!({"Networks": {"trueup-shared-0": {"NetworkID": given}}});
        assert_eq!(read(answer.clone()).network_id, expected);
    }
}

#[test]
fn all_networks_that_it_is_attached_to_are_read() {
    assert!(read(mirrored(&sample())).attached.is_empty());
    let mut answer = mirrored(&sample());
    answer["NetworkSettings"] =
        serde_json::json!({"Networks": {"trueup-shared-0": {"NetworkID": "abc"}, "other": {}}});
    let observed = read(answer);
    assert_eq!(observed.attached, ["other".to_owned(), "trueup-shared-0".to_owned()].into());
    assert_eq!(observed.network_id, Some(NetworkId::new("abc")));
}

#[test]
fn a_restart_policy_and_swap_that_somebody_else_gave_are_read() {
    for (name, restarts) in [("always", true), ("on-failure", true), ("no", false), ("", false)] {
        let mut answer = mirrored(&sample());
        answer["HostConfig"]["RestartPolicy"] = serde_json::json!({"Name": name});
        assert_eq!(read(answer).config.restart, restarts, "{name}");
    }
    let memory = i64::try_from(sample().resources.memory.bytes()).unwrap();
    for (together, swaps) in [(memory, false), (memory + 1, true), (-1, true)] {
        let mut answer = mirrored(&sample());
        answer["HostConfig"]["MemorySwap"] = together.into();
        assert_eq!(read(answer).config.swap, swaps, "{together}");
    }
}

#[test]
fn an_answer_without_a_state_is_refused_and_one_with_little_else_is_not() {
    let bare = serde_json::json!({"Id": "abc", "State": {"Status": "dead"}, "Config": {}});
    assert_eq!(read(bare).state, ContainerState::Dead);
    let broken = serde_json::json!({"Id": "abc", "Config": {}});
    assert!(container(serde_json::from_value(broken).unwrap()).is_err());
}

#[test]
fn a_container_that_is_being_stopped_still_runs() {
    assert_eq!(container_state("stopping"), Ok(ContainerState::Running));
    assert!(container_state("levitating").is_err());
}
