//! What only a real engine has: a file system, the host's ports, users, and people who alter it.

use crate::support::{Bench, kind, words};
use bollard::models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use std::net::{Ipv4Addr, TcpListener};
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState, NetworkMode, PortBinding},
    error::{ErrorClass, Reason},
    spec::Protocol,
};
use trueup_tests::image;

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
async fn a_start_is_refused_for_a_user_that_the_image_lacks() {
    let bench = Bench::new().await;
    let user = Some("nobody-here".to_owned());
    let id = bench.create(&ContainerConfig { user, ..bench.config("user") }).await;
    let outcome = bench.perform(Action::StartContainer(id.clone())).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::CommandInvalid));
    assert!(bench.inspect(id.as_str()).await.error.is_some());
}

#[tokio::test]
async fn a_start_is_refused_while_a_process_of_the_host_has_its_port() {
    let bench = Bench::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = PortBinding {
        container: 80,
        protocol: Protocol::Tcp,
        address: "127.0.0.1".to_owned(),
        host: Some(listener.local_addr().unwrap().port()),
    };
    let network = NetworkMode::Bridge;
    let config = ContainerConfig { network, ports: [port].into(), ..bench.config("web") };
    let start = Action::StartContainer(bench.create(&config).await);
    let outcome = bench.perform(start.clone()).await;
    assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::PortTaken));
    drop(listener);
    bench.perform(start).await.unwrap();
}

#[tokio::test]
async fn what_somebody_else_allowed_is_taken_back_with_the_limits() {
    let bench = Bench::new().await;
    let config = bench.config("allowed");
    let id = bench.run(&config).await;
    let policy = |name| Some(RestartPolicy { name: Some(name), ..RestartPolicy::default() });
    for (restart_policy, memory_swap) in [
        (policy(RestartPolicyNameEnum::ALWAYS), None),
        (policy(RestartPolicyNameEnum::UNLESS_STOPPED), Some(-1)),
        (policy(RestartPolicyNameEnum::ON_FAILURE), Some(4 << 30)),
    ] {
        let swap = memory_swap.is_some();
        let update =
            ContainerUpdateBody { restart_policy, memory_swap, ..ContainerUpdateBody::default() };
        bench.docker.update_container(id.as_str(), update).await.unwrap();
        let altered = bench.inspect(id.as_str()).await.config;
        assert_eq!((altered.restart, altered.swap), (true, swap));
        let resources = config.resources;
        bench.perform(Action::UpdateResources { container: id.clone(), resources }).await.unwrap();
        let mended = bench.inspect(id.as_str()).await;
        assert_eq!((mended.config.restart, mended.config.swap), (false, false));
        assert_eq!(mended.state, ContainerState::Running);
    }
}
