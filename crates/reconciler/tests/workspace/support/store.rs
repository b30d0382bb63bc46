//! The store's ports in memory: one map of rows, one log each of events and passes.
//!
//! It has the guard of the real one: a record for another generation than the stored one is stale
//! and leaves nothing. A status that goes back, or a removal that nobody asked for, panics.

use super::{Time, locked, step};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use trueup_domain::{
    error::StoreError,
    event::NewEvent,
    id::{Generation, ResourceVersion, WorkspaceId},
    name::WorkspaceKey,
    pass::Pass,
    port::{Change, Changes, Clock, PassLog, PassRecord, Recorded, SpecWrite, Workspaces, Written},
    spec::Spec,
    status::Status,
    workspace::{Deletion, Workspace},
};

/// The changes that a subscriber may fall behind by.
const BUFFER: usize = 4;

/// What the store holds.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) workspaces: BTreeMap<WorkspaceId, Arc<Workspace>>,
    pub(crate) passes: Vec<(WorkspaceId, Pass)>,
    pub(crate) events: Vec<(WorkspaceId, NewEvent)>,
    /// The generation that each stored status has observed, in the order of the writes.
    pub(crate) observed: Vec<(WorkspaceId, Generation)>,
    /// The records that came too late, by their generation.
    pub(crate) refused: Vec<Generation>,
    /// What has happened when the store is about to be asked, once.
    pub(crate) meanwhile: Option<Box<dyn FnOnce() + Send>>,
    /// How many of the next calls fail.
    pub(crate) failures: usize,
}

/// A store in memory.
pub(crate) struct MemoryStore {
    time: Arc<Time>,
    rows: Mutex<Rows>,
    changes: broadcast::Sender<Change>,
}

impl MemoryStore {
    pub(crate) fn new(time: Arc<Time>) -> Self {
        Self { time, rows: Mutex::default(), changes: broadcast::channel(BUFFER).0 }
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Rows) -> R) -> R {
        locked(&self.rows, look)
    }

    pub(crate) fn row(&self, id: WorkspaceId) -> Option<Arc<Workspace>> {
        self.with(|rows| rows.workspaces.get(&id).cloned())
    }

    /// A user declares a workspace that is new.
    pub(crate) fn declare(&self, id: WorkspaceId, name: &str, spec: Spec) {
        let metadata = serde_json::json!({"name": name, "owner": "alice"});
        let new = Arc::new(Workspace {
            id,
            metadata: serde_json::from_value(metadata).unwrap(),
            spec,
            generation: Generation(1),
            resource_version: ResourceVersion(1),
            created_at: self.time.now(),
            adopted: None,
            deletion: None,
            status: Status::default(),
        });
        self.with(|rows| rows.workspaces.insert(id, Arc::clone(&new)));
        self.tell(None, Some(new));
    }

    /// A user changes what is desired: a new generation.
    pub(crate) fn change(&self, id: WorkspaceId, change: impl FnOnce(&mut Workspace)) {
        let old = self.row(id).unwrap();
        let mut new = (*old).clone();
        change(&mut new);
        new.generation = new.generation.next();
        let new = Arc::new(new);
        self.with(|rows| rows.workspaces.insert(id, Arc::clone(&new)));
        self.tell(Some(old), Some(new));
    }

    /// A user asks for the end of a workspace.
    pub(crate) fn delete(&self, id: WorkspaceId, volumes: bool) {
        let requested_at = self.time.now();
        let deletion = Deletion { requested_at, actor: "alice".to_owned(), volumes };
        self.change(id, |workspace| workspace.deletion = Some(deletion));
    }

    /// How often something was stored.
    pub(crate) fn writes(&self) -> usize {
        self.with(|rows| rows.passes.len())
    }

    fn tell(&self, old: Option<Arc<Workspace>>, new: Option<Arc<Workspace>>) {
        // Nobody may be listening.
        drop(self.changes.send(Change::Workspace { old, new, events: Arc::new([]) }));
    }

    /// One await on the way there, whatever is to happen meanwhile, and a failure that is due.
    async fn arrive(&self, operation: &'static str) -> Result<(), StoreError> {
        step().await;
        if let Some(meanwhile) = self.with(|rows| rows.meanwhile.take()) {
            meanwhile();
        }
        self.with(|rows| match rows.failures.checked_sub(1) {
            Some(left) => {
                rows.failures = left;
                Err(StoreError::Backend { operation, source: "the disk is full".into() })
            }
            None => Ok(()),
        })
    }

    fn store(&self, record: PassRecord) -> Recorded {
        let id = record.workspace;
        let old = self.row(id).filter(|old| old.generation == record.generation);
        let Some(old) = old else {
            self.with(|rows| rows.refused.push(record.generation));
            return Recorded::Stale;
        };
        let observed = record.status.observed_generation;
        assert!(observed <= old.generation, "observed what was never declared");
        assert!(observed >= old.status.observed_generation, "the observed generation went back");
        assert!(!record.remove || old.deletion.is_some(), "nobody asked for its end");
        let new = Arc::new(Workspace { status: record.status, ..(*old).clone() });
        self.with(|rows| {
            rows.observed.push((id, observed));
            rows.passes.push((id, record.pass));
            rows.events.extend(record.events.into_iter().map(|event| (id, event)));
            if record.remove {
                rows.workspaces.remove(&id);
            } else {
                rows.workspaces.insert(id, Arc::clone(&new));
            }
        });
        self.tell(Some(old), (!record.remove).then(|| Arc::clone(&new)));
        if record.remove { Recorded::Removed } else { Recorded::Stored(new) }
    }
}

#[async_trait]
impl Workspaces for MemoryStore {
    async fn get(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, StoreError> {
        self.arrive("read workspace").await?;
        let row = self.row(id);
        step().await;
        Ok(row)
    }

    async fn find(&self, _: &WorkspaceKey) -> Result<Option<Arc<Workspace>>, StoreError> {
        unreachable!("a pass knows the id")
    }

    async fn list(&self) -> Result<Vec<Arc<Workspace>>, StoreError> {
        self.arrive("list workspaces").await?;
        let all = self.with(|rows| rows.workspaces.values().cloned().collect());
        step().await;
        Ok(all)
    }

    async fn write(
        &self,
        _: Vec<SpecWrite>,
        _: &str,
        _: jiff::Timestamp,
    ) -> Result<Vec<Written>, StoreError> {
        unreachable!("no pass writes what is desired")
    }
}

#[async_trait]
impl PassLog for MemoryStore {
    async fn record(&self, record: PassRecord) -> Result<Recorded, StoreError> {
        self.arrive("record pass").await?;
        let recorded = self.store(record);
        step().await;
        Ok(recorded)
    }

    async fn passes(&self, _: WorkspaceId, _: u32) -> Result<Vec<Pass>, StoreError> {
        unreachable!("no pass reads the history")
    }
}

impl Changes for MemoryStore {
    fn subscribe(&self) -> BoxStream<'static, Change> {
        let change = |received| match received {
            Ok(change) => change,
            Err(BroadcastStreamRecvError::Lagged(missed)) => Change::Missed(missed),
        };
        BroadcastStream::new(self.changes.subscribe()).map(change).boxed()
    }
}
