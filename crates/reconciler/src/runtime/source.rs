//! Where keys come from: watched streams and the periodic source, in one shape.
//!
//! A source is a stream of batches of additions. It is polled by the controller, in the
//! controller's task, and has no buffer: what is not polled stays in the stream it came from.

use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, interval_at, timeout};
use tokio::time::{Interval, MissedTickBehavior};

use super::request::{Add, Priority};

/// How many items of one stream make up a batch at most.
const AT_ONCE: usize = 64;

/// A stream of batches.
pub(super) type Source<K, C> = BoxStream<'static, Vec<Add<K, C>>>;

/// Turns the items of a stream into additions.
pub(super) fn watched<K, C, S, M, I>(name: &'static str, stream: S, mut map: M) -> Source<K, C>
where
    K: Send + 'static,
    C: Send + 'static,
    S: Stream + Send + 'static,
    M: FnMut(S::Item) -> I + Send + 'static,
    I: IntoIterator,
    I::Item: Into<Add<K, C>>,
{
    // What is ready is taken in one go, and what is not is not waited for.
    let batches = stream
        .ready_chunks(AT_ONCE)
        .map(move |items| items.into_iter().flat_map(&mut map).map(Into::into).collect());
    // A watch usually has no end. The other sources go on, so that nothing else would tell.
    let end = stream::once(async move {
        tracing::warn!(controller = name, "a watched stream has ended");
        Vec::new()
    });
    batches.chain(end).boxed()
}

/// Lists keys at once and then at every interval. A list that takes longer than the interval is
/// dropped, and the next one is started.
pub(super) fn periodic<K, C, L, F>(name: &'static str, period: Duration, list: L) -> Source<K, C>
where
    K: Send + 'static,
    C: Send + 'static,
    L: FnMut() -> F + Send + 'static,
    F: Future<Output: IntoIterator<Item = (K, C)>> + Send + 'static,
{
    // `Interval` refuses zero.
    let period = period.max(Duration::from_millis(1));
    stream::unfold((None, list), move |(ticks, mut list)| async move {
        let mut ticks: Interval = ticks.unwrap_or_else(|| start(period));
        ticks.tick().await;
        let batch = match timeout(period, list()).await {
            Ok(keys) => keys.into_iter().map(resynced).collect(),
            Err(_elapsed) => {
                tracing::warn!(
                    controller = name,
                    ?period,
                    "a resync took longer than its interval"
                );
                Vec::new()
            }
        };
        Some((batch, (Some(ticks), list)))
    })
    .boxed()
}

/// Made at the first poll, since it needs the runtime's clock.
fn start(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now(), period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn resynced<K, C>((key, cause): (K, C)) -> Add<K, C> {
    Add { key, cause, priority: Priority::Resync }
}
