//! Named volumes on a real engine.

use crate::support::{Bench, kind};
use bollard::models::VolumeCreateRequest;
use std::collections::BTreeSet;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, Mount, MountKind},
    error::{ErrorClass, Reason},
    port::Engine,
};

#[tokio::test]
async fn a_volume_is_made_once_listed_and_removed_once() {
    let bench = Bench::new().await;
    let names = [bench.name("cache"), bench.name("home")];
    for name in names.iter().chain(&names) {
        let action = Action::EnsureVolume { name: name.clone(), labels: bench.labels() };
        bench.perform(action).await.unwrap();
    }
    assert_eq!(bench.engine.volumes(bench.workspace).await.unwrap(), names);
    for _ in 0..2 {
        bench.perform(Action::RemoveVolume { name: names[0].clone() }).await.unwrap();
        assert_eq!(bench.engine.volumes(bench.workspace).await.unwrap(), names[1..]);
    }
}

#[tokio::test]
async fn a_volume_of_somebody_else_is_neither_taken_nor_removed() {
    let bench = Bench::new().await;
    let name = bench.name("foreign");
    let theirs = VolumeCreateRequest { name: Some(name.clone()), ..Default::default() };
    bench.docker.create_volume(theirs).await.unwrap();
    for action in [
        Action::EnsureVolume { name: name.clone(), labels: bench.labels() },
        Action::RemoveVolume { name: name.clone() },
    ] {
        let outcome = bench.engine.perform(&action).await;
        assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::NameConflict), "{action}");
    }
    bench.docker.inspect_volume(&name).await.unwrap();
}

#[tokio::test]
async fn a_volume_in_use_is_busy() {
    let bench = Bench::new().await;
    let name = bench.name("home");
    let ensure = Action::EnsureVolume { name: name.clone(), labels: bench.labels() };
    bench.perform(ensure).await.unwrap();
    let config = ContainerConfig {
        mounts: BTreeSet::from([Mount {
            target: "/home/dev".to_owned(),
            kind: MountKind::Volume,
            source: name.clone(),
            read_only: false,
        }]),
        ..bench.config("user")
    };
    let id = bench.create(&config).await;
    let remove = Action::RemoveVolume { name };
    assert_eq!(kind(bench.engine.perform(&remove).await), (ErrorClass::Retryable, Reason::Busy));
    bench.perform(Action::RemoveContainer(id)).await.unwrap();
    bench.engine.perform(&remove).await.unwrap();
}
