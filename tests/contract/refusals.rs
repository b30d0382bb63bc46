//! Refusals, as the port tells them: what kind of failure each is, and what is left behind.

use crate::{
    bench::{Bench, MISSING, On, create, kind, words},
    served::UNREACHABLE,
};
use On::{Real, Served, Simulated};
use rstest::rstest;
use std::collections::BTreeSet;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState, Mount, MountKind, NetworkMode, PortBinding},
    error::{ErrorClass, Reason},
    id::ContainerId,
    spec::{Image, Protocol},
};

#[rstest]
#[tokio::test]
async fn a_creation_is_refused_for_want_of_its_image_or_its_project(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let imageless =
        ContainerConfig { image: "trueup/never-made:1".to_owned(), ..bench.config("a") };
    let outcome = bench.perform(create(&imageless)).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::ImageNotFound));

    let folder = tempfile::tempdir().unwrap().path().to_owned();
    bench.lacks_folder(&folder);
    let mount = Mount {
        target: "/workspace".to_owned(),
        kind: MountKind::Bind,
        source: folder.to_str().unwrap().to_owned(),
        read_only: false,
    };
    let projectless = ContainerConfig { mounts: [mount].into(), ..bench.config("b") };
    let outcome = bench.perform(create(&projectless)).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::ProjectMissing));
    assert!(!folder.exists());
    assert_eq!(bench.engine.list(None).await, Ok(Vec::new()));
}

#[rstest]
#[tokio::test]
async fn a_start_is_refused_for_a_bad_command_and_the_container_stays_as_made(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    for command in MISSING {
        let config = ContainerConfig { init: false, ..bench.running("bad", &[command]) };
        let id = bench.create(&config).await;
        let outcome = bench.perform(Action::StartContainer(id.clone())).await;
        assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::CommandInvalid), "{command}");
        let left = bench.inspect(id.as_str()).await;
        assert_eq!((left.state, left.exit_code), (ContainerState::Created, None), "{command}");
        assert_eq!((left.started_at, left.published), (None, BTreeSet::new()), "{command}");
        assert!(left.error.is_some());
        bench.remove(&id).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_bad_command_behind_the_init_ends_at_once_and_the_init_says_why(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let id = bench.run(&bench.running("bad", &["/nope"])).await;
    let ended = bench.wait_for(&id, ContainerState::Exited).await;
    let said = "exec /nope failed: No such file or directory".to_owned();
    assert_eq!((ended.exit_code, ended.error), (Some(127), Some(said)));
}

#[rstest]
#[tokio::test]
async fn a_start_is_refused_while_another_container_has_its_port(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let publishing = |part, host| {
        let port = PortBinding {
            container: 80,
            protocol: Protocol::Tcp,
            address: "127.0.0.1".to_owned(),
            host,
        };
        let network = NetworkMode::Bridge;
        ContainerConfig { network, ports: [port].into(), ..bench.config(part) }
    };
    let first = bench.run(&publishing("first", None)).await;
    let published = bench.inspect(first.as_str()).await.published.pop_first().unwrap();
    assert_eq!((published.container, published.address.as_str()), (80, "127.0.0.1"));
    let second = bench.create(&publishing("second", published.host)).await;
    let start = Action::StartContainer(second.clone());
    let outcome = bench.engine.perform(&start).await;
    assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::PortTaken));
    assert_eq!(bench.state(&second).await, ContainerState::Created);
    bench.perform(Action::KillContainer(first.clone())).await.unwrap();
    assert_eq!(bench.inspect(first.as_str()).await.published, BTreeSet::new());
    bench.engine.perform(&start).await.unwrap();
    let taken = bench.inspect(second.as_str()).await;
    assert_eq!((taken.published, taken.error), ([published].into(), None));
}

#[rstest]
#[tokio::test]
async fn a_missing_network_is_named_as_the_reason(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let network = NetworkMode::Named { name: bench.name("gone") };
    let config = ContainerConfig { network, ..bench.config("a") };
    // Newer engines say it at the creation, older ones at the start.
    let outcome = match bench.perform(create(&config)).await {
        Ok(()) => bench.perform(Action::StartContainer(ContainerId::new(&*config.name))).await,
        refused => refused,
    };
    assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::NetworkMissing));
}

#[rstest]
#[tokio::test]
async fn a_registry_that_is_down_may_be_up_later(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let image = Image::try_from(UNREACHABLE.to_owned()).unwrap();
    let outcome = bench.perform(Action::PullImage { image: image.clone() }).await;
    assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::PullFailed));
    assert_eq!(bench.engine.has_image(&image).await, Ok(false));
}

#[rstest]
#[tokio::test]
async fn a_refused_creation_leaves_its_name_free(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let config = bench.config("a");
    let imageless = ContainerConfig { image: "trueup/never-made:1".to_owned(), ..config.clone() };
    bench.perform(create(&imageless)).await.unwrap_err();
    bench.create(&config).await;
    assert_eq!(
        bench.inspect(&config.name).await.config.command,
        Some(words(&["/workload", "sleep"]))
    );
}
