//! Where the files cannot be read: it is said why, and nothing else waits for the engine's figures.

use super::{open, read, without_processes};
use crate::{
    proxy::{Socket, endless, ok},
    support::Bench,
};
use std::time::Duration;
use tokio::{task::JoinSet, time::Instant};
use trueup_docker_adapter::{Deadlines, DockerEngine, HostFiles, Options};
use trueup_domain::{
    id::{ContainerId, InstanceId},
    port::{Engine, UsageError, UsageSource},
    usage::Source,
};

fn why(source: &Source) -> &str {
    match source {
        Source::EngineStats { why } => why,
        other => panic!("not the engine's: {other:?}"),
    }
}

#[tokio::test]
async fn a_process_that_cannot_be_seen_is_measured_by_the_engine_and_it_is_said_why() {
    let bench = Bench::new().await;
    let (_folder, blind) = without_processes();
    let usage = bench.engine.usage(blind);
    assert_eq!(usage.source(), Source::ControlGroup, "nothing was tried yet");
    let id = bench.run(&bench.config("hidden")).await;
    let mut gauge = usage.open(&id).await.unwrap();
    let source = gauge.source();
    assert!(why(&source).contains("cannot be seen from here"), "{source}");
    assert_eq!(usage.source(), source, "no container could be read");
    // Whoever starts a container may be in it for a moment longer.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let (by_engine, told) = (read(&mut gauge).await, bench.told(&id).await);
        if (by_engine.pids, by_engine.memory_limit) == (told.pids, told.limit) {
            break;
        }
        assert!(Instant::now() < deadline, "{by_engine:?} instead of {} processes", told.pids);
    }
}

#[tokio::test]
async fn what_one_container_s_files_lack_says_nothing_of_the_others() {
    let bench = Bench::new().await;
    // Room for one.
    let usage = bench.engine.usage(HostFiles { descriptors: 7, ..HostFiles::default() });
    let id = bench.run(&bench.config("both")).await;
    let first = open(&usage, &id).await;
    let second = usage.open(&id).await.unwrap();
    assert!(why(&second.source()).contains("may be kept open"), "{}", second.source());
    assert_eq!(usage.source(), Source::ControlGroup);
    drop(first);
    open(&usage, &id).await;
}

#[tokio::test]
async fn an_engine_over_the_network_is_asked_for_figures_as_it_may_be_elsewhere() {
    let options = Options::new("tcp://127.0.0.1:1", InstanceId::new("x"));
    let usage = DockerEngine::connect(options).unwrap().usage(HostFiles::default());
    assert!(why(&usage.source()).contains("over the network"));
}

/// Runs, answers an inspect at once, and never comes to the end of its figures.
fn slow(path: &str) -> String {
    if path.ends_with("/version") {
        return ok(r#"{"ApiVersion":"1.47","MinAPIVersion":"1.24"}"#);
    }
    if path.contains("/stats") {
        return endless("{");
    }
    let state = r#"{"Status":"running","Running":true,"Pid":7,"StartedAt":"2026-11-28T17:00:00Z"}"#;
    ok(&format!(r#"{{"Id":"abc","Image":"i","State":{state},"Config":{{}},"HostConfig":{{}}}}"#))
}

#[tokio::test]
async fn an_engine_that_hangs_over_figures_holds_up_nobody_else_and_not_for_ever() {
    const DEADLINE: Duration = Duration::from_secs(2);
    let socket = Socket::new();
    let (_served, requests) = socket.answer(slow);
    let deadlines = Deadlines { read: DEADLINE, ..Deadlines::default() };
    let options = Options { deadlines, ..Options::new(socket.host(), InstanceId::new("x")) };
    let engine = DockerEngine::connect(options).unwrap();
    let (_folder, blind) = without_processes();
    let usage = engine.usage(blind);
    let id = ContainerId::new("abc");
    let mut reading = JoinSet::new();
    // More than all lanes together have places.
    let mut gauges = Vec::new();
    for _ in 0..100 {
        gauges.push(usage.open(&id).await.unwrap());
    }
    let start = Instant::now();
    for mut gauge in gauges {
        reading.spawn(async move { gauge.read().await });
    }
    while !requests.lock().unwrap().iter().any(|path| path.contains("/stats")) {
        assert!(start.elapsed() < DEADLINE);
        tokio::task::yield_now().await;
    }
    assert!(engine.inspect(&id).await.is_ok());
    assert!(start.elapsed() < DEADLINE, "a pass would have waited for figures");
    for outcome in reading.join_all().await {
        let Err(UsageError::Unknown(problem)) = outcome else { panic!("{outcome:?}") };
        assert!(problem.starts_with("measure container: no "), "{problem}");
    }
    // A place and an answer have the same deadline each.
    assert!(start.elapsed() < DEADLINE * 3);
    let asked = requests.lock().unwrap().iter().filter(|path| path.contains("/stats")).count();
    assert!(asked <= 16, "{asked} at once or one after the other");
}
