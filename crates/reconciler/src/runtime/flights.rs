//! The passes in flight: who runs them, and what to report of each.
//!
//! Owns the workers; dropping it aborts them. Each pass leaves it exactly once, however it ended.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use slab::Slab;
use tokio::task::JoinError;
use tokio::time::Instant;

use super::causes::Causes;
use super::crew::{Crew, Hire, News};
use super::pass::{self, End, Finished};
use super::queue::{HotLoop, Start, Ticket};
use super::request::Request;

/// A pass to run.
pub(super) struct Job<K, C> {
    /// Where it is kept.
    pub(super) place: usize,
    pub(super) request: Request<K, C>,
    pub(super) started: Instant,
}

/// The passes in flight.
pub(super) struct Flights<K, C, E> {
    crew: Crew<Job<K, C>, Finished<E>>,
    passes: Slab<Flight<C>>,
    started: u64,
    /// What is to be cut off, the oldest last; from the end of the drain on.
    cut: Option<Vec<usize>>,
}

/// What is known of one pass. Its key is kept by the queue.
pub(super) struct Flight<C> {
    pub(super) ticket: Ticket,
    pub(super) causes: Causes<C>,
    pub(super) omitted: u64,
    pub(super) attempt: u32,
    pub(super) queue_duration: Duration,
    pub(super) hot_loop: Option<Arc<HotLoop>>,
    pub(super) started: Instant,
    number: u64,
    worker: usize,
}

/// A pass that has ended.
pub(super) struct Landed<C, E> {
    pub(super) flight: Flight<C>,
    pub(super) end: End<E>,
    pub(super) at: Instant,
}

impl<K, C, E> Flights<K, C, E> {
    pub(super) fn new(hire: Hire<Job<K, C>, Finished<E>>) -> Self {
        Self { crew: Crew::new(hire), passes: Slab::new(), started: 0, cut: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.passes.is_empty()
    }

    /// Starts a pass.
    pub(super) fn start(&mut self, start: Start<K, C>, now: Instant) {
        let Start { key, causes, omitted, attempt, queue_duration, hot_loop, ticket } = start;
        let causes = Causes::new(causes);
        let request = Request {
            key,
            causes: causes.clone(),
            omitted,
            attempt,
            queue_duration,
            hot_loop: hot_loop.clone(),
        };
        let flight = self.passes.vacant_entry();
        let worker = self.crew.assign(Job { place: flight.key(), request, started: now });
        flight.insert(Flight {
            ticket,
            causes,
            omitted,
            attempt,
            queue_duration,
            hot_loop,
            started: now,
            number: self.started,
            worker,
        });
        self.started += 1;
    }

    /// Asks these passes to end.
    pub(super) fn cancel(&self, runs: &HashSet<Ticket>) {
        if !runs.is_empty() {
            let meant = self.passes.iter().filter(|(_, flight)| runs.contains(&flight.ticket));
            meant.for_each(|(_, flight)| flight.causes.cancel());
        }
    }

    /// Asks all passes to end.
    pub(super) fn cancel_all(&self) {
        self.passes.iter().for_each(|(_, flight)| flight.causes.cancel());
    }

    /// The next pass that has ended by itself; pending while there is none, also if none flies.
    pub(super) fn poll_landed(&mut self, cx: &mut Context<'_>) -> Poll<Landed<C, E>> {
        loop {
            // A pass that was cut off has been reported already.
            match ready!(self.crew.poll_news(cx)) {
                News::Done(Finished { place, end, at }) => {
                    if let Some(flight) = self.passes.try_remove(place) {
                        self.crew.release(flight.worker);
                        return Poll::Ready(Landed { flight, end, at });
                    }
                }
                News::Died(worker, error) => {
                    let is_its = |flight: &Flight<C>| flight.worker == worker;
                    let place = self.passes.iter().find(|(_, flight)| is_its(flight));
                    if let Some(place) = place.map(|(place, _)| place) {
                        let flight = self.passes.remove(place);
                        let (end, at) = (unfinished(error), Instant::now());
                        return Poll::Ready(Landed { flight, end, at });
                    }
                }
            }
        }
    }

    /// Cuts off the oldest pass, if there is any. It does not wait for its task: one that never
    /// yields would hold up the end for ever. Nothing may be started after this.
    pub(super) fn cut(&mut self) -> Option<Landed<C, E>> {
        let (crew, passes) = (&mut self.crew, &mut self.passes);
        let cut = self.cut.get_or_insert_with(|| {
            crew.abort();
            let mut places: Vec<_> = passes.iter().map(|(place, _)| place).collect();
            places.sort_by_key(|place| Reverse(passes[*place].number));
            places
        });
        let flight = std::iter::from_fn(|| cut.pop()).find_map(|place| passes.try_remove(place))?;
        Some(Landed { flight, end: End::Cancelled, at: Instant::now() })
    }
}

/// How a pass ended whose worker has died: a destructor panicked, or somebody else cut it.
fn unfinished<E>(error: JoinError) -> End<E> {
    match error.try_into_panic() {
        Ok(panic) => End::Panicked(pass::message(panic)),
        Err(_cancelled) => End::Cancelled,
    }
}
