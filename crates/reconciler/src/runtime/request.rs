//! What goes into a pass and what comes back from it: causes, requests, answers.
//!
//! A cause says *which* key to look at and why; it never says what to do. The types here are plain
//! values without behaviour beyond their constructors. What became of a pass is in
//! [`outcome`](super::outcome).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::causes::Causes;
use super::queue::HotLoop;

/// How urgent a cause is. The most urgent cause of a key decides when the key runs.
///
/// Urgency is a head start, not a right of way: each step down costs one aging interval (see
/// [`Limits::aging`](super::Limits)), so that a cause of any priority is served in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// The periodic look at everything.
    Resync,
    /// What the controller owes itself: retries and wake-ups.
    Retry,
    /// Something changed in the world.
    Event,
    /// A person is waiting.
    User,
}

impl Priority {
    pub(super) const MOST_URGENT_FIRST: [Self; 4] =
        [Self::User, Self::Event, Self::Retry, Self::Resync];

    /// How many aging intervals this priority stands behind the most urgent one.
    pub(super) fn steps_behind(self) -> usize {
        Self::User as usize - self as usize
    }
}

/// What set a cause off.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trigger<C> {
    /// A source or a [`Handle`](super::Handle) named the key, with the caller's own cause.
    Caller(C),
    /// The delay after a failed pass is over.
    Retry,
    /// The time that an earlier pass asked for with [`Next::requeue_after`] has come.
    WakeUp,
}

/// One reason why a key is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cause<C> {
    /// What set it off.
    pub trigger: Trigger<C>,
    /// How urgent it is.
    pub priority: Priority,
    /// When it was handed to the queue. For retries and wake-ups, the deadline that passed.
    pub added: Instant,
}

/// A key to look at, as sources and handles submit it.
///
/// Converts from `(key, cause)`, which has [`Priority::Event`], and from `(key, cause, priority)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Add<K, C> {
    /// Which key.
    pub key: K,
    /// Why.
    pub cause: C,
    /// How urgently.
    pub priority: Priority,
}

impl<K, C> From<(K, C)> for Add<K, C> {
    fn from((key, cause): (K, C)) -> Self {
        Self { key, cause, priority: Priority::Event }
    }
}

impl<K, C> From<(K, C, Priority)> for Add<K, C> {
    fn from((key, cause, priority): (K, C, Priority)) -> Self {
        Self { key, cause, priority }
    }
}

/// What became of an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Enqueued {
    /// The key was not waiting for this yet, and is now.
    Queued,
    /// The key was waiting already; the cause was merged with the earlier ones.
    Merged,
    /// The controller has shut down; nothing was added.
    Closed,
}

/// One pass, as `reconcile` receives it. Clones share the causes and the cancellation.
#[derive(Debug)]
pub struct Request<K, C> {
    /// The key to reconcile.
    pub key: K,
    /// Every cause that was merged into this pass, oldest first.
    pub causes: Causes<C>,
    /// How many further causes were left out because the bound was reached (see
    /// [`Limits::causes`](super::Limits)). Their priority counted all the same.
    pub omitted: u64,
    /// How many passes of this key failed in a row before this one; 0 on the first try.
    pub attempt: u32,
    /// How long ago the key was named first. If that was during an earlier pass of its own, the rest
    /// of that pass counts, as in client-go's work queue.
    pub queue_duration: Duration,
    /// Said if this pass is one too many within a short time, and why there were so many.
    pub hot_loop: Option<Arc<HotLoop>>,
}

impl<K, C> Request<K, C> {
    /// A first try at this key, as a controller would hand it out: for tests of a `reconcile`.
    pub fn new(key: K, causes: impl IntoIterator<Item = Cause<C>>) -> Self {
        Self {
            key,
            causes: causes.into_iter().collect(),
            omitted: 0,
            attempt: 0,
            queue_duration: Duration::ZERO,
            hot_loop: None,
        }
    }

    /// Ready when the pass is asked to end early: shortly before its deadline, at the shutdown, and
    /// on [`Handle::cancel`](super::Handle::cancel). Whether it does is up to the pass.
    pub async fn cancelled(&self) {
        self.causes.cancelled().await;
    }

    /// Whether the pass has been asked to end early.
    pub fn is_cancelled(&self) -> bool {
        self.causes.is_cancelled()
    }
}

// Derived, this would ask for `C: Clone`, which the shared causes make needless.
impl<K: Clone, C> Clone for Request<K, C> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            causes: self.causes.clone(),
            omitted: self.omitted,
            attempt: self.attempt,
            queue_duration: self.queue_duration,
            hot_loop: self.hot_loop.clone(),
        }
    }
}

/// When a key that was reconciled successfully is to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Next {
    wake_up: Option<Duration>,
}

impl Next {
    /// Only when something names the key again. Drops an earlier wake-up of this key.
    pub fn await_change() -> Self {
        Self { wake_up: None }
    }

    /// Also after this delay, at the latest. This is a wake-up, not a retry: it neither counts as
    /// a failure nor is it lengthened by one. Replaces an earlier wake-up of this key.
    pub fn requeue_after(delay: Duration) -> Self {
        Self { wake_up: Some(delay) }
    }

    /// The delay that was asked for, if any.
    pub fn wake_up(self) -> Option<Duration> {
        self.wake_up
    }
}
