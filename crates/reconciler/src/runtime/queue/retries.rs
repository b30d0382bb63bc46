//! The queue's failures, as somebody outside may forget, restore and save them.
//!
//! Deliberately absent: a wall clock. What is saved says how long from now a retry is due; whoever
//! saves it knows what time it is.

use std::collections::HashSet;
use std::hash::Hash;

use tokio::time::Instant;

use super::Queue;
use super::entry::Streak;
use super::moment::Moment;
use super::report::RetryState;

impl<K: Clone + Eq + Hash, C> Queue<K, C> {
    /// Forgets the failures of a key. A retry that was waiting becomes due at once; a pass under
    /// way that fails will be the first to fail.
    pub fn reset_backoff(&mut self, key: &K, now: Instant) {
        let now = self.pass(now);
        let Some(id) = self.find(key) else { return };
        let streak = self.entries[id].streak();
        if streak == Streak::default() {
            return;
        }
        let retry_at = streak.retry_at.map(|_| now);
        self.entries[id].later().streak = Streak { retry_at, ..Streak::default() };
        self.note_unsaved(id);
        self.settle(id);
        self.fire(now);
    }

    /// Takes up the failures that an earlier process recorded: the key is retried when the state
    /// says, and a further failure is one more. A key that already runs or has failed here is left
    /// alone, and so is a closed queue.
    pub fn restore_backoff(&mut self, key: K, state: RetryState, now: Instant) {
        let RetryState { failures, step, retry_in } = state;
        if self.closed || failures == 0 {
            return;
        }
        let now = self.pass(now);
        let id = self.entry(key);
        let entry = &mut self.entries[id];
        if !entry.is_running() && entry.streak().failures == 0 {
            let retry_at = Some(now.after(retry_in));
            entry.later().streak = Streak { failures, step: step.min(failures), retry_at };
        }
        self.settle(id);
    }

    /// From now on keeps account of the keys whose failures change.
    pub(in super::super) fn watch_retries(&mut self) {
        self.unsaved.get_or_insert_default();
    }

    /// Takes out at most so many keys whose failures have changed, and what they are now; `None`
    /// for none.
    pub(in super::super) fn take_unsaved(
        &mut self,
        most: usize,
        now: Instant,
    ) -> Vec<(K, Option<RetryState>)> {
        let now = self.pass(now);
        let Some(unsaved) = &mut self.unsaved else { return Vec::new() };
        let keys: Vec<K> = unsaved.iter().take(most).cloned().collect();
        for key in &keys {
            unsaved.remove(key);
        }
        let state = |key: K| {
            let streak = self.find(&key).map(|id| self.entries[id].streak()).unwrap_or_default();
            let retry_in = |at: Moment| at.since(now);
            let state = (streak.failures > 0).then_some(RetryState {
                failures: streak.failures,
                step: streak.step,
                retry_in: streak.retry_at.map(retry_in).unwrap_or_default(),
            });
            (key, state)
        };
        keys.into_iter().map(state).collect()
    }

    /// Gives back what could not be saved.
    pub(in super::super) fn put_back_unsaved(&mut self, keys: impl IntoIterator<Item = K>) {
        self.unsaved.get_or_insert_with(HashSet::new).extend(keys);
    }
}
