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
//! Adding, starting and finishing take the same few steps whatever the number of keys; setting and
//! firing a timer is O(log n) in the number of timers. Memory is bounded by the number of distinct
//! keys: refusing a *key* would mean to forget a change, so only causes are bounded.

mod entry;
mod fair;
mod finish;
mod heat;
mod index;
mod limits;
mod moment;
mod pace;
mod place;
mod report;
mod retries;
mod start;
mod upkeep;
mod view;

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use slab::Slab;
use tokio::time::Instant;

use self::entry::{Bundle, Entry, Reminder, Run};
use self::fair::Fair;
use self::heat::Heat;
pub use self::heat::{HotLoop, HotLoopLimit};
use self::index::Index;
pub use self::limits::Limits;
use self::moment::{LONGEST, Moment, Timeline};
use self::pace::Pace;
pub use self::pace::RateLimit;
use self::place::Line;
pub use self::report::{KeyState, RetryState, Snapshot, Stats};
use self::retries::Unsaved;
pub use self::start::{Finish, Start, Ticket};
use super::owner::Owner;
use super::policy::Policies;
use super::request::{Add, Cause, Enqueued, Priority, Trigger};

/// Whose a key is.
type OwnerOf<K> = Box<dyn Fn(&K) -> Owner + Send + Sync>;

/// Keys with causes, priorities, retries and wake-ups: the controller's heart, and usable alone.
///
/// It waits for nothing and knows no clock: whoever drives it tells it the time, which must not run
/// backwards, calls [`start`](Self::start) until that has nothing more, and comes back at
/// [`next_deadline`](Self::next_deadline), after an addition or at the end of a run.
pub struct Queue<K, C> {
    limits: Limits,
    policies: Policies,
    rng: Rng,
    owner_of: Option<OwnerOf<K>>,
    hasher: SeedableRandomState,
    ids: Index,
    entries: Slab<Entry<K, C>>,
    fair: Fair,
    running: Line,
    timers: BTreeSet<(Moment, usize)>,
    pace: Pace,
    heat: Heat,
    /// The runs that are to end early.
    cancelled: HashSet<Ticket>,
    /// Keys whose failures have changed since they were last taken out to be saved.
    unsaved: Option<Unsaved<K>>,
    stats: Stats,
    timeline: Timeline,
    /// What the moments at which the running keys started come to.
    started: Duration,
    closed: bool,
}

impl<K: Clone + Eq + Hash, C> Queue<K, C> {
    /// An empty queue that draws its jitter from `rng`.
    pub fn new(limits: Limits, policies: Policies, rng: Rng) -> Self {
        // From the generator too, so that the same seed means the same course of events.
        let hasher =
            SeedableRandomState::with_seed(rng.clone().u64(..), SharedSeed::global_fixed());
        Self {
            limits,
            policies,
            rng,
            owner_of: None,
            hasher,
            ids: Index::default(),
            entries: Slab::new(),
            fair: Fair::new(),
            running: Line::new(),
            timers: BTreeSet::new(),
            pace: Pace::default(),
            heat: Heat::new(),
            cancelled: HashSet::new(),
            unsaved: None,
            stats: Stats::default(),
            timeline: Timeline::default(),
            started: Duration::ZERO,
            closed: false,
        }
    }

    /// Makes the queue fair between owners: those with keys in line take turns. The owner of a key
    /// is asked for when the key comes to be known, and kept until it is forgotten.
    ///
    /// The function runs within the queue's operations and must be quick.
    pub fn set_owner(&mut self, owner_of: impl Fn(&K) -> Owner + Send + Sync + 'static) {
        self.owner_of = Some(Box::new(owner_of));
    }

    /// Adds a key that is ready to run now.
    pub fn add(&mut self, add: Add<K, C>, now: Instant) -> Enqueued {
        if self.closed {
            return Enqueued::Closed;
        }
        let moment = self.pass(now);
        let Add { key, cause, priority } = add;
        let id = self.entry(key);
        self.push(id, Cause { trigger: Trigger::Caller(cause), priority, added: now }, moment)
    }

    /// Adds a key that becomes ready at `at`. All that is added to one key for later becomes due
    /// together, at the earliest of these instants. A run before that leaves it standing.
    pub fn add_at(&mut self, add: Add<K, C>, at: Instant, now: Instant) -> Enqueued {
        if at <= now || self.closed {
            return self.add(add, now);
        }
        self.pass(now);
        let at = self.timeline.moment(at);
        let Add { key, cause, priority } = add;
        let bundle = Bundle::of(Cause { trigger: Trigger::Caller(cause), priority, added: now });
        let id = self.entry(key);
        let later = self.entries[id].later();
        let outcome = match &mut later.reminder {
            None => {
                later.reminder = Some(Reminder { bundle, at });
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
    /// [`finish`](Self::finish). `None` if nothing is ready, if enough is running, if the rate
    /// limit says so, or after [`close`](Self::close).
    pub fn start(&mut self, now: Instant) -> Option<Start<K, C>> {
        if self.closed {
            return None;
        }
        let now = self.pass(now);
        if self.is_full() || self.pace.opens_at(self.limits.rate).is_some_and(|at| at > now) {
            return None;
        }
        let id = self.fair.next(&mut self.entries, now, &self.limits)?;
        self.pace.pay(self.limits.rate, now);
        self.stats.gets += 1;
        self.stats.queued -= 1;
        self.stats.running += 1;
        self.started += now.since(Moment::default());
        self.running.join(&mut self.entries, id, Priority::User, now);
        let entry = &mut self.entries[id];
        entry.run = Run::Yes;
        let pending = entry.pending.take()?;
        let omitted = u64::from(pending.bundle.omitted);
        let causes = pending.bundle.into_causes();
        let key = entry.key.clone()?;
        let hash = self.hasher.hash_one(&key);
        let hot_loop = self.heat.count(hash, &causes, self.limits.hot_loop, now);
        self.stats.hot_loops += u64::from(hot_loop.is_some());
        let start = Start {
            key,
            causes,
            omitted,
            attempt: entry.streak().failures,
            queue_duration: now.since(pending.since),
            hot_loop: hot_loop.map(Arc::new),
            ticket: Ticket(id),
        };
        if entry.later.is_some() {
            // A running key's retry does not come due.
            self.settle(id);
        }
        Some(start)
    }

    /// The key that runs.
    pub fn key(&self, ticket: &Ticket) -> Option<&K> {
        self.entries.get(ticket.0)?.key.as_ref()
    }

    /// The next instant at which something becomes due that is not due now. Before that, or an
    /// addition, or the end of a run, [`start`](Self::start) has nothing new to say.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let timer = self.timers.first().map(|(at, _)| *at);
        let could_start = !self.is_full() && self.fair.has_next();
        let opening = self.pace.opens_at(self.limits.rate).filter(|_| could_start);
        timer.into_iter().chain(opening).min().and_then(|at| self.timeline.instant(at))
    }

    /// From now on nothing starts and nothing is added. What runs can still be finished.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Has the run of a key end early, and says whether there is one. Whoever runs it learns it
    /// once, from [`take_cancelled`](Self::take_cancelled).
    pub(super) fn cancel(&mut self, key: &K) -> bool {
        let Some(id) = self.find(key) else { return false };
        let entry = &mut self.entries[id];
        if entry.run == Run::Yes {
            entry.run = Run::Cancelled;
            self.cancelled.insert(Ticket(id));
        }
        entry.is_running()
    }

    /// The runs under way that are to end early.
    pub(super) fn take_cancelled(&mut self) -> HashSet<Ticket> {
        std::mem::take(&mut self.cancelled)
    }

    fn is_full(&self) -> bool {
        self.stats.running >= self.limits.concurrency.max(1)
    }

    /// The bounds, which may be changed at any time; what runs is not cut short.
    pub(super) fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// What follows a failure; delays that are running stay as they are.
    pub(super) fn policies_mut(&mut self) -> &mut Policies {
        &mut self.policies
    }
}

/// The instant `delay` later, kept within what an [`Instant`] can hold.
pub(super) fn after(now: Instant, delay: Duration) -> Instant {
    now + delay.min(LONGEST)
}
