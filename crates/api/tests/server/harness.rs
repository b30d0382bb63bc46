//! A server that runs for one test, and the ways to ask it.

use crate::fake::Fake;
use serde_json::{Value, json};
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use trueup_api::{
    Address, Client, Error, Problem,
    domain::{manifest, manifest::Manifest, name::WorkspaceKey},
    server::{Bind, Listeners, State, router, serve},
    wire::VersionInfo,
};
use trueup_domain::{id::InstanceId, policy::Policy};

/// A server on a socket of its own and on a free port.
pub(crate) struct Harness {
    pub(crate) fake: Arc<Fake>,
    pub(crate) client: Client,
    pub(crate) tcp: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) shutdown: CancellationToken,
    pub(crate) server: JoinHandle<Result<(), Error>>,
    _folder: TempDir,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("trueup.sock");
        let bind = Bind { socket: Some(socket.clone()), tcp: Some("127.0.0.1:0".parse().unwrap()) };
        let listeners = Listeners::bind(&bind).await.unwrap();
        let (fake, shutdown) = (Fake::new(), CancellationToken::new());
        let tcp = listeners.tcp_address().unwrap();
        let server = tokio::spawn(serve(listeners, router(state(&fake)), shutdown.clone()));
        let client = Client::new(Address::Unix(socket.clone())).unwrap();
        Self { fake, client, tcp, socket, shutdown, server, _folder: folder }
    }

    /// A request that the client would not make.
    pub(crate) fn raw(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let http = reqwest::Client::builder().unix_socket(self.socket.as_path()).build().unwrap();
        http.request(method.parse().unwrap(), format!("http://localhost{path}"))
    }

    /// The same over TCP.
    pub(crate) fn raw_tcp(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        http.request(method.parse().unwrap(), format!("http://{}{path}", self.tcp))
    }

    /// Declares one workspace.
    pub(crate) async fn declare(&self, key: &str) {
        self.client.apply(&[manifest(key)], false).await.unwrap();
    }
}

fn state(fake: &Arc<Fake>) -> State {
    State {
        workspaces: Arc::clone(fake) as _,
        passes: Arc::clone(fake) as _,
        events: Arc::clone(fake) as _,
        changes: Arc::clone(fake) as _,
        clock: Arc::clone(fake) as _,
        inventory: Arc::clone(fake) as _,
        policy: Policy::new(InstanceId::new("test")),
        live: Arc::clone(fake) as _,
        usage: Arc::clone(fake) as _,
        usage_log: Arc::clone(fake) as _,
        admit: Arc::clone(fake) as _,
        metrics: Arc::clone(fake) as _,
        version: VersionInfo {
            version: "9.9.9".to_owned(),
            instance_id: "test".to_owned(),
            started_at: "2026-11-22T09:00:00Z".parse().unwrap(),
        },
    }
}

pub(crate) fn key(text: &str) -> WorkspaceKey {
    let (owner, name) = text.split_once('/').unwrap();
    WorkspaceKey { owner: owner.parse().unwrap(), name: name.parse().unwrap() }
}

pub(crate) fn manifest_json(text: &str) -> Value {
    let key = key(text);
    json!({
        "apiVersion": "trueup/v1",
        "kind": "Workspace",
        "metadata": {"name": key.name, "owner": key.owner, "labels": {"team": key.owner}},
        "spec": {"image": "debian:12"},
    })
}

pub(crate) fn manifest(text: &str) -> Manifest {
    manifest::from_json(manifest_json(text)).unwrap()
}

/// The problem that a raw response carries, its media type checked.
pub(crate) async fn problem(response: reqwest::Response) -> Problem {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let problem: Problem = response.json().await.unwrap();
    assert_eq!(problem.status, status);
    problem
}

/// The problem that the client was refused with.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Problem {
    match result {
        Err(Error::Refused(problem)) => *problem,
        other => panic!("not refused: {other:?}"),
    }
}

/// Waits for a condition, a minute at most.
pub(crate) async fn wait_until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_mins(1), wait).await.is_ok(), "the condition never came true");
}
