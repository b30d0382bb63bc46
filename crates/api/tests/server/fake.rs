//! The ports, in memory: small, obvious, and as strict as the real ones where the API relies on it.

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fmt, future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::broadcast;
use trueup_api::{
    server::{Admission, EngineStatus, Live, LiveUsage, Metrics},
    wire::LiveView,
};
use trueup_domain::{
    adoption::Candidate,
    error::{EngineError, ErrorClass, Reason, StoreError},
    event::{Event, EventType, NewEvent},
    id::{ContainerId, EventId, Generation, ResourceVersion, WorkspaceId},
    manifest::Manifest,
    name::WorkspaceKey,
    pass::{Cause, Pass},
    port::{
        Change, Changes, Clock, ErrorCount, EventLog, EventQuery, Inventory, Object, PassLog,
        PassRecord, Recorded, Removal, SpecWrite, Stock, UsageLog, Workspaces, Written,
    },
    spec::Spec,
    status::Status,
    usage::{Point, Range, Source, Usage, UsageRow},
    workspace::{Deletion, Workspace},
};
use uuid::Uuid;

/// Everything the server works with.
pub(crate) struct Fake {
    rows: Mutex<Rows>,
    news: broadcast::Sender<Change>,
    /// Every store call fails.
    pub(crate) broken: AtomicBool,
    /// Why writes are said to fail.
    pub(crate) ill: Mutex<Option<String>>,
    /// Every listing hangs.
    pub(crate) hanging: AtomicBool,
    pub(crate) engine_lost: AtomicBool,
    /// How often the event log was read, or a listing began to hang.
    pub(crate) reads: AtomicU64,
    pub(crate) syncs: Mutex<Vec<(WorkspaceId, Cause)>>,
    pub(crate) live: Mutex<Option<LiveView>>,
    pub(crate) passes: Mutex<Vec<Pass>>,
    /// What the metrics say; `None`: they cannot be written down.
    pub(crate) metrics: Mutex<Option<&'static str>>,
    /// What the engine holds, and what comes of removing each by its id; what has no entry fails.
    pub(crate) objects: Mutex<Vec<Object>>,
    pub(crate) removals: Mutex<BTreeMap<String, Removal>>,
    pub(crate) removed: Mutex<Vec<String>>,
    /// What can be adopted, by name.
    pub(crate) candidates: Mutex<BTreeMap<String, Candidate>>,
    /// What is known of the usage of each, and of their errors.
    pub(crate) usage: Mutex<HashMap<WorkspaceId, Usage>>,
    pub(crate) sources: Mutex<HashMap<WorkspaceId, Source>>,
    pub(crate) errors: Mutex<HashMap<WorkspaceId, ErrorCount>>,
    /// How often errors were counted, and of how many workspaces a history was asked for, with what range.
    pub(crate) counts: AtomicU64,
    pub(crate) ranges: Mutex<Vec<(WorkspaceId, Range)>>,
    pub(crate) points: Mutex<Vec<Point>>,
    pub(crate) figures: broadcast::Sender<(WorkspaceId, Usage)>,
    ids: AtomicU64,
}

/// Something between the store's words and those of whoever failed.
#[derive(Debug)]
struct Trouble(Box<dyn Error + Send + Sync>);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("statement 7 of connection 3")
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[derive(Default, Clone)]
struct Rows {
    workspaces: BTreeMap<WorkspaceKey, Arc<Workspace>>,
    events: Vec<Event>,
    version: u64,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            rows: Mutex::default(),
            news: broadcast::channel(64).0,
            broken: AtomicBool::new(false),
            ill: Mutex::default(),
            hanging: AtomicBool::new(false),
            engine_lost: AtomicBool::new(false),
            reads: AtomicU64::new(0),
            syncs: Mutex::default(),
            live: Mutex::default(),
            passes: Mutex::default(),
            metrics: Mutex::default(),
            objects: Mutex::default(),
            removals: Mutex::default(),
            removed: Mutex::default(),
            candidates: Mutex::default(),
            usage: Mutex::default(),
            sources: Mutex::default(),
            errors: Mutex::default(),
            counts: AtomicU64::new(0),
            ranges: Mutex::default(),
            points: Mutex::default(),
            figures: broadcast::channel(64).0,
            ids: AtomicU64::new(1),
        })
    }

    /// Appends an event of a workspace called so, and announces it.
    pub(crate) fn happen(&self, key: &str, reason: &str) -> EventId {
        let id = self.append(key, "trueup", reason);
        let event = self.rows.lock().unwrap().events.last().cloned().unwrap();
        // Nobody may be listening.
        let _ =
            self.news.send(Change::Workspace { old: None, new: None, events: Arc::new([event]) });
        id
    }

    /// Appends an event that nobody is told of.
    pub(crate) fn append(&self, key: &str, actor: &str, reason: &str) -> EventId {
        let (owner, name) = key.split_once('/').unwrap();
        let mut rows = self.rows.lock().unwrap();
        let id = EventId(rows.events.len() as u64 + 1);
        rows.events.push(Event {
            id,
            workspace_id: WorkspaceId::new(Uuid::nil()),
            workspace: WorkspaceKey { owner: owner.parse().unwrap(), name: name.parse().unwrap() },
            what: NewEvent {
                time: Timestamp::UNIX_EPOCH,
                kind: EventType::ContainerUpdate,
                actor: actor.to_owned(),
                reason: reason.to_owned(),
                message: String::new(),
                old_status: None,
                new_status: None,
                trace_id: None,
            },
        });
        id
    }

    /// Who made the last change.
    pub(crate) fn last_actor(&self) -> Option<String> {
        self.rows.lock().unwrap().events.last().map(|event| event.what.actor.clone())
    }

    pub(crate) fn set_status(&self, key: &WorkspaceKey, status: Status) {
        let mut rows = self.rows.lock().unwrap();
        let row = rows.workspaces.get_mut(key).unwrap();
        *row = Arc::new(Workspace { status, ..(**row).clone() });
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Backend {
                operation: "reading",
                source: Box::new(Trouble("disk on fire".into())),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Workspaces for Fake {
    async fn get(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, StoreError> {
        self.check()?;
        let rows = self.rows.lock().unwrap();
        Ok(rows.workspaces.values().find(|workspace| workspace.id == id).cloned())
    }

    async fn find(&self, key: &WorkspaceKey) -> Result<Option<Arc<Workspace>>, StoreError> {
        self.check()?;
        Ok(self.rows.lock().unwrap().workspaces.get(key).cloned())
    }

    async fn list(&self) -> Result<Vec<Arc<Workspace>>, StoreError> {
        self.check()?;
        if self.hanging.load(Ordering::SeqCst) {
            self.reads.fetch_add(1, Ordering::SeqCst);
            future::pending::<()>().await;
        }
        Ok(self.rows.lock().unwrap().workspaces.values().cloned().collect())
    }

    async fn write(
        &self,
        writes: Vec<SpecWrite>,
        actor: &str,
        now: Timestamp,
    ) -> Result<Vec<Written>, StoreError> {
        self.check()?;
        let mut rows = self.rows.lock().unwrap().clone();
        let written: Vec<_> = writes
            .into_iter()
            .map(|write| rows.write(write, actor, now))
            .collect::<Result<_, _>>()?;
        let keys: Vec<_> = written.iter().map(key_of).collect();
        *self.rows.lock().unwrap() = rows;
        for key in keys {
            self.append(&key, actor, "written");
        }
        Ok(written)
    }

    fn health(&self) -> Result<(), String> {
        self.ill.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

fn key_of(written: &Written) -> String {
    let (Written::Created(workspace) | Written::Changed(workspace) | Written::Unchanged(workspace)) =
        written;
    workspace.key().to_string()
}

impl Rows {
    fn write(
        &mut self,
        write: SpecWrite,
        actor: &str,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        match write {
            SpecWrite::Apply { id_if_new, metadata, spec, expected } => {
                let Some(old) = self.workspaces.get(&metadata.key()).cloned() else {
                    let new = Workspace {
                        id: id_if_new,
                        metadata,
                        spec: *spec,
                        generation: Generation(1),
                        resource_version: ResourceVersion(0),
                        created_at: now,
                        adopted: None,
                        deletion: None,
                        status: Status::default(),
                    };
                    return Ok(Written::Created(self.put(new)));
                };
                let old = check(&old, expected)?;
                let spec = Spec { state: spec.state.or(old.spec.state), ..*spec };
                if old.spec == spec && old.metadata == metadata {
                    return Ok(Written::Unchanged(Arc::new(old)));
                }
                let generation = old.generation.next();
                Ok(Written::Changed(self.put(Workspace { spec, metadata, generation, ..old })))
            }
            SpecWrite::Adopt { id_if_new, metadata, spec, container } => {
                if let Some(old) = self.workspaces.get(&metadata.key()) {
                    return Ok(Written::Unchanged(Arc::clone(old)));
                }
                let expected = None;
                let write = SpecWrite::Apply { id_if_new, metadata, spec, expected };
                let (Written::Created(new) | Written::Changed(new) | Written::Unchanged(new)) =
                    self.write(write, actor, now)?;
                let adopted = Some(container);
                Ok(Written::Created(self.put(Workspace { adopted, ..(*new).clone() })))
            }
            SpecWrite::SetState { key, state, renew, expected } => {
                let old = check(self.stored(&key)?.as_ref(), expected)?;
                if old.spec.state == Some(state) && !renew {
                    return Ok(Written::Unchanged(Arc::new(old)));
                }
                let spec = Spec { state: Some(state), ..old.spec.clone() };
                let generation = old.generation.next();
                Ok(Written::Changed(self.put(Workspace { spec, generation, ..old })))
            }
            SpecWrite::Delete { key, volumes, expected } => {
                let old = self.stored(&key)?;
                check_version(&old, expected)?;
                let deletion =
                    Some(Deletion { requested_at: now, actor: actor.to_owned(), volumes });
                Ok(Written::Changed(self.put(Workspace { deletion, ..(*old).clone() })))
            }
        }
    }

    fn stored(&self, key: &WorkspaceKey) -> Result<Arc<Workspace>, StoreError> {
        let found = self.workspaces.get(key).cloned();
        found.ok_or_else(|| StoreError::NotFound { subject: key.to_string() })
    }

    fn put(&mut self, mut workspace: Workspace) -> Arc<Workspace> {
        self.version += 1;
        workspace.resource_version = ResourceVersion(self.version);
        let workspace = Arc::new(workspace);
        self.workspaces.insert(workspace.key(), Arc::clone(&workspace));
        workspace
    }
}

fn check(old: &Workspace, expected: Option<ResourceVersion>) -> Result<Workspace, StoreError> {
    check_version(old, expected)?;
    if old.deletion.is_some() {
        return Err(StoreError::Deleting { subject: old.key().to_string() });
    }
    Ok(old.clone())
}

fn check_version(old: &Workspace, expected: Option<ResourceVersion>) -> Result<(), StoreError> {
    if expected.is_some_and(|expected| expected != old.resource_version) {
        return Err(StoreError::Conflict { subject: old.key().to_string() });
    }
    Ok(())
}

#[async_trait]
impl PassLog for Fake {
    async fn record(&self, _: PassRecord) -> Result<Recorded, StoreError> {
        unreachable!("the API records no passes")
    }

    async fn passes(&self, _: WorkspaceId, limit: u32) -> Result<Vec<Pass>, StoreError> {
        self.check()?;
        Ok(self.passes.lock().unwrap().iter().take(limit as usize).cloned().collect())
    }
}

#[async_trait]
impl EventLog for Fake {
    async fn events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
        self.check()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        let rows = self.rows.lock().unwrap();
        let wanted = rows.events.iter().filter(|event| {
            event.id > query.after && query.key.as_ref().is_none_or(|key| *key == event.workspace)
        });
        Ok(wanted.take(query.limit as usize).cloned().collect())
    }

    async fn newest_event(&self) -> Result<EventId, StoreError> {
        self.check()?;
        Ok(EventId(self.rows.lock().unwrap().events.len() as u64))
    }

    async fn errors(&self, workspace: WorkspaceId) -> Result<ErrorCount, StoreError> {
        self.check()?;
        self.counts.fetch_add(1, Ordering::SeqCst);
        Ok(self.errors.lock().unwrap().get(&workspace).copied().unwrap_or_default())
    }

    async fn all_errors(&self) -> Result<HashMap<WorkspaceId, ErrorCount>, StoreError> {
        self.check()?;
        self.counts.fetch_add(1, Ordering::SeqCst);
        Ok(self.errors.lock().unwrap().clone())
    }
}

impl LiveUsage for Fake {
    fn usage(&self, id: WorkspaceId) -> Option<Usage> {
        self.usage.lock().unwrap().get(&id).copied()
    }

    fn source(&self, id: WorkspaceId) -> Option<Source> {
        self.sources.lock().unwrap().get(&id).cloned()
    }

    fn engine_source(&self) -> Source {
        Source::EngineStats { why: "the engine is on another host".to_owned() }
    }

    fn subscribe(&self) -> BoxStream<'static, (WorkspaceId, Usage)> {
        let receiver = self.figures.subscribe();
        stream::unfold(receiver, |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(figure) => return Some((figure, receiver)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}

#[async_trait]
impl UsageLog for Fake {
    async fn append(&self, _: Vec<UsageRow>, _: Timestamp) -> Result<(), StoreError> {
        unreachable!("the API measures nothing")
    }

    async fn history(
        &self,
        workspace: WorkspaceId,
        range: &Range,
        now: Timestamp,
    ) -> Result<Vec<Point>, StoreError> {
        self.check()?;
        assert_eq!(now, self.now());
        self.ranges.lock().unwrap().push((workspace, *range));
        Ok(self.points.lock().unwrap().clone())
    }
}

impl Changes for Fake {
    fn subscribe(&self) -> BoxStream<'static, Change> {
        let receiver = self.news.subscribe();
        stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await.ok()?, receiver))
        })
        .boxed()
    }
}

impl Clock for Fake {
    fn now(&self) -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn workspace_id(&self) -> WorkspaceId {
        WorkspaceId::new(Uuid::from_u128(self.ids.fetch_add(1, Ordering::SeqCst).into()))
    }
}

impl Live for Fake {
    fn request_sync(&self, id: WorkspaceId, cause: Cause) {
        self.syncs.lock().unwrap().push((id, cause));
    }

    fn live(&self, _: WorkspaceId) -> Option<LiveView> {
        self.live.lock().unwrap().clone()
    }

    fn engine_status(&self) -> EngineStatus {
        if self.engine_lost.load(Ordering::SeqCst) {
            EngineStatus::Unreachable("no such socket".to_owned())
        } else {
            EngineStatus::Reachable
        }
    }
}

#[async_trait]
impl Inventory for Fake {
    async fn stock(&self) -> Result<Stock, EngineError> {
        if self.engine_lost.load(Ordering::SeqCst) {
            return Err(engine_error("list containers", "no such socket"));
        }
        let objects = self.objects.lock().unwrap().clone();
        Ok(Stock { at: self.now(), objects, strangers: std::collections::BTreeSet::new() })
    }

    async fn remove(&self, object: &Object, volumes: bool) -> Result<Removal, EngineError> {
        let what = if volumes { " with its volumes" } else { "" };
        self.removed.lock().unwrap().push(format!("{}{what}", object.id));
        let known = self.removals.lock().unwrap().get(&object.id).copied();
        known.ok_or_else(|| engine_error("remove container", "it is stuck"))
    }

    async fn candidate(&self, container: &ContainerId) -> Result<Option<Candidate>, EngineError> {
        Ok(self.candidates.lock().unwrap().get(container.as_str()).cloned())
    }
}

fn engine_error(operation: &'static str, message: &str) -> EngineError {
    let (class, reason) = (ErrorClass::Unknown, Reason::EngineUnreachable);
    EngineError { operation, class, reason, message: message.to_owned() }
}

impl Metrics for Fake {
    fn text(&self) -> Result<String, fmt::Error> {
        self.metrics.lock().unwrap().map(str::to_owned).ok_or(fmt::Error)
    }
}

#[async_trait]
impl Admission for Fake {
    async fn admit(&self, manifest: &Manifest) -> Result<(), String> {
        match &manifest.spec.project {
            Some(project) if !project.path.as_str().starts_with("/srv/projects/") => {
                Err(format!("project folder {} is outside the configured roots", project.path))
            }
            _ => Ok(()),
        }
    }
}
