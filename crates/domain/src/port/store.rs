//! The store: four small ports, implemented by one type per backend.
//!
//! Durable before announced: a [`Change`] is sent only after its transaction is on disk.

use crate::{
    error::StoreError,
    event::{Event, NewEvent},
    id::{ContainerId, EventId, Generation, ResourceVersion, WorkspaceId},
    name::WorkspaceKey,
    pass::Pass,
    spec::{DesiredState, Metadata, Spec},
    status::Status,
    workspace::Workspace,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use std::{collections::HashMap, sync::Arc};

/// The desired side: what users write.
#[async_trait]
pub trait Workspaces: Send + Sync + 'static {
    /// The workspace with that id.
    async fn get(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, StoreError>;

    /// The workspace that a user calls so.
    async fn find(&self, key: &WorkspaceKey) -> Result<Option<Arc<Workspace>>, StoreError>;

    /// All workspaces, ordered by owner and name.
    async fn list(&self) -> Result<Vec<Arc<Workspace>>, StoreError>;

    /// Carries out all writes in one transaction, or none of them.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::Deleting`] or [`StoreError::NotFound`] name the
    /// workspace that stands in the way; nothing was written then.
    async fn write(
        &self,
        writes: Vec<SpecWrite>,
        actor: &str,
        now: Timestamp,
    ) -> Result<Vec<Written>, StoreError>;

    /// Whether writes reach the disk, as far as the last ones tell. Asks for no write, and waits for
    /// nothing.
    ///
    /// # Errors
    /// Why they do not, as a sentence.
    fn health(&self) -> Result<(), String> {
        Ok(())
    }
}

/// One change of what is desired.
#[derive(Debug, Clone)]
pub enum SpecWrite {
    /// Declares a workspace: makes it with `id_if_new`, or changes the one with that owner and name.
    /// A spec without a `state` keeps the state that is stored.
    Apply {
        /// The id, should it be new.
        id_if_new: WorkspaceId,
        /// Name, owner and labels.
        metadata: Metadata,
        /// What it should be.
        spec: Box<Spec>,
        /// The version that the writer has seen; `None`: whatever is there.
        expected: Option<ResourceVersion>,
    },
    /// Declares a workspace for a container that is there already and that somebody else has made. Asking
    /// again for the same is fine; a name that is taken, and a container that another workspace has, are
    /// a conflict.
    Adopt {
        /// The id, should it be new.
        id_if_new: WorkspaceId,
        /// Name, owner and labels.
        metadata: Metadata,
        /// What the container declares.
        spec: Box<Spec>,
        /// The container, by the engine's own id.
        container: ContainerId,
    },
    /// Changes the desired state alone.
    SetState {
        /// Which.
        key: WorkspaceKey,
        /// The new state.
        state: DesiredState,
        /// Makes a new generation even when the state is the same already, which clears a give-up.
        renew: bool,
        /// The version that the writer has seen.
        expected: Option<ResourceVersion>,
    },
    /// Asks for the end of a workspace. Asking again is fine; `volumes` once asked for stays.
    Delete {
        /// Which.
        key: WorkspaceKey,
        /// Whether named volumes go with it.
        volumes: bool,
        /// The version that the writer has seen.
        expected: Option<ResourceVersion>,
    },
}

/// What came of a write.
#[derive(Debug, Clone)]
pub enum Written {
    /// A workspace that was not there before.
    Created(Arc<Workspace>),
    /// One that was changed.
    Changed(Arc<Workspace>),
    /// One that was so already; nothing was written.
    Unchanged(Arc<Workspace>),
}

/// The observed side: what passes write.
#[async_trait]
pub trait PassLog: Send + Sync + 'static {
    /// Stores status, events and history of one pass in one transaction, guarded by the generation.
    async fn record(&self, record: PassRecord) -> Result<Recorded, StoreError>;

    /// The newest passes of a workspace, newest first.
    async fn passes(&self, id: WorkspaceId, limit: u32) -> Result<Vec<Pass>, StoreError>;
}

/// All that one pass stores.
#[derive(Debug, Clone)]
pub struct PassRecord {
    /// Which workspace.
    pub workspace: WorkspaceId,
    /// The generation that the pass worked for; the record is refused when there is a newer one.
    pub generation: Generation,
    /// The status to store.
    pub status: Status,
    /// The events to append.
    pub events: Vec<NewEvent>,
    /// The history to keep.
    pub pass: Pass,
    /// Whether the workspace's row goes, its end having been observed. The events and the history
    /// stay.
    pub remove: bool,
}

/// What came of a record.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// It is stored.
    Stored(Arc<Workspace>),
    /// It is stored, and the workspace is gone.
    Removed,
    /// There is a newer generation, a deletion that the pass did not know of, or no row any more:
    /// nothing was written.
    Stale,
}

/// The event log.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Events in their order, those after `query.after`.
    async fn events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError>;

    /// The id of the newest event, 0 when there is none.
    async fn newest_event(&self) -> Result<EventId, StoreError>;

    /// The errors of one workspace that the log still has.
    async fn errors(&self, workspace: WorkspaceId) -> Result<ErrorCount, StoreError>;

    /// The same of every workspace that has any, past ones too.
    async fn all_errors(&self) -> Result<HashMap<WorkspaceId, ErrorCount>, StoreError>;
}

/// How many events of type `error` a workspace has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErrorCount {
    /// So many.
    pub count: u64,
    /// When the last of them happened.
    pub last: Option<Timestamp>,
}

/// Which events to read.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Only those after this one.
    pub after: EventId,
    /// Only those of this workspace, by its identity.
    pub workspace: Option<WorkspaceId>,
    /// Only those of workspaces called so, past ones too.
    pub key: Option<WorkspaceKey>,
    /// At most so many; 0 and anything above 1000 mean 1000.
    pub limit: u32,
}

/// News of every change, in process.
pub trait Changes: Send + Sync + 'static {
    /// Every change from now on, in order.
    ///
    /// The buffer is bounded: a subscriber that falls too far behind gets one `Change::Missed` in
    /// place of what it missed, and goes on from there. It holds nobody back.
    fn subscribe(&self) -> BoxStream<'static, Change>;
}

/// A change of one workspace.
#[derive(Debug, Clone)]
pub enum Change {
    /// One workspace changed.
    Workspace {
        /// As it was; `None` when it is new.
        old: Option<Arc<Workspace>>,
        /// As it is; `None` when it is gone.
        new: Option<Arc<Workspace>>,
        /// The events of the change.
        events: Arc<[Event]>,
    },
    /// So many changes were missed; read the store.
    Missed(u64),
}
