//! The queue's failures, as somebody outside may forget, restore and save them.
//!
//! Deliberately absent: a wall clock. What is saved says how long from now a retry is due; whoever
//! saves it knows what time it is.

use std::collections::{HashSet, VecDeque};
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
        let keys = unsaved.pop(most);
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

    /// Has these keys saved, after those that wait already: what could not be saved, and what the
    /// store is wrong about.
    pub(in super::super) fn put_unsaved(&mut self, keys: impl IntoIterator<Item = K>) {
        let unsaved = self.unsaved.get_or_insert_default();
        keys.into_iter().for_each(|key| unsaved.push(&key));
    }
}

/// Keys in the order in which they came, each once. Whatever cannot be saved goes to the end, and does
/// not keep the others from it.
pub(super) struct Unsaved<K> {
    order: VecDeque<K>,
    keys: HashSet<K>,
}

// Derived, this would ask for `K: Default`.
impl<K> Default for Unsaved<K> {
    fn default() -> Self {
        Self { order: VecDeque::new(), keys: HashSet::new() }
    }
}

impl<K: Clone + Eq + Hash> Unsaved<K> {
    pub(super) fn push(&mut self, key: &K) {
        if self.keys.insert(key.clone()) {
            self.order.push_back(key.clone());
        }
    }

    fn pop(&mut self, most: usize) -> Vec<K> {
        let taken: Vec<K> = self.order.drain(..most.min(self.order.len())).collect();
        for key in &taken {
            self.keys.remove(key);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_again_is_kept_once_and_one_that_comes_back_waits_for_the_others() {
        let mut unsaved = Unsaved::default();
        for key in [1, 2, 3, 1, 2] {
            unsaved.push(&key);
        }
        assert_eq!(unsaved.pop(2), [1, 2]);
        unsaved.push(&1);
        assert_eq!(unsaved.pop(9), [3, 1]);
        assert!(unsaved.pop(9).is_empty() && unsaved.keys.is_empty());
    }
}
