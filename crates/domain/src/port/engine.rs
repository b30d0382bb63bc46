//! The engine that runs containers.

use crate::{
    action::Action,
    container::{Container, ContainerConfig, ContainerSummary},
    error::EngineError,
    id::{ContainerId, WorkspaceId},
    observed::NetworkState,
    spec::Image,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;

/// An engine, limited to what carries our instance id.
///
/// Every call has a deadline of its own inside the implementation and fails with
/// [`Reason::DeadlineExceeded`](crate::error::Reason::DeadlineExceeded) when it passes. A call that
/// was given up may still be carried out by the engine, so its error is of class `Unknown`.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// The container with that id or name; `None` when the engine says that there is none.
    async fn inspect(&self, container: &ContainerId) -> Result<Option<Container>, EngineError>;

    /// Our containers, stopped ones too: all of them, or those labelled with one workspace.
    ///
    /// The states may be stale right after a death; inspect before acting on one.
    async fn list(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<ContainerSummary>, EngineError>;

    /// Whether the engine has the image.
    async fn has_image(&self, image: &Image) -> Result<bool, EngineError>;

    /// The network with that name, if there is one.
    async fn network(&self, name: &str) -> Result<Option<NetworkState>, EngineError>;

    /// The names of the volumes labelled with the workspace.
    async fn volumes(&self, workspace: WorkspaceId) -> Result<Vec<String>, EngineError>;

    /// Tries an action once. "Already so" is success.
    async fn perform(&self, action: &Action) -> Result<(), EngineError>;

    /// The same as performing the creation of a container; the answer is what the container is to be
    /// called from then on: its id, where the engine tells it. Somebody may take its name at any time.
    async fn create(&self, config: &ContainerConfig) -> Result<ContainerId, EngineError> {
        self.perform(&Action::CreateContainer(Box::new(config.clone()))).await?;
        Ok(ContainerId::new(config.name.clone()))
    }

    /// What the engine's own clock says.
    async fn time(&self) -> Result<Timestamp, EngineError>;

    /// What happens to our containers from `since` (by the engine's clock) on, as the engine tells it:
    /// possibly out of order, doubled, or not at all. Ends when the subscription does, whatever ended
    /// it; dropping it ends the subscription.
    ///
    /// An engine whose events are not read becomes slow for everybody: whoever asks for them must go
    /// on reading.
    async fn events(
        &self,
        since: Timestamp,
    ) -> Result<BoxStream<'static, Result<EngineEvent, Unreadable>>, EngineError>;
}

/// An event of one of our containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// When, by the engine's clock.
    pub at: Timestamp,
    /// The workspace that the container's label names; `None` when it names none.
    pub workspace: Option<WorkspaceId>,
    /// The container.
    pub container: ContainerId,
    /// The engine's bare word for what happened, without what it adds after a colon: `die`, `start`,
    /// `health_status`, … Commands that are run inside of a container are no events.
    pub action: String,
}

/// Something in the stream that is no event that we can read. Its words are left out: they may hold
/// a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// What whoever watches an engine makes of its events and lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// Something happened to a container of this workspace; inspect it.
    Changed(EngineChange),
    /// All our containers as just listed: after every (re)connection and every resync interval.
    Listed(Vec<ContainerSummary>),
    /// The engine cannot be watched now; told once for each interval that it cannot.
    Lost(EngineError),
}

/// A change that the engine reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineChange {
    /// The workspace that the container's label names.
    pub workspace: WorkspaceId,
    /// The container.
    pub container: ContainerId,
    /// The engine's word for what happened: `die`, `start`, `health_status`, …
    pub action: String,
}
