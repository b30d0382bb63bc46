//! What became of a pass: the one record per pass that the controller's stream yields.
//!
//! Every pass that started yields exactly one outcome, however it ended, unless the stream itself
//! is dropped. The outcome is a report: the queue has already been told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::causes::Causes;
use super::policy::ErrorPolicy;
use super::queue::HotLoop;
use super::request::Next;

/// How one pass went.
#[derive(Debug)]
pub struct Outcome<K, C, E> {
    /// The key that was reconciled.
    pub key: K,
    /// Every cause that was merged into the pass, oldest first.
    pub causes: Causes<C>,
    /// How many further causes were left out because the bound was reached.
    pub omitted: u64,
    /// How many passes of this key had failed in a row before this one.
    pub attempt: u32,
    /// How the pass ended.
    pub result: PassResult<E>,
    /// How long the key was ready to run before it did.
    pub queue_duration: Duration,
    /// How long the pass ran.
    pub work_duration: Duration,
    /// When the key will be retried, if it is going to be and nothing names it earlier. A wake-up,
    /// such as that of [`Policies::terminal`](super::Policies::terminal), is not told here.
    pub next_retry: Option<Instant>,
    /// Said if the key is reconciled too often, and why it was.
    pub hot_loop: Option<Arc<HotLoop>>,
}

/// How a pass ended.
#[derive(Debug)]
pub enum PassResult<E> {
    /// `reconcile` succeeded.
    Ok(Next),
    /// `reconcile` failed, and `on_error` chose what to do about it.
    Failed(E, ErrorPolicy),
    /// `reconcile` or `on_error` panicked with this message. Retried as
    /// [`Unknown`](ErrorPolicy::Unknown).
    Panicked(String),
    /// The pass ran into its deadline and was dropped. Retried as
    /// [`Unknown`](ErrorPolicy::Unknown).
    TimedOut,
    /// The pass was cut off by the end of the drain. That is no failure, and not retried: the
    /// controller is gone. Should somebody else have cut it before, it is retried as
    /// [`Unknown`](ErrorPolicy::Unknown).
    Cancelled,
}

impl<E> PassResult<E> {
    /// Whether `reconcile` returned `Ok`.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }

    /// What the queue is to do: the next wake-up, or the way to retry.
    pub(super) fn verdict(&self) -> Result<Next, ErrorPolicy> {
        match self {
            Self::Ok(next) => Ok(*next),
            Self::Failed(_, policy) => Err(*policy),
            Self::Panicked(_) | Self::TimedOut | Self::Cancelled => Err(ErrorPolicy::Unknown),
        }
    }
}
