//! The bounds of a queue, in one value.

use std::time::Duration;

use super::super::request::Priority;
use super::heat::HotLoopLimit;
use super::pace::RateLimit;

/// The bounds of a [`Queue`](super::Queue).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many keys may run at once; at least one does.
    pub concurrency: usize,
    /// How many keys of one owner may run at once; at least one does.
    pub concurrency_per_owner: usize,
    /// How many causes of one pass are kept, at least one. The first ones stay and the rest is
    /// counted in [`Request::omitted`](super::super::Request::omitted).
    pub causes: usize,
    /// The head start of each priority over the next lower one: an owner whose key has waited
    /// three of these goes before anything new.
    pub aging: Duration,
    /// How many keys may start within some time, over all; `None` for as many as there are.
    pub rate: Option<RateLimit>,
    /// How often one key may run before it is reported as a hot loop.
    pub hot_loop: HotLoopLimit,
}

impl Limits {
    /// How long a key of this priority lets those go first that are as urgent as can be.
    pub(super) fn head_start(&self, priority: Priority) -> Duration {
        match priority {
            Priority::User => Duration::ZERO,
            Priority::Event => self.aging,
            Priority::Retry => self.aging.saturating_mul(2),
            Priority::Resync => self.aging.saturating_mul(3),
        }
    }
}

impl Default for Limits {
    /// Ten at once, of whichever owner, 64 causes, ten seconds, any rate, a hundred passes in ten
    /// seconds.
    fn default() -> Self {
        Self {
            concurrency: 10,
            concurrency_per_owner: usize::MAX,
            causes: 64,
            aging: Duration::from_secs(10),
            rate: None,
            hot_loop: HotLoopLimit::default(),
        }
    }
}
