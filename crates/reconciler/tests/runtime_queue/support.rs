//! What the cases share: a small queue, and a way to drive it.

use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;
use trueup_reconciler::runtime::{
    Add, Backoff, ErrorPolicy, Limits, Next, Policies, Priority, Queue, Start, Trigger,
};

pub(crate) type Keys<K = &'static str> = Queue<K, u32>;

/// The seed of every queue in here, so that a case can draw the same delays.
pub(crate) const SEED: u64 = 3;

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// So many at once, four causes each, and ten seconds between the priorities.
pub(crate) fn limits(concurrency: usize) -> Limits {
    Limits { concurrency, causes: 4, aging: seconds(10), ..Limits::default() }
}

pub(crate) fn backoff() -> Backoff {
    Backoff::exponential(seconds(8), seconds(60))
}

pub(crate) fn queue_with<K: Clone + Eq + Hash>(limits: Limits, policies: Policies) -> Keys<K> {
    Queue::new(limits, policies, fastrand::Rng::with_seed(SEED))
}

pub(crate) fn queue(concurrency: usize) -> Keys {
    queue_with(limits(concurrency), Policies::all(backoff()))
}

pub(crate) fn add<K>(key: K, cause: u32, priority: Priority) -> Add<K, u32> {
    Add { key, cause, priority }
}

pub(crate) fn triggers<K>(start: &Start<K, u32>) -> Vec<Trigger<u32>> {
    start.causes.iter().map(|cause| cause.trigger.clone()).collect()
}

/// Starts the next key and ends its run in this way at the same instant; says which key that was,
/// and when it will be retried.
pub(crate) fn run_one<K: Clone + Eq + Hash>(
    queue: &mut Keys<K>,
    verdict: Result<Next, ErrorPolicy>,
    now: Instant,
) -> Option<(K, Option<Instant>)> {
    let start = queue.start(now)?;
    let finish = queue.finish(start.ticket, verdict, now)?;
    Some((finish.key, finish.retry_at))
}

/// Starts and finishes whatever is ready, and returns the keys in the order in which they ran.
pub(crate) fn run_all<K: Clone + Eq + Hash>(queue: &mut Keys<K>, now: Instant) -> Vec<K> {
    let run = || run_one(queue, Ok(Next::await_change()), now).map(|(key, _)| key);
    std::iter::from_fn(run).collect()
}
