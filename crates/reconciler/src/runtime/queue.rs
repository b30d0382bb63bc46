//! The work queue: which key runs next, and when there is something to do again.
//!
//! A pure data structure. Every operation that depends on time is told the time; nothing waits,
//! nothing is spawned, and the only randomness is the generator it was given. That is what lets
//! it be checked against a naive model, step by step.
//!
//! # Invariants
//!
//! - A key stands in line at most once (Q1), and never while it runs (Q2). What is added during a
//!   run stands in line once the run is over (Q3).
//! - Each key stands among the timers at most once, under its earliest deadline (Q4).
//! - At most `concurrency` keys run (Q7), and none starts after [`close`](Queue::close) (Q9).
//! - `queued = adds - gets`, and a key without anything due, planned or running is forgotten (Q10).
//! - A cause leaves with exactly one request, or is counted as omitted (Q11).
//!
//! # Cost
//!
//! Each operation is O(log n) in the number of known keys; firing timers costs that much for each
//! timer that is due. Memory is bounded by the number of distinct keys: refusing a *key* would
//! mean to forget a change, so only causes are bounded.

mod entry;
mod line;
mod report;

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use slab::Slab;
use tokio::time::Instant;

use self::entry::{Bundle, Entry, Rank, Reminder, Streak};
pub use self::report::{KeyState, Snapshot, Stats};
use super::backoff::Backoff;
use super::request::{Add, Cause, Enqueued, ErrorPolicy, Next, Request, Trigger};

/// The bounds of a [`Queue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many keys may run at once; at least one does.
    pub concurrency: usize,
    /// How many causes of one pass are kept, at least one. The first ones stay and the rest is
    /// counted in [`Request::omitted`].
    pub causes: usize,
    /// The head start of each priority over the next lower one: a key that has waited three of
    /// these goes before anything new.
    pub aging: Duration,
}

impl Default for Limits {
    /// Ten at once, 64 causes, ten seconds.
    fn default() -> Self {
        Self { concurrency: 10, causes: 64, aging: Duration::from_secs(10) }
    }
}

/// Keys with causes, priorities, retries and wake-ups: the controller's heart, and usable alone.
///
/// It waits for nothing and knows no clock: whoever drives it tells it the time, calls
/// [`start`](Self::start) until that has nothing more, and comes back at
/// [`next_deadline`](Self::next_deadline), after an addition or at the end of a run. Each
/// operation is O(log n) in the number of known keys, plus as much for each timer that is due.
pub struct Queue<K, C> {
    limits: Limits,
    backoff: Backoff,
    rng: Rng,
    ids: HashMap<K, usize>,
    entries: Slab<Entry<K, C>>,
    line: BTreeSet<(Rank, usize)>,
    timers: BTreeSet<(Instant, usize)>,
    sequence: u64,
    stats: Stats,
    closed: bool,
}

impl<K: Clone + Eq + Hash, C> Queue<K, C> {
    /// An empty queue that draws its jitter from `rng`.
    pub fn new(limits: Limits, backoff: Backoff, rng: Rng) -> Self {
        Self {
            limits,
            backoff,
            rng,
            ids: HashMap::new(),
            entries: Slab::new(),
            line: BTreeSet::new(),
            timers: BTreeSet::new(),
            sequence: 0,
            stats: Stats::default(),
            closed: false,
        }
    }

    /// Adds a key that is ready to run now.
    pub fn add(&mut self, add: Add<K, C>, now: Instant) -> Enqueued {
        if self.closed {
            return Enqueued::Closed;
        }
        self.fire(now);
        let Add { key, cause, priority } = add;
        let cause = Cause { trigger: Trigger::Caller(cause), priority, added: now };
        let id = self.entry(key);
        self.push(id, Bundle::of(cause), now)
    }

    /// Adds a key that becomes ready at `at`. All that is added to one key for later becomes due
    /// together, at the earliest of these instants. A run before that leaves it standing.
    pub fn add_at(&mut self, add: Add<K, C>, at: Instant, now: Instant) -> Enqueued {
        if at <= now || self.closed {
            return self.add(add, now);
        }
        self.fire(now);
        let Add { key, cause, priority } = add;
        let bundle = Bundle::of(Cause { trigger: Trigger::Caller(cause), priority, added: now });
        let id = self.entry(key);
        let outcome = match &mut self.entries[id].reminder {
            None => {
                self.entries[id].reminder = Some(Reminder { bundle, at });
                Enqueued::Queued
            }
            Some(reminder) => {
                reminder.at = reminder.at.min(at);
                let limit = self.limits.causes.max(1);
                self.stats.omitted += reminder.bundle.absorb(bundle, limit);
                Enqueued::Merged
            }
        };
        self.settle(id);
        outcome
    }

    /// Takes out the next key that may run now and marks it as running, until
    /// [`finish`](Self::finish). `None` if nothing is ready, if enough is running, or after
    /// [`close`](Self::close).
    pub fn start(&mut self, now: Instant) -> Option<Request<K, C>> {
        if self.closed {
            return None;
        }
        self.fire(now);
        if self.stats.running >= self.limits.concurrency.max(1) {
            return None;
        }
        let (_, id) = self.line.pop_first()?;
        let entry = &mut self.entries[id];
        let pending = entry.pending.take()?;
        entry.running = true;
        self.stats.gets += 1;
        self.stats.queued -= 1;
        self.stats.running += 1;
        let mut causes = pending.bundle.causes;
        causes.sort_by_key(|cause| cause.added);
        let request = Request {
            key: entry.key.clone(),
            causes: Arc::from(causes),
            omitted: pending.bundle.omitted,
            attempt: entry.streak.failures,
            queue_duration: now.saturating_duration_since(pending.since),
        };
        self.settle(id);
        Some(request)
    }

    /// Releases a running key. Returns when it will be retried, if it is going to be. Does nothing
    /// for a key that is not running.
    pub fn finish(
        &mut self,
        key: &K,
        verdict: Result<Next, ErrorPolicy>,
        now: Instant,
    ) -> Option<Instant> {
        self.fire(now);
        let id = *self.ids.get(key)?;
        let entry = &mut self.entries[id];
        if !entry.running {
            return None;
        }
        entry.running = false;
        self.stats.running -= 1;
        match verdict {
            Ok(next) => {
                entry.streak = Streak::default();
                entry.wake_at = next.wake_up().map(|delay| after(now, delay));
            }
            Err(ErrorPolicy::Retry) => self.back_off(id, now),
            Err(ErrorPolicy::RetryAfter(delay)) => {
                entry.streak.failures = entry.streak.failures.saturating_add(1);
                entry.streak.retry_at = Some(after(now, delay));
            }
            Err(ErrorPolicy::Terminal) => entry.streak = Streak::default(),
        }
        let entry = &self.entries[id];
        if let Some(pending) = &entry.pending {
            self.line.insert((pending.rank, id));
        }
        let retry_at = entry.streak.retry_at;
        self.settle(id);
        retry_at
    }

    /// Forgets the failures of a key. A retry that was waiting becomes due at once; a pass under
    /// way that fails will be the first to fail.
    pub fn reset_backoff(&mut self, key: &K, now: Instant) {
        self.fire(now);
        let Some(&id) = self.ids.get(key) else { return };
        let entry = &mut self.entries[id];
        let retry_at = entry.streak.retry_at.map(|_| now);
        entry.streak = Streak { retry_at, ..Streak::default() };
        self.settle(id);
        self.fire(now);
    }

    /// Takes up the failures that an earlier process recorded: the key is retried at `retry_at`,
    /// and a further failure is number `failures + 1`. A key that already runs or has failed here
    /// is left alone, and so is a closed queue.
    pub fn restore_backoff(&mut self, key: K, failures: u32, retry_at: Instant, now: Instant) {
        if self.closed || failures == 0 {
            return;
        }
        self.fire(now);
        let id = self.entry(key);
        let entry = &mut self.entries[id];
        if !entry.running && entry.streak.failures == 0 {
            entry.streak = Streak { failures, step: failures, retry_at: Some(retry_at) };
        }
        self.settle(id);
    }

    /// The next instant at which something becomes due that is not due now. Before that, or an
    /// addition, or the end of a run, [`start`](Self::start) has nothing new to say.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.first().filter(|_| !self.closed).map(|(at, _)| *at)
    }

    /// From now on nothing starts and nothing is added. What runs can still be finished.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The counters, and the present sizes.
    pub fn stats(&self) -> Stats {
        Stats { waiting: self.timers.len(), known: self.entries.len(), ..self.stats }
    }

    /// Which keys are where. Costs as much as there are keys.
    pub fn snapshot(&self) -> Snapshot<K> {
        let key = |id: usize| self.entries[id].key.clone();
        let running = || self.entries.iter().map(|(_, entry)| entry).filter(|entry| entry.running);
        let behind = running().filter(|entry| entry.pending.is_some());
        let in_line = self.line.iter().map(|(_, id)| key(*id));
        Snapshot {
            queued: in_line.chain(behind.map(|entry| entry.key.clone())).collect(),
            running: running().map(|entry| entry.key.clone()).collect(),
            waiting: self.timers.iter().map(|(at, id)| (key(*id), *at)).collect(),
        }
    }

    /// Where one key is; `None` when nothing about it is due, planned or running.
    pub fn state(&self, key: &K) -> Option<KeyState> {
        let entry = &self.entries[*self.ids.get(key)?];
        Some(KeyState {
            queued: entry.pending.is_some(),
            running: entry.running,
            failures: entry.streak.failures,
            due: entry.deadline(),
        })
    }

    /// The bounds, which may be changed at any time; what runs is not cut short.
    pub(super) fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Replaces the retry policy; delays that are running stay as they are.
    pub(super) fn set_backoff(&mut self, backoff: Backoff) {
        self.backoff = backoff;
    }
}

/// The instant `delay` later, kept within what an [`Instant`] can hold.
pub(super) fn after(now: Instant, delay: Duration) -> Instant {
    const THIRTY_YEARS: Duration = Duration::from_hours(24 * 365 * 30);
    now + delay.min(THIRTY_YEARS)
}
