//! What a call leaves in a trace, and what it must not.

use crate::{
    proxy::{Socket, ok},
    support::words,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::{Arc, Mutex},
};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};
use trueup_docker_adapter::{DockerEngine, Options};
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, HealthConfig, NetworkMode},
    id::{ContainerId, InstanceId},
    port::Engine,
    spec::Resources,
};

const SECRET: &str = "hunter2";

/// Every field of every span and event, one `name=value` each.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Visit for Recorder {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.lock().unwrap().push(format!("{}={value:?}", field.name()));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        attributes.record(&mut self.clone());
    }
    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut self.clone());
    }
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

fn config() -> ContainerConfig {
    ContainerConfig {
        name: "trueup-secret".to_owned(),
        labels: BTreeMap::new(),
        image: "debian:12".to_owned(),
        command: Some(words(&["login", SECRET])),
        env: BTreeMap::from([("PASSWORD".to_owned(), SECRET.to_owned())]),
        working_dir: None,
        user: None,
        hostname: "x".to_owned(),
        mounts: BTreeSet::new(),
        ports: BTreeSet::new(),
        resources: Resources::default(),
        capabilities: BTreeSet::new(),
        read_only_root: false,
        no_new_privileges: true,
        init: true,
        privileged: false,
        restart: false,
        swap: false,
        network: NetworkMode::None,
        health: Some(HealthConfig {
            command: words(&["check", SECRET]),
            interval_ms: 1,
            timeout_ms: 1,
            retries: 1,
            start_period_ms: 0,
        }),
    }
}

#[tokio::test]
async fn a_call_is_a_client_span_that_tells_its_failure_and_no_secret() {
    let recorder = Recorder::default();
    let _guard =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.clone()));
    let socket = Socket::new();
    let (_served, _) = socket.answer(|path| {
        if path.ends_with("/version") {
            ok(r#"{"ApiVersion":"1.47"}"#)
        } else if path.contains("/create") {
            ok(r#"{"Id":"abc","Warnings":[]}"#)
        } else {
            let body = r#"{"message":"port is already allocated"}"#;
            format!("HTTP/1.1 500 No\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
    });
    let options = Options::new(socket.host(), InstanceId::new("adapter-test"));
    let engine = DockerEngine::connect(options).unwrap();
    engine.perform(&Action::CreateContainer(Box::new(config()))).await.unwrap();
    engine.perform(&Action::StartContainer(ContainerId::new("abc"))).await.unwrap_err();

    let told = recorder.0.lock().unwrap().clone();
    for expected in [
        r#"otel.name="engine.create""#.to_owned(),
        r#"otel.name="engine.start""#.to_owned(),
        r#"otel.kind="client""#.to_owned(),
        r#"otel.status_code="ERROR""#.to_owned(),
        r#"trueup.container="trueup-secret""#.to_owned(),
        r#"trueup.container="abc""#.to_owned(),
        "error.type=PortTaken".to_owned(),
        r#"error.message="port is already allocated""#.to_owned(),
        format!("server.address={:?}", socket.host()),
    ] {
        assert!(told.contains(&expected), "{expected} is not in {told:#?}");
    }
    assert!(!told.iter().any(|field| field.contains(SECRET)), "{told:#?}");
}
