//! What the queue knows about one key.
//!
//! An entry is a value with independent parts: what the key does now, the causes that are due
//! (`pending`), and what is to come (`later`). It exists only while one of them does. The last is
//! in a box of its own, because most keys never need it and all of them are walked over. Whose turn
//! it is, and when something becomes due, is the queue's business.

use smallvec::smallvec;

use super::super::causes::CauseList;
use super::super::request::{Cause, Priority};
use super::moment::Moment;
use super::place::{Place, Placed};

/// All that is known about one key.
pub(super) struct Entry<K, C> {
    /// `None` once the key is forgotten, until somebody else moves in.
    pub(super) key: Option<K>,
    /// The place in the owner's line, or among those that run.
    pub(super) place: Option<Place>,
    flow: u32,
    pub(super) run: Run,
    pub(super) pending: Option<Pending<C>>,
    pub(super) later: Option<Box<Later<C>>>,
}

/// Whether a key runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    No,
    Yes,
    /// It does, and was asked to end.
    Cancelled,
}

/// Causes that are due and wait for a pass.
pub(super) struct Pending<C> {
    pub(super) bundle: Bundle<C>,
    /// Since when the key is ready to run.
    pub(super) since: Moment,
}

/// What is to come: the causes that are due later, the wake-up that the last success asked for, and
/// the failures in a row with their retry.
pub(super) struct Later<C> {
    pub(super) reminder: Option<Reminder<C>>,
    pub(super) wake_at: Option<Moment>,
    pub(super) streak: Streak,
    /// The moment under which the entry stands among the queue's timers.
    pub(super) armed: Option<Moment>,
}

/// Causes that become due together, at a later instant.
pub(super) struct Reminder<C> {
    pub(super) bundle: Bundle<C>,
    pub(super) at: Moment,
}

/// Failures in a row.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Streak {
    /// How many passes failed, for whatever reason.
    pub(super) failures: u32,
    /// How many of them count for the backoff: those that came after the delay before was over.
    pub(super) step: u32,
    pub(super) retry_at: Option<Moment>,
}

impl<K, C> Placed for Entry<K, C> {
    fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    fn place_mut(&mut self) -> &mut Option<Place> {
        &mut self.place
    }
}

impl<K, C> Entry<K, C> {
    /// There are never as many as four billion owners in memory.
    pub(super) fn new(key: K, flow: usize) -> Self {
        let flow = u32::try_from(flow).unwrap_or(u32::MAX);
        Self { key: Some(key), flow, place: None, run: Run::No, pending: None, later: None }
    }

    /// Where its owner is kept.
    pub(super) fn flow(&self) -> usize {
        self.flow as usize
    }

    /// The part for what is to come, made if there is none.
    pub(super) fn later(&mut self) -> &mut Later<C> {
        self.later.get_or_insert_default()
    }

    pub(super) fn is_running(&self) -> bool {
        self.run != Run::No
    }

    pub(super) fn streak(&self) -> Streak {
        self.later.as_ref().map(|later| later.streak).unwrap_or_default()
    }

    /// The earliest moment at which something becomes due. A retry waits for the pass under way,
    /// which is a try already; how that pass ends decides about it.
    pub(super) fn deadline(&self) -> Option<Moment> {
        let later = self.later.as_ref()?;
        let retry = later.streak.retry_at.filter(|_| !self.is_running());
        let reminder = later.reminder.as_ref().map(|reminder| reminder.at);
        [retry, later.wake_at, reminder].into_iter().flatten().min()
    }

    /// Whether nothing is left that would be lost by forgetting the key.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_running() && self.pending.is_none() && self.deadline().is_none()
    }
}

impl<C> Later<C> {
    pub(super) fn is_empty(&self) -> bool {
        self.reminder.is_none() && self.wake_at.is_none() && self.streak == Streak::default()
    }
}

// Derived, this would ask for `C: Default`.
impl<C> Default for Later<C> {
    fn default() -> Self {
        Self { reminder: None, wake_at: None, streak: Streak::default(), armed: None }
    }
}

/// Merged causes, of which at most a given number are kept. The first ones stay, since they say
/// what began it; the rest is counted.
pub(super) struct Bundle<C> {
    causes: CauseList<C>,
    pub(super) omitted: u32,
    /// The highest priority of all, also of the omitted.
    pub(super) priority: Priority,
}

impl<C> Bundle<C> {
    pub(super) fn of(cause: Cause<C>) -> Self {
        Self { priority: cause.priority, causes: smallvec![cause], omitted: 0 }
    }

    /// Takes in one more cause, and says whether there was room for it.
    pub(super) fn push(&mut self, cause: Cause<C>, limit: usize) -> bool {
        self.priority = self.priority.max(cause.priority);
        let has_room = self.causes.len() < limit;
        if has_room {
            self.causes.push(cause);
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
        has_room
    }

    /// Takes in another bundle and returns how many of its causes did not fit.
    pub(super) fn absorb(&mut self, other: Self, limit: usize) -> u64 {
        self.omitted = self.omitted.saturating_add(other.omitted);
        // The omitted ones count for the priority all the same.
        self.priority = self.priority.max(other.priority);
        other.causes.into_iter().map(|cause| u64::from(!self.push(cause, limit))).sum()
    }

    /// The causes that were kept, oldest first.
    pub(super) fn into_causes(mut self) -> CauseList<C> {
        if self.causes.len() > 1 {
            self.causes.sort_by_key(|cause| cause.added);
        }
        self.causes
    }
}
