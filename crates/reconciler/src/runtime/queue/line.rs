//! The bookkeeping behind the queue's operations: entries, the line and the timers.
//!
//! Whatever changes a deadline or takes something out of an entry ends with
//! [`settle`](Queue::settle). That is the one place where timers are set and idle keys are
//! forgotten, so that no operation has to think of either.

use std::hash::Hash;

use tokio::time::Instant;

use super::super::request::{Cause, Enqueued, Priority, Trigger};
use super::Queue;
use super::entry::{Bundle, Entry, Pending, Rank};

impl<K: Clone + Eq + Hash, C> Queue<K, C> {
    /// Moves everything that is due by now into line. After the close the line stays as it is.
    pub(super) fn fire(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        while let Some(&(at, id)) = self.timers.first()
            && at <= now
        {
            let entry = &mut self.entries[id];
            let due = |at: &mut Instant| *at <= now;
            // A retry of a running key is not due: the run is a try already.
            let retry = if entry.running { None } else { entry.streak.retry_at.take_if(due) };
            let wake_up = entry.wake_at.take_if(due);
            let reminder = entry.reminder.take_if(|reminder| reminder.at <= now);
            for (trigger, at) in [(Trigger::Retry, retry), (Trigger::WakeUp, wake_up)] {
                if let Some(added) = at {
                    let cause = Cause { trigger, priority: Priority::Retry, added };
                    self.push(id, Bundle::of(cause), added);
                }
            }
            if let Some(reminder) = reminder {
                self.push(id, reminder.bundle, reminder.at);
            }
            self.settle(id);
        }
    }

    /// The place of the key's entry, which is made if there is none. Whoever calls this puts
    /// something into the entry, or settles it.
    pub(super) fn entry(&mut self, key: K) -> usize {
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = self.entries.insert(Entry::new(key.clone()));
        self.ids.insert(key, id);
        id
    }

    /// Puts causes that are ready since `since` before the next pass of the key.
    pub(super) fn push(&mut self, id: usize, bundle: Bundle<C>, since: Instant) -> Enqueued {
        let head_start = self.limits.aging.saturating_mul(bundle.priority.steps_behind());
        let rank = Rank { due: super::after(since, head_start), sequence: self.sequence };
        self.sequence += 1;
        let entry = &mut self.entries[id];
        if let Some(pending) = &mut entry.pending {
            if rank < pending.rank {
                // A key that runs is not in line; its pending causes bring it there at the end.
                if self.line.remove(&(pending.rank, id)) {
                    self.line.insert((rank, id));
                }
                pending.rank = rank;
            }
            pending.since = pending.since.min(since);
            self.stats.omitted += pending.bundle.absorb(bundle, self.limits.causes.max(1));
            self.stats.merged += 1;
            return Enqueued::Merged;
        }
        entry.pending = Some(Pending { bundle, since, rank });
        if !entry.running {
            self.line.insert((rank, id));
        }
        self.stats.adds += 1;
        self.stats.queued += 1;
        Enqueued::Queued
    }

    /// Counts a failure. It only lengthens the backoff if the delay before was waited out: an
    /// event that comes in between runs the key at once, and says nothing about how long the fault
    /// lasts.
    pub(super) fn back_off(&mut self, id: usize, now: Instant) {
        let streak = &mut self.entries[id].streak;
        streak.failures = streak.failures.saturating_add(1);
        if streak.retry_at.is_none_or(|at| at <= now) {
            let delay = self.backoff.delay(streak.step, &mut self.rng);
            streak.step = streak.step.saturating_add(1);
            streak.retry_at = Some(super::after(now, delay));
        }
    }

    /// Brings the timers in line with the entry, and forgets the entry if nothing is left in it.
    pub(super) fn settle(&mut self, id: usize) {
        let entry = &mut self.entries[id];
        let deadline = entry.deadline();
        if entry.armed != deadline {
            if let Some(at) = entry.armed {
                self.timers.remove(&(at, id));
            }
            if let Some(at) = deadline {
                self.timers.insert((at, id));
            }
            entry.armed = deadline;
        }
        if entry.is_idle() {
            let entry = self.entries.remove(id);
            self.ids.remove(&entry.key);
        }
    }
}
