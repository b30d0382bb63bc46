//! The bookkeeping behind the queue's operations: entries, timers and what is unsaved.
//!
//! Whatever changes a deadline or takes something out of an entry ends with
//! [`settle`](Queue::settle). That is the one place where timers are set and idle keys are
//! forgotten, so that no operation has to think of either.

use std::hash::{BuildHasher, Hash};

use tokio::time::Instant;

use super::super::request::{Cause, Enqueued, Priority, Trigger};
use super::Queue;
use super::entry::{Bundle, Entry, Pending};
use super::moment::Moment;

impl<K: Clone + Eq + Hash, C> Queue<K, C> {
    /// Lets the time pass until now: what is due by then moves into line.
    pub(super) fn pass(&mut self, now: Instant) -> Moment {
        let now = self.timeline.pass(now);
        if !self.timers.is_empty() {
            self.fire(now);
        }
        now
    }

    /// Moves everything that is due by now into line. After the close the line stays as it is.
    pub(super) fn fire(&mut self, now: Moment) {
        if self.closed {
            return;
        }
        while let Some(&(at, id)) = self.timers.first()
            && at <= now
        {
            let entry = &mut self.entries[id];
            let is_running = entry.is_running();
            let later = entry.later();
            // What this key has later than this comes later, with what others have by then.
            let due = |other: &mut Moment| *other <= at;
            // A retry of a running key is not due: the run is a try already.
            let retry = if is_running { None } else { later.streak.retry_at.take_if(due) };
            let wake_up = later.wake_at.take_if(due);
            let reminder = later.reminder.take_if(|reminder| reminder.at <= at);
            for (trigger, at) in [(Trigger::Retry, retry), (Trigger::WakeUp, wake_up)] {
                if let Some(at) = at
                    && let Some(added) = self.timeline.instant(at)
                {
                    self.push(id, Cause { trigger, priority: Priority::Retry, added }, at);
                }
            }
            if let Some(reminder) = reminder {
                self.push_all(id, reminder.bundle, reminder.at);
            }
            self.settle(id);
        }
    }

    /// Where the key's entry is, if there is one.
    pub(super) fn find(&self, key: &K) -> Option<usize> {
        self.ids.find(&self.entries, self.hasher.hash_one(key), key)
    }

    /// The place of the key's entry, which is made if there is none. Whoever calls this puts
    /// something into the entry, or settles it.
    pub(super) fn entry(&mut self, key: K) -> usize {
        let hash = self.hasher.hash_one(&key);
        let make = |key: K| {
            let owner = self.owner_of.as_ref().map(|owner_of| owner_of(&key));
            Entry::new(key, self.fair.admit(owner))
        };
        self.ids.find_or_insert(&mut self.entries, (hash, key), make)
    }

    /// Puts a cause that is ready since `since` before the next pass of the key.
    pub(super) fn push(&mut self, id: usize, cause: Cause<C>, since: Moment) -> Enqueued {
        let limit = self.limits.causes.max(1);
        let entry = &mut self.entries[id];
        let Some(pending) = &mut entry.pending else {
            return self.push_all(id, Bundle::of(cause), since);
        };
        let (before, priority) = (pending.bundle.priority, cause.priority);
        self.stats.omitted += u64::from(!pending.bundle.push(cause, limit));
        self.stats.merged += 1;
        if priority > before {
            self.line_up(id, priority, since);
        }
        Enqueued::Merged
    }

    /// Puts causes that are ready since `since` before the next pass of the key.
    pub(super) fn push_all(&mut self, id: usize, bundle: Bundle<C>, since: Moment) -> Enqueued {
        let priority = bundle.priority;
        let entry = &mut self.entries[id];
        let enqueued = if let Some(pending) = &mut entry.pending {
            self.stats.omitted += pending.bundle.absorb(bundle, self.limits.causes.max(1));
            self.stats.merged += 1;
            Enqueued::Merged
        } else {
            entry.pending = Some(Pending { bundle, since });
            self.stats.adds += 1;
            self.stats.queued += 1;
            Enqueued::Queued
        };
        self.line_up(id, priority, since);
        enqueued
    }

    /// Brings a key forward in line, or into it. The causes of a key that runs do that when the run
    /// is over.
    fn line_up(&mut self, id: usize, priority: Priority, since: Moment) {
        let entry = &self.entries[id];
        if !entry.is_running() {
            let place = (entry.flow(), id);
            self.fair.line_up(&mut self.entries, place, (priority, since), &self.limits);
        }
    }

    /// Brings the timers in line with the entry, and forgets the entry if nothing is left in it;
    /// then returns its key.
    pub(super) fn settle(&mut self, id: usize) -> Option<K> {
        let entry = &mut self.entries[id];
        if entry.later.is_none() {
            // Mostly nothing is to come.
            return if entry.is_idle() { self.forget(id) } else { None };
        }
        let deadline = entry.deadline();
        if let Some(later) = &mut entry.later {
            if later.armed != deadline {
                if let Some(at) = later.armed {
                    self.timers.remove(&(at, id));
                }
                if let Some(at) = deadline {
                    self.timers.insert((at, id));
                }
                later.armed = deadline;
            }
            if later.is_empty() {
                entry.later = None;
            }
        }
        if entry.is_idle() { self.forget(id) } else { None }
    }

    fn forget(&mut self, id: usize) -> Option<K> {
        self.fair.dismiss(self.entries[id].flow());
        self.ids.bury(&mut self.entries, id)
    }

    /// Takes note that the failures of a key have changed, if anybody wants to save them.
    pub(super) fn note_unsaved(&mut self, id: usize) {
        if let Some(unsaved) = &mut self.unsaved {
            self.entries[id].key.iter().for_each(|key| unsaved.push(key));
        }
    }
}
