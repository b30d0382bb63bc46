//! A key that has come to its turn: what the queue hands out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::causes::CauseList;
use super::heat::HotLoop;

/// A key that may run now, and why.
#[derive(Debug)]
pub struct Start<K, C> {
    /// The key.
    pub key: K,
    /// Every cause that was merged, oldest first.
    pub causes: CauseList<C>,
    /// How many further causes were left out because the bound was reached (see
    /// [`Limits::causes`](super::Limits)). Their priority counted all the same.
    pub omitted: u64,
    /// How many runs of this key failed in a row before this one.
    pub attempt: u32,
    /// How long the key was ready to run before it did.
    pub queue_duration: Duration,
    /// Said if this run is one too many within a short time, and why there were so many.
    pub hot_loop: Option<Arc<HotLoop>>,
    /// What ends the run (see [`Queue::finish`](super::Queue::finish)).
    pub ticket: Ticket,
}

/// The right to end one run of one key, once, in the queue that gave it out. Another queue cannot tell
/// that it is not its own.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub(super) usize);

/// What is left of a run that is over.
#[derive(Debug)]
pub struct Finish<K> {
    /// The key.
    pub key: K,
    /// When it will be retried, if it is going to be.
    pub retry_at: Option<Instant>,
}
