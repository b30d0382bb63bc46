//! What tests of this crate play on: a store in a folder of its own, and an engine that does what the
//! test says.

use crate::{Settings, clock::SystemClock};
use async_trait::async_trait;
use futures::{
    StreamExt, future,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};
use tempfile::TempDir;
use trueup_domain::{
    action::Action,
    container::{Container, ContainerSummary},
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, WorkspaceId},
    observed::NetworkState,
    port::{Clock, Engine, EngineEvent, SpecWrite, Unreadable, Workspaces},
    spec::Image,
};
use trueup_store::{Options, SqliteStore};

/// A store and an engine, over several lives of a controller.
pub(crate) struct Stage {
    pub(crate) settings: Settings,
    pub(crate) engine: Arc<TestEngine>,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { settings: Settings::default(), engine: Arc::default(), folder }
    }

    /// The store, as each life finds it.
    pub(crate) async fn store(&self) -> Arc<SqliteStore> {
        let path = self.folder.path().join("trueup.db");
        Arc::new(SqliteStore::open(path, Options::new("test")).await.unwrap())
    }
}

/// Declares workspaces, each an owner and a name, that want nothing on the engine.
pub(crate) async fn declare(store: &SqliteStore, workspaces: &[(&str, &str)]) {
    let of = |value: Value| serde_json::from_value(value).unwrap();
    let writes = workspaces.iter().map(|(owner, name)| SpecWrite::Apply {
        id_if_new: SystemClock.workspace_id(),
        metadata: serde_json::from_value(json!({"owner": owner, "name": name})).unwrap(),
        spec: of(json!({"image": "debian:12", "state": "archived"})),
        expected: None,
    });
    store.write(writes.collect(), "test", SystemClock.now()).await.unwrap();
}

/// An engine that holds nothing.
#[derive(Default)]
pub(crate) struct TestEngine(AtomicU8);

/// What an engine does with a question.
#[derive(Clone, Copy)]
pub(crate) enum Mood {
    /// It cannot be reached: every pass fails.
    Away = 0,
    /// It never answers.
    Silent = 1,
    /// It says what it holds.
    Well = 2,
}

impl TestEngine {
    pub(crate) fn set(&self, mood: Mood) {
        self.0.store(mood as u8, Ordering::SeqCst);
    }

    async fn answer<T>(&self, operation: &'static str, answer: T) -> Result<T, EngineError> {
        match self.0.load(Ordering::SeqCst) {
            mood if mood == Mood::Away as u8 => Err(EngineError {
                operation,
                class: ErrorClass::Retryable,
                reason: Reason::EngineUnreachable,
                message: "nobody answers".to_owned(),
            }),
            mood if mood == Mood::Silent as u8 => future::pending().await,
            _ => Ok(answer),
        }
    }
}

#[async_trait]
impl Engine for TestEngine {
    async fn inspect(&self, _: &ContainerId) -> Result<Option<Container>, EngineError> {
        self.answer("inspect container", None).await
    }

    async fn list(&self, _: Option<WorkspaceId>) -> Result<Vec<ContainerSummary>, EngineError> {
        self.answer("list containers", Vec::new()).await
    }

    async fn has_image(&self, _: &Image) -> Result<bool, EngineError> {
        self.answer("inspect image", true).await
    }

    async fn network(&self, _: &str) -> Result<Option<NetworkState>, EngineError> {
        self.answer("inspect network", None).await
    }

    async fn volumes(&self, _: WorkspaceId) -> Result<Vec<String>, EngineError> {
        self.answer("list volumes", Vec::new()).await
    }

    async fn perform(&self, action: &Action) -> Result<(), EngineError> {
        self.answer(action.operation(), ()).await
    }

    /// Whoever observes waits for this first, and tells nothing meanwhile: whatever wakes a pass is the
    /// controller's own.
    async fn time(&self) -> Result<Timestamp, EngineError> {
        future::pending().await
    }

    async fn events(
        &self,
        _: Timestamp,
    ) -> Result<BoxStream<'static, Result<EngineEvent, Unreadable>>, EngineError> {
        Ok(stream::pending().boxed())
    }
}
