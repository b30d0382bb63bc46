//! An engine that is away, hangs, or is another than before.

use crate::proxy::{Socket, endless, ok};
use futures::StreamExt;
use std::time::Duration;
use tokio::time::Instant;
use trueup_docker_adapter::{Deadlines, DockerEngine, Options};
use trueup_domain::{
    action::Action,
    error::{ErrorClass, Reason},
    id::{ContainerId, InstanceId},
    port::{Engine, Unreadable},
    spec::Image,
};

const VERSION: &str = r#"{"ApiVersion":"1.47","MinAPIVersion":"1.24"}"#;

fn connect(socket: &Socket) -> DockerEngine {
    let short = Duration::from_millis(300);
    let deadlines = Deadlines { read: short, pull_silence: short, ..Deadlines::default() };
    let instance = InstanceId::new("adapter-test");
    let options = Options { deadlines, ..Options::new(socket.host(), instance) };
    DockerEngine::connect(options).unwrap()
}

fn id() -> ContainerId {
    ContainerId::new("abc")
}

#[tokio::test]
async fn an_engine_that_is_away_is_no_obstacle_to_begin_with_and_unreachable_when_asked() {
    let socket = Socket::new();
    let engine = connect(&socket);
    let error = engine.inspect(&id()).await.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Retryable, Reason::EngineUnreachable));
    assert!(error.message.contains(&socket.host()), "{}", error.message);
    // It comes up later.
    let (_served, _) =
        socket.answer(|path| ok(if path.ends_with("/version") { VERSION } else { "[]" }));
    assert_eq!(engine.list(None).await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_engine_that_never_answers_runs_into_the_deadline() {
    let socket = Socket::new();
    let (_served, _) = socket.answer(|_| String::new());
    let begin = Instant::now();
    let error = connect(&socket).inspect(&id()).await.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Unknown, Reason::DeadlineExceeded));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_answer_that_stalls_halfway_runs_into_the_deadline_too() {
    let socket = Socket::new();
    let (_served, _) = socket
        .answer(|path| if path.ends_with("/version") { ok(VERSION) } else { endless(r#"{"Id":"#) });
    let engine = connect(&socket);
    for error in [engine.inspect(&id()).await.unwrap_err(), engine.list(None).await.unwrap_err()] {
        assert_eq!((error.class, error.reason), (ErrorClass::Unknown, Reason::DeadlineExceeded));
    }
}

#[tokio::test]
async fn every_request_after_the_first_names_the_negotiated_version() {
    let socket = Socket::new();
    let (_served, requests) =
        socket.answer(|path| if path.ends_with("/version") { ok(VERSION) } else { ok("[]") });
    let engine = connect(&socket);
    engine.list(None).await.unwrap();
    let _ = engine.inspect(&id()).await;
    let paths = requests.lock().unwrap().clone();
    assert_eq!(paths[0], "/version");
    assert!(paths[1].starts_with("/v1.47/containers/json?all=1"), "{paths:?}");
    assert_eq!(paths[2], "/v1.47/containers/abc/json");
    assert_eq!(paths.len(), 3, "{paths:?}");
}

#[tokio::test]
async fn an_engine_that_was_replaced_is_asked_for_its_version_again() {
    let socket = Socket::new();
    let engine = connect(&socket);
    let (served, _) =
        socket.answer(|path| ok(if path.ends_with("/version") { VERSION } else { "[]" }));
    engine.list(None).await.unwrap();
    drop(served);
    engine.list(None).await.unwrap_err();
    let (_served, requests) = socket.answer(|path| {
        ok(if path.ends_with("/version") { r#"{"ApiVersion":"1.41"}"# } else { "[]" })
    });
    engine.list(None).await.unwrap();
    let paths = requests.lock().unwrap().clone();
    assert_eq!(paths[0], "/version");
    assert!(paths[1].starts_with("/v1.41/containers/json"), "{paths:?}");
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_told_so() {
    let socket = Socket::new();
    let (_served, _) = socket.answer(|_| ok(r#"{"ApiVersion":"1.38"}"#));
    let error = connect(&socket).list(None).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Terminal);
    assert!(error.message.contains("1.41"), "{}", error.message);
}

#[test]
fn an_address_over_tls_is_refused_with_a_word_of_advice() {
    let instance = InstanceId::new("adapter-test");
    let error = DockerEngine::connect(Options::new("https://far:2376", instance)).unwrap_err();
    assert!(error.to_string().contains("unix:///"), "{error}");
}

#[tokio::test]
async fn a_refusal_inside_the_answer_of_a_pull_is_a_failure() {
    let socket = Socket::new();
    let (_served, requests) = socket.answer(|path| {
        if path.ends_with("/version") {
            return ok(VERSION);
        }
        let words = "manifest for debian:nope not found: manifest unknown";
        ok(&format!(
            "{{\"status\":\"Pulling\"}}\n{{\"errorDetail\":{{\"message\":\"{words}\"}},\"error\":\"{words}\"}}\n"
        ))
    });
    let image = Image::try_from("debian".to_owned()).unwrap();
    let error = connect(&socket).perform(&Action::PullImage { image }).await.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Terminal, Reason::ImageNotFound));
    assert!(error.message.contains("debian:nope"), "{}", error.message);
    let asked = requests.lock().unwrap()[1].clone();
    assert!(asked.contains("fromImage=debian&") && asked.contains("tag=latest"), "{asked}");
}

#[tokio::test]
async fn a_pull_without_progress_is_given_up_long_before_its_deadline() {
    let socket = Socket::new();
    let (_served, _) = socket.answer(|path| {
        if path.ends_with("/version") { ok(VERSION) } else { endless("{\"status\":\"a\"}\n") }
    });
    let image = Image::try_from("debian:12".to_owned()).unwrap();
    let error = connect(&socket).perform(&Action::PullImage { image }).await.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Unknown, Reason::DeadlineExceeded));
}

/// An engine without containers whose events are `events` and then nothing.
fn quiet_engine(path: &str, events: &str) -> String {
    if path.ends_with("/version") {
        ok(VERSION)
    } else if path.ends_with("/info") {
        ok(r#"{"SystemTime":"2026-11-22T23:14:05.286883942Z","Isolation":"odd"}"#)
    } else if path.contains("/events") {
        endless(events)
    } else {
        ok("[]")
    }
}

#[tokio::test]
async fn events_are_asked_for_from_a_moment_of_the_engines_own_time_and_only_ours() {
    let socket = Socket::new();
    let (_served, requests) = socket.answer(|path| quiet_engine(path, ""));
    let engine = connect(&socket);
    let now = engine.time().await.unwrap();
    assert_eq!(now.to_string(), "2026-11-22T23:14:05.286883942Z");
    let _events = engine.events(now).await.unwrap();
    let paths = requests.lock().unwrap().clone();
    let asked = paths.iter().find(|path| path.contains("/events")).unwrap();
    assert!(asked.contains("since=1795389245.286883942&"), "{asked}");
    assert!(asked.contains("trueup.instance-id%3Dadapter-test"), "{asked}");
    assert!(asked.contains("%22type%22%3A%5B%22container%22%5D"), "{asked}");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_told_as_that_and_the_next_one_is_read() {
    let socket = Socket::new();
    let (_served, _) = socket.answer(|path| {
        let change = r#"{"Type":"container","Action":"die","timeNano":5,"Actor":{"ID":"abc",
            "Attributes":{"trueup.workspace-id":"0190f5a0000070008000000000000001"}}}"#;
        quiet_engine(path, &format!("{{\"Action\":7}}\n{}\n", change.replace('\n', "")))
    });
    let engine = connect(&socket);
    let mut events = engine.events(engine.time().await.unwrap()).await.unwrap();
    assert_eq!(events.next().await, Some(Err(Unreadable)));
    assert_eq!(events.next().await.unwrap().unwrap().action, "die");
}

#[tokio::test]
async fn whoever_asks_for_the_time_finds_an_engine_of_another_version() {
    let socket = Socket::new();
    let (_served, requests) = socket.answer(|path| quiet_engine(path, ""));
    let engine = connect(&socket);
    for _ in 0..2 {
        engine.time().await.unwrap();
    }
    let paths = requests.lock().unwrap().clone();
    assert_eq!(paths, ["/version", "/v1.47/info", "/version", "/v1.47/info"]);
}

#[tokio::test]
async fn an_engine_without_a_word_is_given_up_in_time_by_whoever_would_listen() {
    let socket = Socket::new();
    let (_served, _) = socket.answer(|_| String::new());
    let engine = connect(&socket);
    let asked = engine.time().await.unwrap_err();
    let listened = engine.events(jiff::Timestamp::UNIX_EPOCH).await.err().unwrap();
    for error in [asked, listened] {
        assert_eq!(error.reason, Reason::DeadlineExceeded);
    }
}
