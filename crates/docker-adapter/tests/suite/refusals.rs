//! Refusals of a real engine, as the port tells them.

use crate::support::{Bench, kind, words};
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
};
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState, Mount, MountKind, NetworkMode, PortBinding},
    error::{ErrorClass, Reason},
    id::ContainerId,
    port::Engine,
    spec::{Image, Protocol},
};

fn create(config: &ContainerConfig) -> Action {
    Action::CreateContainer(Box::new(config.clone()))
}

#[tokio::test]
async fn a_creation_is_refused_for_want_of_its_image_or_its_project() {
    let bench = Bench::new().await;
    let imageless =
        ContainerConfig { image: "trueup/never-made:1".to_owned(), ..bench.config("a") };
    let outcome = bench.perform(create(&imageless)).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::ImageNotFound));

    let projectless = ContainerConfig {
        mounts: BTreeSet::from([Mount {
            target: "/workspace".to_owned(),
            kind: MountKind::Bind,
            source: "/nowhere/at/all".to_owned(),
            read_only: false,
        }]),
        ..bench.config("b")
    };
    let outcome = bench.perform(create(&projectless)).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::ProjectMissing));
    assert!(!std::path::Path::new("/nowhere").exists());
}

#[tokio::test]
async fn a_start_is_refused_for_a_bad_command_or_user() {
    let bench = Bench::new().await;
    let command = |words_of: &[&str]| ContainerConfig {
        command: Some(words(words_of)),
        init: false,
        ..bench.config("command")
    };
    let user = ContainerConfig { user: Some("nobody-here".to_owned()), ..bench.config("user") };
    for config in [command(&["/nope"]), command(&["nope"]), command(&["/etc/passwd"]), user] {
        let id = bench.create(&config).await;
        let outcome = bench.perform(Action::StartContainer(id.clone())).await;
        assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::CommandInvalid), "{config:?}");
        let container = bench.inspect(id.as_str()).await;
        assert!(container.error.is_some());
        bench.perform(Action::RemoveContainer(id)).await.unwrap();
    }
}

#[tokio::test]
async fn a_bad_command_behind_the_init_ends_at_once_and_the_init_says_why() {
    let bench = Bench::new().await;
    let command = Some(words(&["/nope"]));
    let id = bench.run(&ContainerConfig { command, init: true, ..bench.config("a") }).await;
    let ended = bench.wait_for(&id, ContainerState::Exited).await;
    let words = "exec /nope failed: No such file or directory".to_owned();
    assert_eq!((ended.exit_code, ended.error), (Some(127), Some(words)));
}

#[tokio::test]
async fn a_start_is_refused_while_its_port_is_taken() {
    let bench = Bench::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = |part| ContainerConfig {
        network: NetworkMode::Bridge,
        ports: BTreeSet::from([PortBinding {
            container: 80,
            protocol: Protocol::Tcp,
            address: "127.0.0.1".to_owned(),
            host: Some(port),
        }]),
        ..bench.config(part)
    };
    let first = bench.create(&config("first")).await;
    let second = bench.create(&config("second")).await;
    let start = |id: &ContainerId| Action::StartContainer(id.clone());
    let by_process = bench.perform(start(&first)).await;
    assert_eq!(kind(by_process), (ErrorClass::Retryable, Reason::PortTaken));
    drop(listener);
    bench.perform(start(&first)).await.unwrap();
    let by_container = bench.perform(start(&second)).await;
    assert_eq!(kind(by_container), (ErrorClass::Retryable, Reason::PortTaken));
}

#[tokio::test]
async fn a_missing_network_is_named_as_the_reason() {
    let bench = Bench::new().await;
    let name = bench.name("gone");
    let config = ContainerConfig { network: NetworkMode::Named { name }, ..bench.config("a") };
    // Newer engines say it at the creation, older ones at the start.
    let outcome = match bench.perform(create(&config)).await {
        Ok(()) => bench.perform(Action::StartContainer(ContainerId::new(&*config.name))).await,
        refused => refused,
    };
    assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::NetworkMissing));
}

#[tokio::test]
async fn a_registry_that_is_down_may_be_up_later() {
    let bench = Bench::new().await;
    let image = Image::try_from("127.0.0.1:1/nope:1".to_owned()).unwrap();
    let outcome = bench.perform(Action::PullImage { image }).await;
    assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::PullFailed));
}

#[tokio::test]
async fn a_name_that_could_change_the_path_is_not_sent() {
    let bench = Bench::new().await;
    for name in ["", "../info", "a/b", "a?all=1", "%2e", "."] {
        let error = bench.engine.inspect(&ContainerId::new(name)).await.unwrap_err();
        assert_eq!(error.reason, Reason::Refused, "{name}");
    }
}
