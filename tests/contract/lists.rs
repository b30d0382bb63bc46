//! What is seen: ours by its labels, and nothing else.

use crate::bench::{Bench, On};
use On::{Real, Served, Simulated};
use rstest::rstest;
use std::collections::BTreeSet;
use tokio::time::{Duration, Instant, sleep};
use trueup_controller::clock::SystemClock;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState},
    id::{ContainerId, WorkspaceId},
    port::Clock,
    spec::Image,
};
use trueup_tests::image;

async fn listed(bench: &Bench, workspace: Option<WorkspaceId>) -> BTreeSet<ContainerId> {
    let rows = bench.engine.list(workspace).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

#[rstest]
#[tokio::test]
async fn only_our_containers_are_listed_and_by_workspace(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let other = bench.other();
    let named = |part: &str, labels| ContainerConfig { labels, ..bench.config(part) };
    let ours = bench.run(&bench.config("ours")).await;
    let elsewhere = bench.create(&named("elsewhere", bench.labels_of(other.workspace))).await;
    bench.create(&named("stranger", bench.strange_labels())).await;
    let theirs = bench.create(&named("theirs", other.labels_of(bench.workspace))).await;

    assert_eq!(listed(&bench, None).await, [ours.clone(), elsewhere.clone()].into());
    assert_eq!(listed(&bench, Some(bench.workspace)).await, [ours.clone()].into());
    assert_eq!(listed(&bench, Some(other.workspace)).await, [elsewhere].into());
    assert_eq!(listed(&other, None).await, [theirs.clone()].into());
    assert_eq!(listed(&other, Some(bench.workspace)).await, [theirs].into());
    assert_eq!(listed(&other, Some(other.workspace)).await, [].into());

    let row = bench.engine.list(Some(bench.workspace)).await.unwrap().remove(0);
    assert_eq!((row.id, row.name, row.workspace), (ours, bench.name("ours"), bench.workspace));
    assert_eq!((row.state, row.networks), (ContainerState::Running, ["none".to_owned()].into()));
}

#[rstest]
#[tokio::test]
async fn a_list_has_every_state_and_comes_to_tell_the_present_one(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let id = bench.create(&bench.config("row")).await;
    for (action, state) in [
        (None, ContainerState::Created),
        (Some(Action::StartContainer(id.clone())), ContainerState::Running),
        (Some(Action::PauseContainer(id.clone())), ContainerState::Paused),
        (Some(Action::KillContainer(id.clone())), ContainerState::Exited),
    ] {
        if let Some(action) = action {
            bench.perform(action).await.unwrap();
        }
        // Right after a death it may be stale.
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let rows = bench.engine.list(Some(bench.workspace)).await.unwrap();
            assert_eq!(rows.len(), 1);
            if rows[0].state == state {
                break;
            }
            assert!(Instant::now() < until, "{rows:?} never became {state:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_container_is_found_by_its_id_and_by_its_name_whosever_it_is(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let ours = bench.config("ours");
    let labels = bench.strange_labels();
    let strange = ContainerConfig { labels, ..bench.config("strange") };
    for config in [ours, strange] {
        assert_eq!(bench.engine.inspect(&ContainerId::new(&*config.name)).await, Ok(None));
        let id = bench.create(&config).await;
        let [by_id, by_name] =
            [bench.inspect(id.as_str()).await, bench.inspect(&config.name).await];
        assert_eq!(by_id, by_name);
        for (key, value) in &config.labels {
            assert_eq!(by_id.label(key), Some(value.as_str()));
        }
    }
}

#[rstest]
#[tokio::test]
async fn an_image_is_here_or_not(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    for (name, here) in [(image::IMAGE, true), ("trueup/never-made:1", false)] {
        let image = Image::try_from(name.to_owned()).unwrap();
        assert_eq!(bench.engine.has_image(&image).await, Ok(here), "{name}");
    }
}

#[rstest]
#[tokio::test]
async fn the_engines_clock_goes_and_is_near_ours(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let before = bench.engine.time().await.unwrap();
    let distance = before.duration_since(SystemClock.now()).abs();
    assert!(distance.as_secs() < 5, "{distance} apart");
    sleep(Duration::from_millis(5)).await;
    assert!(bench.engine.time().await.unwrap() > before);
}
