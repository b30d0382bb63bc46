//! What of the host an engine's containers have, as the engine tells it.

use crate::{
    proxy::{Socket, ok},
    support::{Bench, words},
};
use bollard::{
    models::{
        ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, Mount, MountType,
        MountVolumeOptions, MountVolumeOptionsDriverConfig, SystemInfoCgroupVersionEnum,
        VolumeCreateRequest,
    },
    query_parameters::CreateContainerOptionsBuilder,
};
use std::collections::HashMap;
use trueup_docker_adapter::{DockerEngine, Options};
use trueup_domain::{
    adoption::Candidate,
    id::{ContainerId, InstanceId},
    port::Inventory,
};
use trueup_tests::image;

/// Somebody else's container, looked at.
async fn look(bench: &Bench, part: &str, host: HostConfig) -> Candidate {
    let name = bench.name(part);
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let body = ContainerCreateBody {
        image: Some(image::IMAGE.to_owned()),
        cmd: Some(words(&[image::PROGRAM, "sleep"])),
        host_config: Some(host),
        ..Default::default()
    };
    bench.docker.create_container(Some(options), body).await.unwrap();
    bench.engine.candidate(&ContainerId::new(name)).await.unwrap().unwrap()
}

fn folder(device: &str) -> HashMap<String, String> {
    let options = [("type", "none"), ("o", "bind"), ("device", device)];
    options.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn a_volume_that_is_a_folder_of_the_host_is_seen_through() {
    let bench = Bench::new().await;
    for (part, device, powers) in [
        ("root", "/", vec!["the system directory `/`"]),
        ("socket", "/var/run/docker.sock", vec!["the engine's socket `/var/run/docker.sock`"]),
        ("own", "/srv/projects/web", vec![]),
    ] {
        let name = bench.name(part);
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            driver_opts: Some(folder(device)),
            ..Default::default()
        };
        bench.docker.create_volume(request).await.unwrap();
        let binds = Some(vec![format!("{name}:/data")]);
        let found = look(&bench, part, HostConfig { binds, ..Default::default() }).await;
        let powers =
            powers.iter().map(|what| format!("mounts the volume `{name}`, which is {what}"));
        assert_eq!(found.powers, powers.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_volume_that_was_made_with_its_container_is_seen_through_too() {
    let bench = Bench::new().await;
    let (name, options) = (bench.name("etc"), Some(folder("/etc")));
    let driver_config = Some(MountVolumeOptionsDriverConfig { name: None, options });
    let mount = Mount {
        target: Some("/data".to_owned()),
        source: Some(name.clone()),
        typ: Some(MountType::VOLUME),
        volume_options: Some(MountVolumeOptions { driver_config, ..Default::default() }),
        ..Default::default()
    };
    let host = HostConfig { mounts: Some(vec![mount]), ..Default::default() };
    let power = format!("mounts the volume `{name}`, which is the system directory `/etc`");
    assert_eq!(look(&bench, "web", host).await.powers, [power]);
}

#[tokio::test]
async fn protections_that_were_taken_off_are_seen_in_what_the_engine_tells() {
    let bench = Bench::new().await;
    let option = |option: &str| Some(vec![option.to_owned()]);
    let nothing = || Some(Vec::new());
    let (masked_paths, readonly_paths) = (nothing(), nothing());
    let cases = [
        (HostConfig { cgroup_parent: Some("/x".to_owned()), ..Default::default() }, "`/x`"),
        (HostConfig { masked_paths, readonly_paths, ..Default::default() }, "`/proc/kcore`"),
        (HostConfig { readonly_paths: nothing(), ..Default::default() }, "`/proc/bus`"),
        (
            HostConfig { security_opt: option("seccomp=unconfined"), ..Default::default() },
            "`seccomp=unconfined`",
        ),
        (
            HostConfig { security_opt: option("apparmor=unconfined"), ..Default::default() },
            "`apparmor=unconfined`",
        ),
    ];
    for (number, (host, word)) in cases.into_iter().enumerate() {
        let found = look(&bench, &format!("web{number}"), host).await;
        assert!(found.powers.len() == 1 && found.powers[0].contains(word), "{:?}", found.powers);
    }
}

#[tokio::test]
async fn the_hosts_control_groups_are_a_power_only_where_the_engine_does_not_show_them_to_all() {
    let bench = Bench::new().await;
    let version = bench.docker.info().await.unwrap().cgroup_version;
    let mode = |mode| HostConfig { cgroupns_mode: Some(mode), ..Default::default() };
    let plain = look(&bench, "plain", HostConfig::default()).await;
    let private = look(&bench, "private", mode(HostConfigCgroupnsModeEnum::PRIVATE)).await;
    let hosts = look(&bench, "hosts", mode(HostConfigCgroupnsModeEnum::HOST)).await;
    assert_eq!((plain.powers, private.powers), (Vec::new(), Vec::new()));
    let is_usual = version == Some(SystemInfoCgroupVersionEnum::_1);
    assert_eq!(hosts.powers.is_empty(), is_usual, "{version:?}: {:?}", hosts.powers);
}

/// What is answered to a path.
type Script = fn(&str) -> String;

/// What engines with either version of control groups answer, cut down to what is read.
fn recorded(path: &str, info: &str) -> String {
    const CONTAINER: &str = r#"{"Id":"abc","Name":"/web","Created":"2026-11-22T10:00:00Z",
        "Image":"sha256:1","State":{"Status":"running","Running":true},
        "Config":{"Image":"debian:12"},"HostConfig":{"CgroupnsMode":"host"}}"#;
    match path {
        path if path.ends_with("/version") => ok(r#"{"ApiVersion":"1.47","MinAPIVersion":"1.24"}"#),
        path if path.ends_with("/info") => ok(info),
        path if path.contains("/containers/") => ok(CONTAINER),
        _ => ok("{}"),
    }
}

#[tokio::test]
async fn the_engine_is_asked_for_its_version_of_control_groups() {
    let first = |path: &str| recorded(path, r#"{"CgroupVersion":"1"}"#);
    let second = |path: &str| recorded(path, r#"{"CgroupVersion":"2"}"#);
    let cases: [(Script, _); 2] =
        [(first, vec![]), (second, vec!["shares the host's control groups"])];
    for (script, powers) in cases {
        let socket = Socket::new();
        let (_served, _) = socket.answer(script);
        let options = Options::new(socket.host(), InstanceId::new("adapter-test"));
        let engine = DockerEngine::connect(options).unwrap();
        let found = engine.candidate(&ContainerId::new("abc")).await.unwrap().unwrap();
        assert_eq!(found.powers, powers);
    }
}

#[tokio::test]
async fn swap_and_capabilities_of_its_own_are_named() {
    let bench = Bench::new().await;
    let host = HostConfig {
        memory: Some(64 << 20),
        memory_swap: Some(96 << 20),
        cap_add: Some(words(&["NET_ADMIN", "SYS_PTRACE"])),
        ..Default::default()
    };
    let odd = look(&bench, "web", host).await.oddities;
    let odd: Vec<_> = odd.iter().map(|one| (one.field.as_str(), one.why.as_str())).collect();
    assert_eq!(odd[1], ("capabilities", "NET_ADMIN, SYS_PTRACE; a new container has none of them"));
    assert_eq!(odd[0].0, "memorySwap");
    assert_eq!(odd.len(), 2, "{odd:?}");
}
