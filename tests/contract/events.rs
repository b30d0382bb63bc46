//! Events: every change of ours is told, with its workspace, and nothing of anybody else's.

use crate::bench::{Bench, On, PATIENCE, kind, quick_check, stop};
use On::{Real, Served, Simulated};
use futures::{StreamExt, stream::BoxStream};
use jiff::SignedDuration;
use rstest::rstest;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, timeout};
use trueup_domain::{
    action::Action,
    container::ContainerConfig,
    error::{ErrorClass, Reason},
    id::ContainerId,
    port::{EngineEvent, Unreadable},
    spec::Resources,
};

type Events = BoxStream<'static, Result<EngineEvent, Unreadable>>;

/// From the engine's present on.
async fn subscribe(bench: &Bench) -> Events {
    let now = bench.engine.time().await.unwrap();
    bench.engine.events(now).await.unwrap()
}

async fn next(events: &mut Events) -> EngineEvent {
    timeout(PATIENCE, events.next()).await.expect("nothing was told").unwrap().unwrap()
}

async fn next_of(events: &mut Events, action: &str) -> EngineEvent {
    loop {
        let event = next(events).await;
        if event.action == action {
            return event;
        }
    }
}

/// How often each word is told of a container, whatever the order, up to its end.
async fn told(bench: &Bench, events: &mut Events, id: &ContainerId) -> BTreeMap<String, u32> {
    let mut told = BTreeMap::new();
    while !told.contains_key("destroy") {
        let event = next(events).await;
        assert_eq!((&event.container, event.workspace), (id, Some(bench.workspace)), "{event:?}");
        *told.entry(event.action).or_default() += 1;
    }
    told
}

fn counts<const N: usize>(words: [(&str, u32); N]) -> BTreeMap<String, u32> {
    words.into_iter().map(|(word, count)| (word.to_owned(), count)).collect()
}

#[rstest]
#[tokio::test]
async fn every_step_of_a_life_is_told_with_its_workspace(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let mut events = subscribe(&bench).await;
    let id = bench.run(&bench.config("life")).await;
    for action in [
        Action::RenameContainer { container: id.clone(), to: bench.name("renamed") },
        Action::UpdateResources { container: id.clone(), resources: Resources::default() },
        Action::PauseContainer(id.clone()),
        Action::UnpauseContainer(id.clone()),
        stop(&id, PATIENCE),
        Action::StartContainer(id.clone()),
        Action::KillContainer(id.clone()),
        Action::RemoveContainer(id.clone()),
    ] {
        bench.perform(action).await.unwrap();
    }
    let expected = counts([
        ("create", 1),
        ("start", 2),
        ("rename", 1),
        ("update", 1),
        ("pause", 1),
        ("unpause", 1),
        ("kill", 2),
        ("die", 2),
        ("stop", 1),
        ("destroy", 1),
    ]);
    assert_eq!(told(&bench, &mut events, &id).await, expected);
}

#[rstest]
#[tokio::test]
async fn a_removal_tells_of_the_death_that_it_brings(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let mut events = subscribe(&bench).await;
    let id = bench.run(&bench.config("short")).await;
    bench.remove(&id).await;
    let expected = counts([("create", 1), ("start", 1), ("kill", 1), ("die", 1), ("destroy", 1)]);
    assert_eq!(told(&bench, &mut events, &id).await, expected);
}

#[rstest]
#[tokio::test]
async fn what_fails_and_what_is_so_already_tells_nothing(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let mut events = subscribe(&bench).await;
    let config = ContainerConfig { init: false, ..bench.running("bad", &["/nope"]) };
    let id = bench.create(&config).await;
    let outcome = bench.perform(Action::StartContainer(id.clone())).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::CommandInvalid));
    bench.create(&config).await;
    bench.perform(Action::KillContainer(id.clone())).await.unwrap();
    bench.perform(stop(&id, PATIENCE)).await.unwrap();
    bench.remove(&id).await;
    assert_eq!(told(&bench, &mut events, &id).await, counts([("create", 1), ("destroy", 1)]));
}

#[rstest]
#[tokio::test]
async fn what_happens_is_told_at_once_and_by_the_engines_time(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let before = bench.engine.time().await.unwrap();
    let mut events = subscribe(&bench).await;
    let id = bench.run(&bench.config("watched")).await;
    let start = next_of(&mut events, "start").await;
    let after = bench.engine.time().await.unwrap();
    // Stamps are slightly out of order.
    let slack = SignedDuration::from_millis(2);
    assert!(before - slack <= start.at && start.at <= after, "{before} {} {after}", start.at);
    bench.perform(Action::KillContainer(id)).await.unwrap();
    let begin = Instant::now();
    next_of(&mut events, "die").await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[rstest]
#[tokio::test]
async fn what_happened_since_then_is_told_first(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    // The stamp of what follows may be a little early.
    let since = bench.engine.time().await.unwrap() - SignedDuration::from_millis(2);
    let id = bench.create(&bench.config("early")).await;
    let mut events = bench.engine.events(since).await.unwrap();
    let event = next(&mut events).await;
    assert_eq!((event.action.as_str(), &event.container), ("create", &id));
    // Nothing is told from before.
    let later = event.at + SignedDuration::from_nanos(1);
    let mut events = bench.engine.events(later).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    bench.perform(Action::StartContainer(id)).await.unwrap();
    assert_eq!(next(&mut events).await.action, "start");
}

#[rstest]
#[tokio::test]
async fn checks_of_health_are_not_told_but_their_verdict_is(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let health = Some(quick_check("/workload"));
    let mut events = subscribe(&bench).await;
    bench.run(&ContainerConfig { health, ..bench.config("checked") }).await;
    loop {
        let event = next(&mut events).await;
        assert!(!event.action.starts_with("exec"), "{event:?}");
        if event.action == "health_status" {
            break;
        }
    }
}

#[rstest]
#[tokio::test]
async fn containers_of_others_are_not_told(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let other = bench.other();
    let mut events = subscribe(&bench).await;
    let labels = bench.strange_labels();
    bench.run(&ContainerConfig { labels, ..bench.config("stranger") }).await;
    other.run(&other.config("theirs")).await;
    let ours = bench.create(&bench.config("ours")).await;
    assert_eq!(next(&mut events).await.container, ours);
}

#[rstest]
#[tokio::test]
async fn a_container_without_a_workspace_is_told_without_one(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let mut events = subscribe(&bench).await;
    let mut config = bench.config("nobodys");
    config.labels.remove(trueup_domain::label::WORKSPACE_ID);
    let id = bench.create(&config).await;
    let event = next(&mut events).await;
    assert_eq!((event.container, event.workspace), (id, None));
}
