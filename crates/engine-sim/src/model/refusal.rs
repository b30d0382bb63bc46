//! An engine's refusal: a status, its words, and why, for those who need not read words.

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct Refusal {
    /// The status of the answer.
    pub status: u16,
    /// The engine's words, those of Docker 20.10.
    pub message: String,
    /// What they say.
    pub why: Why,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The object does not exist.
    Gone,
    /// Somebody else has the name.
    NameTaken,
    /// The image is not there.
    ImageMissing,
    /// A folder to be mounted is not there.
    FolderMissing,
    /// The command does not exist.
    CommandInvalid,
    /// Somebody else has the host port.
    PortTaken,
    /// The network that the container should be attached to is gone.
    NetworkMissing,
    /// The container is in another state than the request needs.
    WrongState,
    /// It is so already, and the engine counts that as an error.
    AlreadySo,
    /// Another request about it is under way, or somebody uses it.
    Busy,
    /// No subnet is left.
    SubnetsExhausted,
    /// The subnet overlaps another one.
    SubnetTaken,
    /// The registry does not have the image.
    PullAbsent,
    /// The registry gives the image to nobody without credentials.
    PullDenied,
    /// The registry did not answer, or not to the end.
    PullFailed,
    /// The engine failed inside.
    Fault,
    /// The request makes no sense to the engine.
    Invalid,
}

impl Refusal {
    pub(crate) fn new(status: u16, why: Why, message: impl Into<String>) -> Self {
        Self { status, why, message: message.into() }
    }

    pub(super) fn no_container(name: &str) -> Self {
        Self::new(404, Why::Gone, format!("No such container: {name}"))
    }
}
