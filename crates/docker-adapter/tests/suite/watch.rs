//! The watch on a real engine, through a proxy that is cut.

use crate::{
    proxy::Socket,
    support::{Bench, PATIENCE, quick_check},
};
use futures::{StreamExt, stream::BoxStream};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use trueup_docker_adapter::{DockerEngine, Options};
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState, ContainerSummary},
    error::Reason,
    port::{Engine, EngineChange, WatchEvent},
};

type Events = BoxStream<'static, WatchEvent>;

async fn next(events: &mut Events) -> WatchEvent {
    timeout(PATIENCE, events.next()).await.expect("nothing was told").unwrap()
}

async fn next_list(events: &mut Events) -> Vec<ContainerSummary> {
    loop {
        if let WatchEvent::Listed(rows) = next(events).await {
            return rows;
        }
    }
}

async fn next_change(events: &mut Events, action: &str) -> EngineChange {
    loop {
        match next(events).await {
            WatchEvent::Changed(change) if change.action == action => return change,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_watch_lists_what_is_there_and_tells_what_changes() {
    let bench = Bench::new().await;
    let id = bench.create(&bench.config("watched")).await;
    let mut events = bench.engine.watch();
    assert_eq!(next_list(&mut events).await.len(), 1);
    bench.perform(Action::StartContainer(id.clone())).await.unwrap();
    let change = next_change(&mut events, "start").await;
    assert_eq!((&change.container, change.workspace), (&id, bench.workspace));
    bench.docker.kill_container(id.as_str(), None).await.unwrap();
    next_change(&mut events, "die").await;
}

#[tokio::test]
async fn a_change_is_told_at_once() {
    let bench = Bench::new().await;
    let id = bench.run(&bench.config("quick")).await;
    let mut events = bench.engine.watch();
    next_list(&mut events).await;
    bench.docker.kill_container(id.as_str(), None).await.unwrap();
    let begin = Instant::now();
    next_change(&mut events, "die").await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn checks_of_health_are_not_told_but_their_verdict_is() {
    let bench = Bench::new().await;
    let config =
        ContainerConfig { health: Some(quick_check("/workload")), ..bench.config("checked") };
    let mut events = bench.engine.watch();
    next_list(&mut events).await;
    bench.run(&config).await;
    loop {
        let WatchEvent::Changed(change) = next(&mut events).await else { continue };
        assert!(!change.action.starts_with("exec"), "{change:?}");
        if change.action == "health_status" {
            break;
        }
    }
}

#[tokio::test]
async fn containers_of_others_are_not_told() {
    let bench = Bench::new().await;
    let mut foreign = bench.config("foreign");
    foreign.labels.clear();
    let mut events = bench.engine.watch();
    assert_eq!(next_list(&mut events).await, []);
    bench.run(&foreign).await;
    bench.create(&bench.config("ours")).await;
    let WatchEvent::Changed(change) = next(&mut events).await else { panic!("another list") };
    let ours = bench.inspect(&bench.name("ours")).await.id;
    assert_eq!(change.container, ours);
}

#[tokio::test]
async fn a_cut_connection_loses_nothing() {
    let bench = Bench::new().await;
    let socket = Socket::new();
    let proxy = socket.forward(&bench.host);
    let options = Options::new(socket.host(), bench.instance.clone());
    let mut events = DockerEngine::connect(options).unwrap().watch();
    assert_eq!(next_list(&mut events).await, []);
    drop(proxy);
    // While nobody looks.
    let id = bench.run(&bench.config("unseen")).await;
    bench.docker.kill_container(id.as_str(), None).await.unwrap();
    let _proxy = socket.forward(&bench.host);
    let (mut listed, mut died) = (false, false);
    while !(listed && died) {
        match next(&mut events).await {
            WatchEvent::Listed(rows) => listed = rows.iter().any(|row| row.id == id),
            WatchEvent::Changed(change) => died |= change.container == id,
            WatchEvent::Lost(error) => assert_eq!(error.reason, Reason::EngineUnreachable),
        }
    }
}

#[tokio::test]
async fn an_engine_that_is_away_is_told_once_per_interval_until_it_is_back() {
    let bench = Bench::new().await;
    let socket = Socket::new();
    let resync = Duration::from_secs(1);
    let options = Options { resync, ..Options::new(socket.host(), bench.instance.clone()) };
    let mut events = DockerEngine::connect(options).unwrap().watch();
    let begin = Instant::now();
    for _ in 0..3 {
        let WatchEvent::Lost(error) = next(&mut events).await else { panic!("it is away") };
        assert_eq!(error.reason, Reason::EngineUnreachable);
    }
    assert!(begin.elapsed() >= resync * 2, "{:?}", begin.elapsed());
    let _proxy = socket.forward(&bench.host);
    loop {
        match next(&mut events).await {
            WatchEvent::Listed(_) => break,
            WatchEvent::Lost(_) => {}
            WatchEvent::Changed(change) => panic!("{change:?}"),
        }
    }
}

#[tokio::test]
async fn everything_is_listed_again_each_interval_and_after_each_silence() {
    let bench = Bench::new().await;
    let short = Duration::from_millis(300);
    let by_interval =
        Options { resync: short, ..Options::new(&bench.host, bench.instance.clone()) };
    let by_silence =
        Options { event_silence: short, ..Options::new(&bench.host, bench.instance.clone()) };
    for options in [by_interval, by_silence] {
        let mut events = DockerEngine::connect(options).unwrap().watch();
        for _ in 0..3 {
            next_list(&mut events).await;
        }
    }
}

#[tokio::test]
async fn a_consumer_that_does_not_look_finds_changes_merged() {
    let bench = Bench::new().await;
    let mut events = bench.engine.watch();
    next_list(&mut events).await;
    let id = bench.create(&bench.config("busy")).await;
    for _ in 0..5 {
        bench.perform(Action::StartContainer(id.clone())).await.unwrap();
        bench.docker.kill_container(id.as_str(), None).await.unwrap();
        bench.wait_for(&id, ContainerState::Exited).await;
    }
    // More than 15 events: the reader has taken them all while nobody looked.
    let mut told = 0;
    while timeout(Duration::from_millis(500), events.next()).await.is_ok() {
        told += 1;
    }
    assert!((1..=3).contains(&told), "{told} were told");
}

#[tokio::test]
async fn a_dropped_watch_ends_its_subscription() {
    let bench = Bench::new().await;
    let socket = Socket::new();
    let (_served, requests) = socket.answer(|_| String::new());
    let options = Options::new(socket.host(), bench.instance.clone());
    let mut events = DockerEngine::connect(options).unwrap().watch();
    assert!(timeout(Duration::from_millis(300), events.next()).await.is_err());
    assert_eq!(requests.lock().unwrap().len(), 1);
    drop(events);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(requests.lock().unwrap().len(), 1, "the reader lives on");
}
