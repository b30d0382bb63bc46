//! What is made is what is read: the way to the engine and back.

use crate::support::{Bench, quick_check, words};
use std::collections::{BTreeMap, BTreeSet};
use trueup_domain::{
    action::Action,
    container::{
        ContainerConfig, ContainerState, HealthConfig, HealthState, Mount, MountKind, NetworkMode,
        PortBinding,
    },
    port::Engine,
    quantity::{Cpus, Memory},
    spec::{Image, Protocol, Resources},
};
use trueup_tests::image;

fn full(bench: &Bench, project: &str) -> ContainerConfig {
    let mount = |target: &str, kind, source: &str, read_only| Mount {
        target: target.to_owned(),
        kind,
        source: source.to_owned(),
        read_only,
    };
    let port = |container, protocol| PortBinding {
        container,
        protocol,
        address: "127.0.0.1".to_owned(),
        host: None,
    };
    ContainerConfig {
        env: BTreeMap::from([
            ("EDITOR".to_owned(), "vim".to_owned()),
            ("ODD".to_owned(), "a=b c\n\"d\"".to_owned()),
            ("EMPTY".to_owned(), String::new()),
        ]),
        working_dir: Some("/workspace".to_owned()),
        user: Some("1000:1000".to_owned()),
        mounts: BTreeSet::from([
            mount("/workspace", MountKind::Bind, project, true),
            mount("/home/dev", MountKind::Volume, &bench.name("home"), false),
            mount("/scratch", MountKind::Tmpfs, "", false),
        ]),
        ports: BTreeSet::from([port(8080, Protocol::Tcp), port(53, Protocol::Udp)]),
        resources: Resources {
            cpus: Cpus::from_millis(1250),
            memory: Memory::from_mib(96),
            pids: 77,
        },
        capabilities: BTreeSet::from(["CHOWN".to_owned(), "NET_BIND_SERVICE".to_owned()]),
        health: Some(HealthConfig {
            command: words(&[image::PROGRAM, "health", "/workload"]),
            interval_ms: 1500,
            timeout_ms: 2000,
            retries: 4,
            start_period_ms: 2500,
        }),
        ..bench.config("full")
    }
}

/// Made, started and read, apart from what the image adds.
async fn assert_reads_back(bench: &Bench, config: &ContainerConfig) {
    let id = bench.create(config).await;
    for started in [false, true] {
        if started {
            bench.perform(Action::StartContainer(id.clone())).await.unwrap();
        }
        let mut read = bench.inspect(&config.name).await.config;
        read.env.retain(|name, _| config.env.contains_key(name));
        read.labels.retain(|name, _| config.labels.contains_key(name));
        assert_eq!(&read, config, "started: {started}");
    }
    bench.perform(Action::RemoveContainer(id)).await.unwrap();
}

#[tokio::test]
async fn a_container_reads_back_as_it_was_asked_for() {
    let bench = Bench::new().await;
    let project = tempfile::tempdir().unwrap();
    let network = bench.network("net", None);
    bench.perform(Action::EnsureNetwork(network.clone())).await.unwrap();
    let config = full(&bench, project.path().to_str().unwrap());
    for mode in [NetworkMode::None, NetworkMode::Bridge, NetworkMode::Named { name: network.name }]
    {
        // Without a network nothing can be published.
        let ports = if mode == NetworkMode::None { BTreeSet::new() } else { config.ports.clone() };
        assert_reads_back(&bench, &ContainerConfig { network: mode, ports, ..config.clone() })
            .await;
    }
}

#[tokio::test]
async fn every_switch_reads_back_either_way() {
    let bench = Bench::new().await;
    for on in [true, false] {
        let config = ContainerConfig {
            read_only_root: on,
            no_new_privileges: on,
            init: on,
            ..bench.config("switches")
        };
        assert_reads_back(&bench, &config).await;
    }
}

#[tokio::test]
async fn a_read_only_root_leaves_a_scratch_folder() {
    let bench = Bench::new().await;
    for (file, code) in [("/tmp/file", Some(0)), ("/file", None)] {
        let config = ContainerConfig {
            read_only_root: true,
            command: Some(words(&[image::PROGRAM, "write", file, "text", "exit", "0"])),
            ..bench.config("strict")
        };
        let id = bench.run(&config).await;
        let ended = bench.wait_for(&id, ContainerState::Exited).await;
        assert_eq!(ended.exit_code == Some(0), code == Some(0), "{file}");
        bench.perform(Action::RemoveContainer(id)).await.unwrap();
    }
}

#[tokio::test]
async fn without_a_command_the_images_own_runs() {
    let bench = Bench::new().await;
    let config = ContainerConfig { command: None, ..bench.config("own") };
    let id = bench.run(&config).await;
    let read = bench.inspect(id.as_str()).await;
    assert_eq!(read.state, ContainerState::Running);
    assert_eq!(read.config.command, Some(words(&[image::PROGRAM, "sleep"])));
}

#[tokio::test]
async fn a_life_is_read_from_its_beginning_to_its_end() {
    let bench = Bench::new().await;
    let config = ContainerConfig {
        command: Some(words(&[image::PROGRAM, "sleep", "0.2", "exit", "7"])),
        ..bench.config("life")
    };
    let id = bench.create(&config).await;
    let made = bench.inspect(id.as_str()).await;
    assert_eq!(made.state, ContainerState::Created);
    assert_eq!((made.started_at, made.finished_at, made.exit_code), (None, None, None));
    assert!(made.image_id.as_str().starts_with("sha256:"));
    bench.perform(Action::StartContainer(id.clone())).await.unwrap();
    let ended = bench.wait_for(&id, ContainerState::Exited).await;
    assert_eq!(ended.exit_code, Some(7));
    assert!(ended.started_at.unwrap() < ended.finished_at.unwrap());
    assert!(!ended.oom_killed);
}

#[tokio::test]
async fn health_is_read_as_the_engine_judges_it() {
    let bench = Bench::new().await;
    for (file, expected) in
        [("/workload", HealthState::Healthy), ("/nowhere", HealthState::Unhealthy)]
    {
        let config = ContainerConfig { health: Some(quick_check(file)), ..bench.config("health") };
        let id = bench.run(&config).await;
        bench.wait_until(&id, |container| container.health == Some(expected)).await;
        bench.perform(Action::RemoveContainer(id)).await.unwrap();
    }
}

#[tokio::test]
async fn only_our_containers_are_listed_and_by_workspace() {
    let bench = Bench::new().await;
    let ours = bench.run(&bench.config("ours")).await;
    let mut other = bench.config("other");
    other.labels.insert(
        trueup_domain::label::WORKSPACE_ID.to_owned(),
        "0190f5a0000070008000000000000001".to_owned(),
    );
    bench.create(&other).await;
    let mut foreign = bench.config("foreign");
    foreign.labels.clear();
    bench.create(&foreign).await;

    let all = bench.engine.list(None).await.unwrap();
    assert_eq!(all.len(), 2, "{all:?}");
    let one = bench.engine.list(Some(bench.workspace)).await.unwrap();
    assert_eq!(one.len(), 1, "{one:?}");
    assert_eq!((&one[0].id, &one[0].name), (&ours, &bench.name("ours")));
    assert_eq!(one[0].state, ContainerState::Running);
}

#[tokio::test]
async fn an_image_is_here_or_not() {
    let bench = Bench::new().await;
    for (name, here) in [(image::IMAGE, true), ("trueup/never-made:1", false)] {
        let image = Image::try_from(name.to_owned()).unwrap();
        assert_eq!(bench.engine.has_image(&image).await, Ok(here), "{name}");
    }
}
