//! Resource usage: where figures come from, and where they are kept.

use crate::{
    error::StoreError,
    id::{ContainerId, WorkspaceId},
    usage::{Measured, Point, Range, Reading, Source, UsageRow},
};
use async_trait::async_trait;
use jiff::Timestamp;

/// Where the figures of containers come from.
#[async_trait]
pub trait UsageSource: Send + Sync + 'static {
    /// Where they come from as a rule, on this engine.
    fn source(&self) -> Source;

    /// Gets ready to read the present run of a container.
    ///
    /// # Errors
    /// [`UsageError::Gone`] when it does not run.
    async fn open(&self, container: &ContainerId) -> Result<Box<dyn Gauge>, UsageError>;
}

/// One run of one container. What it holds is freed when it is dropped.
#[async_trait]
pub trait Gauge: Send + Sync {
    /// Where its figures come from; not `Source::None`.
    fn source(&self) -> Source;

    /// The counters now.
    ///
    /// # Errors
    /// [`UsageError::Gone`] once the run is over: this gauge is of no more use then, and never reads
    /// another run's counters.
    async fn read(&mut self) -> Result<Reading, UsageError>;
}

/// Why there is no reading.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// The container does not run, or not any more.
    #[error("the container does not run")]
    Gone,
    /// The engine did not say, in words; that says nothing about the container.
    #[error("the engine did not say: {0}")]
    Unknown(String),
    /// It cannot be read, in words.
    #[error("{0}")]
    Unreadable(String),
}

/// The history of usage. What is lost of it is lost: nothing of a pass waits for it.
#[async_trait]
pub trait UsageLog: Send + Sync + 'static {
    /// Keeps the rows, in one transaction, and removes what is too old at `now`.
    async fn append(&self, rows: Vec<UsageRow>, now: Timestamp) -> Result<(), StoreError>;

    /// The usage of a workspace over a range, by step, the oldest first; steps without a reading are
    /// left out.
    async fn history(
        &self,
        workspace: WorkspaceId,
        range: &Range,
        now: Timestamp,
    ) -> Result<Vec<Point>, StoreError>;
}

/// What the sampler knows of a workspace, for its conditions. Waits for nothing.
pub trait Meter: Send + Sync + 'static {
    /// `None`: nothing is known, or it does not run.
    fn measured(&self, workspace: WorkspaceId) -> Option<Measured>;
}

/// Where nothing is measured.
impl Meter for () {
    fn measured(&self, _: WorkspaceId) -> Option<Measured> {
        None
    }
}
