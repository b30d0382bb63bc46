//! The outside's way into a running controller.
//!
//! A handle does nothing but short operations on the queue under its lock, and wakes the
//! controller afterwards. It neither waits nor keeps the controller alive: what becomes of a
//! submitted key is told by the outcomes alone.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::queue::{self, KeyState, RetryState, Snapshot, Stats};
use super::request::{Add, Enqueued, Priority};
use super::shared::Shared;

/// Submits keys to a controller and looks into its queue. Cheap to clone.
///
/// What is submitted before the controller runs is kept until it does. Once it has shut down,
/// or its stream was dropped, nothing is taken any more.
pub struct Handle<K, C> {
    shared: Arc<Shared<K, C>>,
}

impl<K: Clone + Eq + Hash, C> Handle<K, C> {
    /// Has the key reconciled as soon as its turn comes.
    pub fn enqueue(&self, key: K, cause: C, priority: Priority) -> Enqueued {
        self.shared.submit(|queue, now| queue.add(Add { key, cause, priority }, now))
    }

    /// Has the key reconciled after this delay. What is submitted in this way for one key merges;
    /// the earliest deadline wins. Other runs of the key leave it standing.
    pub fn enqueue_after(&self, key: K, cause: C, priority: Priority, delay: Duration) -> Enqueued {
        self.shared.submit(|queue, now| {
            queue.add_at(Add { key, cause, priority }, queue::after(now, delay), now)
        })
    }

    /// Asks the pass of the key that is under way to end early, and says whether there is one. The
    /// pass learns it by [`Request::cancelled`](super::Request::cancelled); one that does not
    /// listen goes on.
    pub fn cancel(&self, key: &K) -> bool {
        self.shared.submit(|queue, _| queue.cancel(key))
    }

    /// Forgets the failures of a key and has a waiting retry run now.
    pub fn reset_backoff(&self, key: &K) {
        self.shared.submit(|queue, now| queue.reset_backoff(key, now));
    }

    /// Takes up the failures that an earlier process recorded (see
    /// [`Queue::restore_backoff`](super::Queue::restore_backoff)).
    pub fn restore_backoff(&self, key: K, state: RetryState) {
        self.shared.submit(|queue, now| queue.restore_backoff(key, state, now));
    }

    /// How many keys wait for a pass, those included whose present pass is to be followed by
    /// another one.
    pub fn depth(&self) -> usize {
        self.stats().queued
    }

    /// The queue's counters and sizes.
    pub fn stats(&self) -> Stats {
        self.shared.with(|queue, now| queue.stats(now))
    }

    /// Which keys are queued, running and waiting. Costs as much as there are keys; the queue is
    /// locked meanwhile. After shutdown, `queued` is what never came to run.
    pub fn snapshot(&self) -> Snapshot<K> {
        self.shared.with(|queue, now| queue.snapshot(now))
    }

    /// Where one key is; `None` when nothing about it is due, planned or running.
    pub fn state(&self, key: &K) -> Option<KeyState> {
        self.shared.with(|queue, _| queue.state(key))
    }

    pub(super) fn new(shared: Arc<Shared<K, C>>) -> Self {
        Self { shared }
    }

    pub(super) fn shared(&self) -> &Shared<K, C> {
        &self.shared
    }
}

// Derived, these would ask for `K: Clone` and `C: Clone`, or print the whole queue.
impl<K, C> Clone for Handle<K, C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K, C> fmt::Debug for Handle<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
