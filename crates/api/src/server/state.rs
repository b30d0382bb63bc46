//! What the server needs from the controller: the domain's ports, and a few of its own.

use crate::wire::{LiveView, VersionInfo};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::{fmt, sync::Arc};
use tokio::sync::Semaphore;
use trueup_domain::{
    id::WorkspaceId,
    manifest::Manifest,
    pass::Cause,
    policy::Policy,
    port::{Changes, Clock, EventLog, Inventory, PassLog, UsageLog, Workspaces},
    usage::{Source, Usage},
};

/// All that the handlers work with.
#[derive(Clone)]
pub struct State {
    /// The desired side of the store.
    pub workspaces: Arc<dyn Workspaces>,
    /// The history of passes.
    pub passes: Arc<dyn PassLog>,
    /// The event log.
    pub events: Arc<dyn EventLog>,
    /// News of every change, which wakes long polls.
    pub changes: Arc<dyn Changes>,
    /// Time and new ids.
    pub clock: Arc<dyn Clock>,
    /// All that the engine holds.
    pub inventory: Arc<dyn Inventory>,
    /// The rules by which the controller names and makes what belongs to a workspace.
    pub policy: Policy,
    /// The running controller.
    pub live: Arc<dyn Live>,
    /// The newest figures of usage.
    pub usage: Arc<dyn LiveUsage>,
    /// The history of usage.
    pub usage_log: Arc<dyn UsageLog>,
    /// What may be declared on this host.
    pub admit: Arc<dyn Admission>,
    /// What `GET /metrics` answers.
    pub metrics: Arc<dyn Metrics>,
    /// What `GET /v1/version` answers.
    pub version: VersionInfo,
}

/// The running controller, as far as the API looks into it. Nothing here waits.
pub trait Live: Send + Sync + 'static {
    /// Has a workspace reconciled as soon as its turn comes. Never refused: requests for one
    /// workspace merge.
    fn request_sync(&self, id: WorkspaceId, cause: Cause);

    /// What the controller knows of a workspace; `None` when it does not know it.
    fn live(&self, id: WorkspaceId) -> Option<LiveView>;

    /// Whether the engine can be watched now.
    fn engine_status(&self) -> EngineStatus;
}

/// The newest figures, as far as the API looks into them. Nothing here waits.
pub trait LiveUsage: Send + Sync + 'static {
    /// The newest figures of a workspace that runs.
    fn usage(&self, id: WorkspaceId) -> Option<Usage>;

    /// Where a workspace's figures come from; `None`: it does not run, or was not looked at yet.
    fn source(&self, id: WorkspaceId) -> Option<Source>;

    /// Where figures come from on this engine as a rule, in words.
    fn engine_source(&self) -> Source;

    /// Each new figure from now on. Bounded: who falls behind misses some.
    fn subscribe(&self) -> BoxStream<'static, (WorkspaceId, Usage)>;
}

/// Whether the engine can be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineStatus {
    /// It can.
    Reachable,
    /// It cannot, and why.
    Unreachable(String),
}

/// Decides whether a valid manifest may be declared on this host.
#[async_trait]
pub trait Admission: Send + Sync + 'static {
    /// Refuses with a sentence for the user, such as that the project folder lies outside the
    /// configured roots. Has a deadline of its own.
    async fn admit(&self, manifest: &Manifest) -> Result<(), String>;
}

/// What the controller counts and measures. The server knows nothing of it but that it is text.
pub trait Metrics: Send + Sync + 'static {
    /// All of it as it is now, in the OpenMetrics text format. Waits for nothing.
    ///
    /// # Errors
    /// Something could not be written down; what there is of the text is of no use then.
    fn text(&self) -> Result<String, fmt::Error>;
}

/// How many long polls may wait at once; more are told to come again.
const LONG_POLLS: usize = 256;

/// How many streams of figures may be open at once; more are told to come again.
const STREAMS: usize = 64;

/// The state with what the server itself keeps.
pub(super) struct Inner {
    pub(super) state: State,
    /// One permit for each long poll that may wait.
    pub(super) polls: Semaphore,
    /// One permit for each stream of figures that may be open.
    pub(super) streams: Arc<Semaphore>,
}

/// What every handler gets.
pub(super) type Api = Arc<Inner>;

impl From<State> for Inner {
    fn from(state: State) -> Self {
        let streams = Arc::new(Semaphore::new(STREAMS));
        Self { state, polls: Semaphore::new(LONG_POLLS), streams }
    }
}
