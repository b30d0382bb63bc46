//! What the queue knows about one key.
//!
//! An entry is a value with four independent parts: the causes that are due (`pending`), those
//! that are not yet (`reminder`), the wake-up that the last success asked for, and the failures in
//! a row with their retry. It exists only while one of them does or the key runs. Where the key
//! stands in line, and among the timers, is the queue's business.

use tokio::time::Instant;

use super::super::request::{Cause, Priority};

/// All that is known about one key.
pub(super) struct Entry<K, C> {
    pub(super) key: K,
    pub(super) running: bool,
    pub(super) pending: Option<Pending<C>>,
    pub(super) reminder: Option<Reminder<C>>,
    pub(super) wake_at: Option<Instant>,
    pub(super) streak: Streak,
    /// The instant under which the entry stands among the queue's timers.
    pub(super) armed: Option<Instant>,
}

impl<K, C> Entry<K, C> {
    pub(super) fn new(key: K) -> Self {
        Self {
            key,
            running: false,
            pending: None,
            reminder: None,
            wake_at: None,
            streak: Streak::default(),
            armed: None,
        }
    }

    /// The earliest instant at which something becomes due. A retry waits for the pass under way,
    /// which is a try already; how that pass ends decides about it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let retry = self.streak.retry_at.filter(|_| !self.running);
        let reminder = self.reminder.as_ref().map(|reminder| reminder.at);
        [retry, self.wake_at, reminder].into_iter().flatten().min()
    }

    /// Whether nothing is left that would be lost by forgetting the key.
    pub(super) fn is_idle(&self) -> bool {
        !self.running && self.pending.is_none() && self.deadline().is_none()
    }
}

/// Causes that are due and wait for a pass.
pub(super) struct Pending<C> {
    pub(super) bundle: Bundle<C>,
    /// Since when the key is ready to run.
    pub(super) since: Instant,
    pub(super) rank: Rank,
}

/// A place in line: whoever's `due` is earlier goes first, and of two equals the one who came
/// first.
///
/// `due` is the instant of the addition plus one aging interval for each step of priority below
/// the top. It never moves later, and every new addition is due later than the ones of the same
/// priority before it, so that each key is overtaken only by what comes in during its head start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) due: Instant,
    pub(super) sequence: u64,
}

/// Causes that become due together, at a later instant.
pub(super) struct Reminder<C> {
    pub(super) bundle: Bundle<C>,
    pub(super) at: Instant,
}

/// Failures in a row.
#[derive(Clone, Copy, Default)]
pub(super) struct Streak {
    /// How many passes failed, for whatever reason.
    pub(super) failures: u32,
    /// How many of them count for the backoff: those that came after the delay before was over.
    pub(super) step: u32,
    pub(super) retry_at: Option<Instant>,
}

/// Merged causes, of which at most a given number are kept. The first ones stay, since they say
/// what began it; the rest is counted.
pub(super) struct Bundle<C> {
    pub(super) causes: Vec<Cause<C>>,
    pub(super) omitted: u64,
    /// The highest priority of all, also of the omitted.
    pub(super) priority: Priority,
}

impl<C> Bundle<C> {
    pub(super) fn of(cause: Cause<C>) -> Self {
        Self { priority: cause.priority, causes: vec![cause], omitted: 0 }
    }

    /// Takes in another bundle and returns how many of its causes did not fit.
    pub(super) fn absorb(&mut self, other: Self, limit: usize) -> u64 {
        self.priority = self.priority.max(other.priority);
        let room = limit.saturating_sub(self.causes.len());
        let refused = other.causes.len().saturating_sub(room) as u64;
        self.causes.extend(other.causes.into_iter().take(room));
        self.omitted += other.omitted + refused;
        refused
    }
}
