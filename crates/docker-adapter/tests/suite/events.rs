//! The events of a real engine, through a proxy that is cut.

use crate::{
    proxy::Socket,
    support::{Bench, PATIENCE, quick_check},
};
use futures::{StreamExt, stream::BoxStream};
use jiff::SignedDuration;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use trueup_docker_adapter::{DockerEngine, Options};
use trueup_domain::{
    action::Action,
    container::ContainerConfig,
    port::{Engine, EngineEvent, Unreadable},
};

type Events = BoxStream<'static, Result<EngineEvent, Unreadable>>;

/// From the engine's present on.
async fn subscribe(engine: &DockerEngine) -> Events {
    let now = engine.time().await.unwrap();
    engine.events(now).await.unwrap()
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

#[tokio::test]
async fn what_happens_is_told_at_once_with_its_workspace_and_the_engines_time() {
    let bench = Bench::new().await;
    let before = bench.engine.time().await.unwrap();
    let mut events = subscribe(&bench.engine).await;
    let id = bench.run(&bench.config("watched")).await;
    let start = next_of(&mut events, "start").await;
    assert_eq!((&start.container, start.workspace), (&id, Some(bench.workspace)));
    let after = bench.engine.time().await.unwrap();
    assert!(before <= start.at && start.at <= after, "{before} {} {after}", start.at);
    bench.docker.kill_container(id.as_str(), None).await.unwrap();
    let begin = Instant::now();
    next_of(&mut events, "die").await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn what_happened_since_then_is_told_first() {
    let bench = Bench::new().await;
    let since = bench.engine.time().await.unwrap();
    let id = bench.create(&bench.config("early")).await;
    let mut events = bench.engine.events(since).await.unwrap();
    let event = next(&mut events).await;
    assert_eq!((event.action.as_str(), &event.container), ("create", &id));
    // Nothing is told from before.
    let later = event.at + SignedDuration::from_nanos(1);
    let mut events = bench.engine.events(later).await.unwrap();
    bench.perform(Action::StartContainer(id)).await.unwrap();
    assert_eq!(next(&mut events).await.action, "start");
}

#[tokio::test]
async fn checks_of_health_are_not_told_but_their_verdict_is() {
    let bench = Bench::new().await;
    let config =
        ContainerConfig { health: Some(quick_check("/workload")), ..bench.config("checked") };
    let mut events = subscribe(&bench.engine).await;
    bench.run(&config).await;
    loop {
        let event = next(&mut events).await;
        assert!(!event.action.starts_with("exec"), "{event:?}");
        if event.action == "health_status" {
            break;
        }
    }
}

#[tokio::test]
async fn containers_of_others_are_not_told() {
    let bench = Bench::new().await;
    let mut foreign = bench.config("foreign");
    foreign.labels.clear();
    let mut events = subscribe(&bench.engine).await;
    bench.run(&foreign).await;
    let ours = bench.create(&bench.config("ours")).await;
    assert_eq!(next(&mut events).await.container, ours);
}

#[tokio::test]
async fn a_cut_connection_ends_the_events() {
    let bench = Bench::new().await;
    let socket = Socket::new();
    let proxy = socket.forward(&bench.host);
    let options = Options::new(socket.host(), bench.instance.clone());
    let mut events = subscribe(&DockerEngine::connect(options).unwrap()).await;
    drop(proxy);
    assert_eq!(timeout(PATIENCE, events.next()).await, Ok(None));
}
