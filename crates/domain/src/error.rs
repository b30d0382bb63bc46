//! What a port says when it fails: which operation, what kind of failure, and the words of whoever
//! refused.
//!
//! The class decides what the queue does; the reason is what a condition shows.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a caller should take a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorClass {
    /// It may well work later, with nothing changed.
    Retryable,
    /// It will fail the same way until somebody changes something.
    Terminal,
    /// It may or may not have been done: look before acting again.
    Unknown,
}

/// Why an engine call failed, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Nobody answers at the engine's address.
    EngineUnreachable,
    /// The call's deadline passed.
    DeadlineExceeded,
    /// The engine does not have the image, and was not to pull it or could not find it.
    ImageNotFound,
    /// Pulling the image failed.
    PullFailed,
    /// The host port is in use.
    PortTaken,
    /// The project folder does not exist on the host.
    ProjectMissing,
    /// The project folder is outside the configured roots, or may not be used.
    ProjectForbidden,
    /// The command, the working directory or the user does not exist in the image.
    CommandInvalid,
    /// Somebody else's object has our name.
    NameConflict,
    /// The network that the container is attached to is gone.
    NetworkMissing,
    /// No free subnet is left in the configured range.
    SubnetsExhausted,
    /// The object is gone.
    NotFound,
    /// Another operation on the object is under way.
    Busy,
    /// The engine refused the request as it stands.
    Refused,
    /// The engine failed inside.
    EngineFault,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A failed engine call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {message}")]
pub struct EngineError {
    /// What was tried, such as `start container`.
    pub operation: &'static str,
    /// How to take it.
    pub class: ErrorClass,
    /// Why, as one word.
    pub reason: Reason,
    /// The engine's own words, or ours where it said nothing.
    pub message: String,
}

/// A failed store call.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed it first; read it again.
    #[error("{subject} was changed by someone else; read it again and retry")]
    Conflict {
        /// Which workspace.
        subject: String,
    },
    /// It is being deleted and takes no more changes.
    #[error("{subject} is being deleted; wait until it is gone")]
    Deleting {
        /// Which workspace.
        subject: String,
    },
    /// There is no such workspace.
    #[error("no workspace {subject}")]
    NotFound {
        /// Which workspace.
        subject: String,
    },
    /// The storage itself failed.
    #[error("{operation} failed in the store")]
    Backend {
        /// What was tried.
        operation: &'static str,
        /// What the backend said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// How a caller should take it.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Backend { .. } => ErrorClass::Unknown,
            Self::Conflict { .. } => ErrorClass::Retryable,
            Self::Deleting { .. } | Self::NotFound { .. } => ErrorClass::Terminal,
        }
    }
}
