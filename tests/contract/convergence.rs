//! What is made is what is read: the way to the engine and back.

use crate::bench::{Bench, On, words};
use On::{Real, Served, Simulated};
use rstest::rstest;
use std::collections::{BTreeMap, BTreeSet};
use trueup_domain::{
    action::Action,
    container::{
        ContainerConfig, ContainerState, HealthConfig, Mount, MountKind, NetworkMode, PortBinding,
    },
    quantity::{Cpus, Memory},
    spec::{Protocol, Resources},
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
    bench.remove(&id).await;
}

#[rstest]
#[tokio::test]
async fn a_container_reads_back_as_it_was_asked_for(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let project = tempfile::tempdir().unwrap();
    let home = Action::EnsureVolume { name: bench.name("home"), labels: bench.labels() };
    bench.perform(home).await.unwrap();
    let network = bench.network("net");
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

#[rstest]
#[tokio::test]
async fn every_switch_reads_back_either_way(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
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

#[rstest]
#[tokio::test]
async fn without_a_command_the_images_own_runs(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let config = ContainerConfig { command: None, ..bench.config("own") };
    let id = bench.run(&config).await;
    let read = bench.inspect(id.as_str()).await;
    assert_eq!(read.state, ContainerState::Running);
    assert_eq!(read.config.command, Some(words(&[image::PROGRAM, "sleep"])));
    // What the image adds is told with the container's own.
    assert_eq!(read.config.env["PATH"], "/");
}
