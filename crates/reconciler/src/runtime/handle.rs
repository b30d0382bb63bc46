//! The outside's way into a running controller.
//!
//! A handle does nothing but short operations on the queue under its lock, and wakes the
//! controller afterwards. It neither waits nor keeps the controller alive: what becomes of a
//! submitted key is told by the outcomes alone.

use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::time::Instant;

use super::queue::{self, KeyState, Queue, Snapshot, Stats};
use super::request::{Add, Enqueued, Priority};

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
        self.submit(|queue, now| queue.add(Add { key, cause, priority }, now))
    }

    /// Has the key reconciled after this delay. What is submitted in this way for one key merges;
    /// the earliest deadline wins. Other runs of the key leave it standing.
    pub fn enqueue_after(&self, key: K, cause: C, priority: Priority, delay: Duration) -> Enqueued {
        self.submit(|queue, now| {
            queue.add_at(Add { key, cause, priority }, queue::after(now, delay), now)
        })
    }

    /// Forgets the failures of a key and has a waiting retry run now.
    pub fn reset_backoff(&self, key: &K) {
        self.submit(|queue, now| queue.reset_backoff(key, now));
    }

    /// Takes up the failures that an earlier process recorded (see [`Queue::restore_backoff`]).
    pub fn restore_backoff(&self, key: K, failures: u32, retry_in: Duration) {
        self.submit(|queue, now| {
            queue.restore_backoff(key, failures, queue::after(now, retry_in), now);
        });
    }

    /// How many keys wait for a pass, those included whose present pass is to be followed by
    /// another one.
    pub fn depth(&self) -> usize {
        self.stats().queued
    }

    /// The queue's counters and sizes.
    pub fn stats(&self) -> Stats {
        self.shared.with(|queue, _| queue.stats())
    }

    /// Which keys are queued, running and waiting. Costs as much as there are keys; the queue is
    /// locked meanwhile. After shutdown, `queued` is what never came to run.
    pub fn snapshot(&self) -> Snapshot<K> {
        self.shared.with(|queue, _| queue.snapshot())
    }

    /// Where one key is; `None` when nothing about it is due, planned or running.
    pub fn state(&self, key: &K) -> Option<KeyState> {
        self.shared.with(|queue, _| queue.state(key))
    }

    pub(super) fn new(shared: Arc<Shared<K, C>>) -> Self {
        Self { shared }
    }

    fn submit<T>(&self, operation: impl FnOnce(&mut Queue<K, C>, Instant) -> T) -> T {
        let result = self.shared.with(operation);
        self.shared.waker.wake();
        result
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

/// The queue, and the controller's waker: all that a controller and its handles share.
pub(super) struct Shared<K, C> {
    queue: Mutex<Queue<K, C>>,
    pub(super) waker: AtomicWaker,
}

impl<K, C> Shared<K, C> {
    pub(super) fn new(queue: Queue<K, C>) -> Self {
        Self { queue: Mutex::new(queue), waker: AtomicWaker::new() }
    }

    /// Runs one operation on the queue. The time is taken under the lock, so that the queue never
    /// sees it run backwards.
    pub(super) fn with<T>(&self, operation: impl FnOnce(&mut Queue<K, C>, Instant) -> T) -> T {
        // A panic in here can only come from the key's own `Hash`, `Eq` or `Clone`, which run
        // before the queue changes anything. Refusing all service afterwards would help nobody.
        let mut queue: MutexGuard<'_, _> =
            self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        operation(&mut queue, Instant::now())
    }
}
