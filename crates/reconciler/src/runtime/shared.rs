//! What a controller shares with its handles: the queue under a lock, and the controller's waker.
//!
//! This is all that threads meet at. The rule that loses no wake-up: the controller registers its
//! waker *before* it looks into the queue, and a handle wakes it *after* it has changed the queue.
//! `loom` checks that in `interleavings.rs`.

use tokio::time::Instant;

use super::queue::Queue;
use super::sync::{AtomicWaker, Mutex, MutexGuard, PoisonError, Waker};

/// The queue and the waker.
pub(super) struct Shared<K, C> {
    queue: Mutex<Queue<K, C>>,
    waker: AtomicWaker,
}

impl<K, C> Shared<K, C> {
    pub(super) fn new(queue: Queue<K, C>) -> Self {
        Self { queue: Mutex::new(queue), waker: AtomicWaker::new() }
    }

    /// Runs one operation on the queue. The time is taken under the lock, so that the queue never
    /// sees it run backwards.
    pub(super) fn with<T>(&self, operation: impl FnOnce(&mut Queue<K, C>, Instant) -> T) -> T {
        // A panic in here can only come from the caller's functions on keys and causes, which must
        // not. Refusing all service afterwards would help nobody.
        let mut queue: MutexGuard<'_, _> =
            self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        operation(&mut queue, Instant::now())
    }

    /// Runs an operation that may give the controller something to do, and wakes it.
    pub(super) fn submit<T>(&self, operation: impl FnOnce(&mut Queue<K, C>, Instant) -> T) -> T {
        let result = self.with(operation);
        self.waker.wake();
        result
    }

    /// Has the controller woken by whatever is submitted from now on.
    pub(super) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}
