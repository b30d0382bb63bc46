//! The observer over the real adapter and a real engine, through a proxy that is cut.
//!
//! Deliberately absent: the observer's rules, which its own tests hold on a paused clock; here it is
//! seen that they are enough for an engine as it is.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of it is test code")]

use bollard::{
    Docker, models::ContainerCreateBody, query_parameters::CreateContainerOptionsBuilder,
};
use futures::{StreamExt, stream::BoxStream};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, timeout};
use trueup_docker_adapter::{DockerEngine, Options};
use trueup_domain::{
    error::Reason,
    id::{ContainerId, InstanceId},
    label,
    port::WatchEvent,
};
use trueup_reconciler::workspace::{ObserverOptions, watch};
use trueup_tests::{
    engine, image, list,
    socket_proxy::{Behaviour, SocketProxy},
};

const PATIENCE: Duration = Duration::from_secs(20);

type Told = BoxStream<'static, WatchEvent>;

/// An instance of its own on the engine, reached over a proxy that can be told to misbehave.
struct Bench {
    docker: Docker,
    proxy: SocketProxy,
    instance: InstanceId,
}

impl Bench {
    async fn new() -> Self {
        let endpoint = engine::find().await.unwrap();
        let docker = endpoint.client().unwrap();
        image::ensure(&docker).await.unwrap();
        let number = RandomState::new().hash_one(0);
        Self {
            docker,
            proxy: SocketProxy::before(&endpoint).unwrap(),
            instance: InstanceId::new(format!("observer-test-{number:016x}")),
        }
    }

    fn observe(&self, options: ObserverOptions) -> Told {
        let host = self.proxy.endpoint().unwrap();
        let options_of_engine = Options::new(host.as_str(), self.instance.clone());
        let engine = DockerEngine::connect(options_of_engine).unwrap();
        watch(Arc::new(engine), options).boxed()
    }

    async fn run(&self, part: &str) -> ContainerId {
        let name = format!("{}-{part}", self.instance);
        let labels = HashMap::from([
            (label::INSTANCE_ID.to_owned(), self.instance.to_string()),
            (label::WORKSPACE_ID.to_owned(), format!("{:032x}", 7)),
        ]);
        let body = ContainerCreateBody {
            image: Some(image::IMAGE.to_owned()),
            cmd: Some(vec![image::PROGRAM.to_owned(), "sleep".to_owned()]),
            labels: Some(labels),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let id = self.docker.create_container(Some(options), body).await.unwrap().id;
        self.docker.start_container(&id, None).await.unwrap();
        ContainerId::new(id)
    }

    async fn kill(&self, id: &ContainerId) {
        self.docker.kill_container(id.as_str(), None).await.unwrap();
    }
}

/// Removes whatever is still there: a test that failed must not disturb the next one.
impl Drop for Bench {
    fn drop(&mut self) {
        let docker = self.docker.clone();
        let label = format!("{}={}", label::INSTANCE_ID, self.instance);
        // A thread with a runtime of its own, as this one may be unwinding inside of one.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(list::remove(&docker, &label)).unwrap();
        });
        // Its panic has been printed; a second one here would hide the test's own.
        let _ = cleaning.join();
    }
}

async fn next(told: &mut Told) -> WatchEvent {
    timeout(PATIENCE, told.next()).await.expect("nothing was told").unwrap()
}

async fn next_change(told: &mut Told, action: &str) -> ContainerId {
    loop {
        match next(told).await {
            WatchEvent::Changed(change) if change.action == action => return change.container,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_change_is_told_within_a_second() {
    let bench = Bench::new().await;
    let mut told = bench.observe(ObserverOptions::default());
    assert_eq!(next(&mut told).await, WatchEvent::Listed(Vec::new()));
    let id = bench.run("quick").await;
    assert_eq!(next_change(&mut told, "start").await, id);
    bench.kill(&id).await;
    let begin = Instant::now();
    next_change(&mut told, "die").await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_cut_connection_loses_nothing() {
    let bench = Bench::new().await;
    let mut told = bench.observe(ObserverOptions::default());
    assert_eq!(next(&mut told).await, WatchEvent::Listed(Vec::new()));
    bench.proxy.behave(Behaviour::Cutting);
    // While nobody looks.
    let id = bench.run("unseen").await;
    bench.kill(&id).await;
    bench.proxy.behave(Behaviour::Faithful);
    let (mut listed, mut changed) = (false, false);
    while !(listed && changed) {
        match next(&mut told).await {
            WatchEvent::Listed(rows) => listed = rows.iter().any(|row| row.id == id),
            WatchEvent::Changed(change) => changed |= change.container == id,
            WatchEvent::Lost(error) => assert_eq!(error.reason, Reason::EngineUnreachable),
        }
    }
}

#[tokio::test]
async fn an_engine_that_is_away_is_told_once_per_interval_until_it_is_back() {
    let bench = Bench::new().await;
    let resync = Duration::from_secs(1);
    bench.proxy.behave(Behaviour::Cutting);
    let mut told = bench.observe(ObserverOptions { resync, ..ObserverOptions::default() });
    let begin = Instant::now();
    for _ in 0..3 {
        let WatchEvent::Lost(error) = next(&mut told).await else { panic!("it is away") };
        assert_eq!(error.reason, Reason::EngineUnreachable);
    }
    assert!(begin.elapsed() >= resync * 2, "{:?}", begin.elapsed());
    bench.proxy.behave(Behaviour::Faithful);
    while let WatchEvent::Lost(_) = next(&mut told).await {}
}

#[tokio::test]
async fn a_consumer_that_does_not_look_finds_changes_merged() {
    let bench = Bench::new().await;
    let mut told = bench.observe(ObserverOptions::default());
    next(&mut told).await;
    let id = bench.run("busy").await;
    for _ in 0..5 {
        bench.kill(&id).await;
        while bench.docker.start_container(id.as_str(), None).await.is_err() {}
    }
    // More than 15 events: the reader has taken them all while nobody looked.
    let mut count = 0;
    while timeout(Duration::from_millis(500), told.next()).await.is_ok() {
        count += 1;
    }
    assert!((1..=3).contains(&count), "{count} were told");
}
