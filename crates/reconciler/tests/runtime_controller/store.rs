//! A store of failures in memory, which may be slow, or fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future;
use tokio::time::{Instant, sleep};
use trueup_reconciler::runtime::{RetryState, RetryStore, StoreError};

use super::support::Key;

/// A store in memory. It has a clock: what it hands out is what is left of each delay.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) saved: Mutex<HashMap<Key, (RetryState, Instant)>>,
    /// What each call of `save` was given: the key, and how many failures it has.
    pub(crate) calls: Mutex<Vec<Vec<(Key, u32)>>>,
    /// How many of the next calls of `save` fail.
    pub(crate) failing: AtomicUsize,
    pub(crate) load_takes: Option<Duration>,
    pub(crate) save_takes: Option<Duration>,
    /// How many of the next calls of `load` fail.
    pub(crate) failing_loads: AtomicUsize,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits, but not while somebody keeps asking: a clock that stands still would never get on.
async fn wait(duration: Option<Duration>) {
    let mut asked = 0;
    let mut pause = Box::pin(sleep(duration.unwrap_or_default()));
    future::poll_fn(|cx| {
        asked += 1;
        assert!(asked < 10_000, "the controller spins while it waits for the store");
        pause.as_mut().poll(cx)
    })
    .await;
}

#[async_trait]
impl RetryStore<Key> for Store {
    async fn load(&self) -> Result<Vec<(Key, RetryState)>, StoreError> {
        wait(self.load_takes).await;
        if fails(&self.failing_loads) {
            return Err("the disk is gone".into());
        }
        let left = |(key, (state, at)): (&Key, &(RetryState, Instant))| {
            let retry_in = state.retry_in.saturating_sub(at.elapsed());
            (*key, RetryState { retry_in, ..*state })
        };
        Ok(locked(&self.saved).iter().map(left).collect())
    }

    async fn save(&self, changes: Vec<(Key, Option<RetryState>)>) -> Result<(), StoreError> {
        let now = Instant::now();
        let failures = |state: &Option<RetryState>| state.map_or(0, |state| state.failures);
        let given = changes.iter().map(|(key, state)| (*key, failures(state))).collect();
        locked(&self.calls).push(given);
        wait(self.save_takes).await;
        if fails(&self.failing) {
            return Err("the disk is full".into());
        }
        let mut saved = locked(&self.saved);
        for (key, state) in changes {
            match state {
                Some(state) => saved.insert(key, (state, now)),
                None => saved.remove(key),
            };
        }
        Ok(())
    }
}

/// Whether this call is one of those that fail.
fn fails(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Store {
    pub(crate) fn calls(&self) -> Vec<Vec<(Key, u32)>> {
        locked(&self.calls).clone()
    }

    pub(crate) fn saved(&self, key: Key) -> Option<RetryState> {
        locked(&self.saved).get(key).map(|(state, _)| *state)
    }
}
