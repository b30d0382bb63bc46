//! Named volumes: the data of a workspace, which nothing but its own removal takes away.

use crate::bench::{Bench, On, kind};
use On::{Real, Served, Simulated};
use rstest::rstest;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, Mount, MountKind},
    error::{ErrorClass, Reason},
};

fn ensure(bench: &Bench, name: &str) -> Action {
    Action::EnsureVolume { name: name.to_owned(), labels: bench.labels() }
}

/// A container that mounts the volume.
fn mounting(bench: &Bench, volume: &str) -> ContainerConfig {
    let mount = Mount {
        target: "/home/dev".to_owned(),
        kind: MountKind::Volume,
        source: volume.to_owned(),
        read_only: false,
    };
    ContainerConfig { mounts: [mount].into(), ..bench.config("user") }
}

#[rstest]
#[tokio::test]
async fn a_volume_is_made_once_listed_by_workspace_and_removed_once(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let other = bench.other();
    let names = [bench.name("cache"), bench.name("home")];
    for name in names.iter().chain(&names) {
        bench.perform(ensure(&bench, name)).await.unwrap();
    }
    let labels = bench.labels_of(other.workspace);
    let elsewhere = bench.name("elsewhere");
    bench.perform(Action::EnsureVolume { name: elsewhere.clone(), labels }).await.unwrap();
    assert_eq!(bench.engine.volumes(bench.workspace).await.unwrap(), names);
    assert_eq!(bench.engine.volumes(other.workspace).await.unwrap(), [elsewhere]);
    assert_eq!(other.engine.volumes(bench.workspace).await.unwrap(), [""; 0]);
    for _ in 0..2 {
        bench.perform(Action::RemoveVolume { name: names[0].clone() }).await.unwrap();
        assert_eq!(bench.engine.volumes(bench.workspace).await.unwrap(), names[1..]);
    }
}

#[rstest]
#[tokio::test]
async fn a_volume_of_somebody_else_is_neither_taken_nor_removed(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let other = bench.other();
    let name = other.name("foreign");
    other.perform(ensure(&other, &name)).await.unwrap();
    for action in [ensure(&bench, &name), Action::RemoveVolume { name: name.clone() }] {
        let outcome = bench.engine.perform(&action).await;
        assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::NameConflict), "{action}");
    }
    assert_eq!(other.engine.volumes(other.workspace).await.unwrap(), [name]);
}

#[rstest]
#[tokio::test]
async fn a_volume_in_use_is_busy(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let name = bench.name("home");
    bench.perform(ensure(&bench, &name)).await.unwrap();
    let id = bench.create(&mounting(&bench, &name)).await;
    let remove = Action::RemoveVolume { name };
    for running in [false, true] {
        if running {
            bench.perform(Action::StartContainer(id.clone())).await.unwrap();
        }
        let outcome = bench.engine.perform(&remove).await;
        assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::Busy), "running: {running}");
    }
    bench.remove(&id).await;
    bench.engine.perform(&remove).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_removal_of_the_container_keeps_its_named_volume(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let name = bench.name("home");
    bench.perform(ensure(&bench, &name)).await.unwrap();
    let id = bench.run(&mounting(&bench, &name)).await;
    bench.remove(&id).await;
    assert_eq!(bench.engine.volumes(bench.workspace).await, Ok(vec![name]));
}
