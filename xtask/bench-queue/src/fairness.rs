//! More events than can be served: does every key have its turn?
//!
//! Two hundred keys, four passes at once, five milliseconds of work. Each key is named at the
//! start, as by the first list of a watch; then events name keys at random, by a schedule that is
//! drawn beforehand and is the same for both. They would just be served if a sleep of five
//! milliseconds took no longer. It takes about six, so that there are a quarter more events than
//! can be served; the note tells how it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use futures::{Stream, StreamExt, stream};
use kube::runtime::watcher::Event;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::measure::Bench;
use crate::objects::{self, Object, Watched};
use crate::table::{Floor, Row, Table, Unit};
use crate::{ours, peer};

const KEYS: usize = 200;
const CONCURRENCY: u16 = 4;
const WORK: Duration = Duration::from_millis(5);
/// Events a second.
const RATE: f64 = 800.0;
const DURATION: Duration = Duration::from_secs(12);

/// When to touch which object.
type Schedule = Arc<[(Duration, usize)]>;
/// How often each object was served.
type Services = Arc<[AtomicU32]>;

/// Whose controller.
#[derive(Clone, Copy)]
enum Side {
    Ours,
    Peer,
}

pub fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    let name = "fairness";
    if !bench.wants(name) {
        return Ok(());
    }
    let schedule = draw();
    let ours = bench.spawn(serve(Side::Ours, Arc::clone(&schedule)))?;
    let peer = bench.spawn(serve(Side::Peer, schedule))?;
    let load =
        |counts: &[u32]| RATE * DURATION.as_secs_f64() / f64::from(counts.iter().sum::<u32>());
    let note = format!("{:.2} and {:.2} times the load", load(&ours), load(&peer));
    let rows = [
        ("keys never served", Unit::Count, never(&ours), never(&peer), 0.0),
        ("most served over median", Unit::Times, spread(&ours), spread(&peer), 2.0),
    ];
    for (what, unit, ours, peer, most) in rows {
        table.push(Row {
            name: format!("{name}, {what}"),
            flavour: bench.flavour,
            unit,
            ours,
            peer: Some(peer),
            floor: Floor::AtMost(most),
            note: note.clone(),
        });
    }
    Ok(())
}

/// Names each key once at the start and then draws one for each event; those are evenly apart.
fn draw() -> Schedule {
    let mut rng = fastrand::Rng::with_seed(5);
    let gap = Duration::from_secs_f64(1.0 / RATE);
    let first = (0..KEYS).map(|key| (Duration::ZERO, key));
    let instants = std::iter::successors(Some(gap), |at| Some(*at + gap));
    let events = instants.take_while(|at| *at < DURATION).map(|at| (at, rng.usize(0..KEYS)));
    first.chain(events).collect()
}

/// Offers the schedule to one side, and counts what it served in time, the least first.
async fn serve(side: Side, schedule: Schedule) -> Result<Vec<u32>> {
    let (store, writer) = objects::filled(KEYS);
    let touched = objects::touches(writer, paced(schedule));
    let services: Services = (0..KEYS).map(|_| AtomicU32::new(0)).collect();
    let work = work(Arc::clone(&services));
    match side {
        Side::Ours => watch(ours::controller(touched, store, CONCURRENCY, work)).await?,
        Side::Peer => watch(peer::controller(touched, store, CONCURRENCY, work)).await?,
    }
    let mut counts: Vec<u32> = services.iter().map(|it| it.load(Ordering::Relaxed)).collect();
    counts.sort_unstable();
    Ok(counts)
}

/// The events of the schedule, each at its time from the first poll on.
fn paced(schedule: Schedule) -> impl Stream<Item = Watched> + Send + 'static {
    stream::unfold((schedule, 0, None), |(schedule, next, start)| async move {
        let start = start.unwrap_or_else(Instant::now);
        let (at, number) = *schedule.get(next)?;
        sleep_until(start + at).await;
        Some((Ok(Event::Apply(objects::object(number))), (schedule, next + 1, Some(start))))
    })
}

/// A pass: the work, and then a stroke on the tally.
fn work(
    services: Services,
) -> impl Fn(Arc<Object>) -> futures::future::BoxFuture<'static, ()> + Send + Sync + 'static {
    move |object| {
        let services = Arc::clone(&services);
        Box::pin(async move {
            sleep(WORK).await;
            if let Some(count) = objects::number(&object).and_then(|it| services.get(it)) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
    }
}

/// Polls a controller until the time is up.
async fn watch(outcomes: impl Stream<Item = bool>) -> Result<()> {
    if timeout(DURATION, outcomes.for_each(|_| async {})).await.is_ok() {
        bail!("the controller has ended");
    }
    Ok(())
}

fn never(counts: &[u32]) -> f64 {
    counts.iter().filter(|count| **count == 0).count() as f64
}

/// How often the most served was, over the one in the middle.
fn spread(counts: &[u32]) -> f64 {
    let most = counts.last().copied().unwrap_or(0);
    let middle = counts.get(counts.len() / 2).copied().unwrap_or(0);
    f64::from(most) / f64::from(middle.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "whole numbers and halves are exact")]
    fn the_tally_tells_who_was_left_out_and_who_was_favoured() {
        assert_eq!(never(&[0, 0, 4, 6]), 2.0);
        assert_eq!(spread(&[0, 0, 4, 6]), 1.5);
        assert_eq!(spread(&[0, 0, 0, 6]), 6.0);
    }

    #[test]
    fn a_schedule_is_the_same_each_time_names_every_key_and_ends_with_the_run() {
        let schedule = draw();
        assert_eq!(schedule, draw());
        assert!(schedule[..KEYS].iter().map(|(_, key)| *key).eq(0..KEYS));
        assert!((9_590..=9_610).contains(&(schedule.len() - KEYS)));
        assert!(schedule.iter().all(|(at, key)| *at < DURATION && *key < KEYS));
    }
}
