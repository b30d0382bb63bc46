//! Time and identity from outside, so that a test can hold both still.

use crate::id::WorkspaceId;
use jiff::Timestamp;

/// The wall clock and the source of new ids.
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// An id that no workspace has had.
    fn workspace_id(&self) -> WorkspaceId;
}
