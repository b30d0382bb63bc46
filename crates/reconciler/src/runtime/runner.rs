//! The loop: feeds the queue, starts what it releases, and reports what became of it.
//!
//! One stream, polled by its consumer. Each poll takes in a bounded share of what the sources
//! have, starts what may start and hands out at most one outcome, in this order, so that neither
//! a flood of events nor a flood of outcomes can keep the other side waiting. All decisions are
//! the queue's; this file owns the flights and the timers, and nothing else does.

use std::hash::Hash;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::SelectAll;
use futures::{FutureExt, Stream, StreamExt};
use tokio::time::{Sleep, sleep_until};

use super::flights::{Flights, Landed};
use super::metrics::Metrics;
use super::outcome::{Outcome, PassResult};
use super::pass::{self, End};
use super::policy::ErrorPolicy;
use super::queue::{self, Finish, Start, Ticket};
use super::retries::Retries;
use super::shared::Shared;
use super::source::Source;

/// How many batches one poll takes in before it looks after the passes.
const INTAKE: usize = 8;
/// How many passes are taken out of the queue in one go.
const STARTS: usize = 32;

/// What the caller's `on_error` says to an error.
pub(super) type Judge<K, E> = Box<dyn Fn(&K, &E) -> ErrorPolicy + Send>;

/// A running controller. Dropping it aborts the passes and closes the queue.
pub(super) struct Runner<K: Clone + Eq + Hash + Send + 'static, C, E: 'static> {
    pub(super) name: &'static str,
    pub(super) shared: Arc<Shared<K, C>>,
    pub(super) sources: SelectAll<Source<K, C>>,
    pub(super) retries: Option<Retries<K>>,
    pub(super) metrics: Option<Metrics>,
    pub(super) shutdown: BoxFuture<'static, ()>,
    pub(super) drain_timeout: Duration,
    pub(super) flights: Flights<K, C, E>,
    pub(super) judge: Judge<K, E>,
    pub(super) starting: Vec<Start<K, C>>,
    pub(super) timer: Option<Pin<Box<Sleep>>>,
    /// Runs from the shutdown on.
    pub(super) drain: Option<Pin<Box<Sleep>>>,
}

impl<K: Clone + Eq + Hash + Send + 'static, C, E: 'static> Stream for Runner<K, C, E> {
    type Item = Outcome<K, C, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        // Before the queue is looked at, so that an addition after the look finds the waker.
        this.shared.listen(cx.waker());
        loop {
            this.poll_shutdown(cx);
            this.take_in(cx);
            let saved = this.poll_retries(cx);
            let is_loading = this.retries.as_ref().is_some_and(Retries::is_loading);
            if !is_loading {
                this.start_ready();
            }
            while let Poll::Ready(landed) = this.flights.poll_landed(cx) {
                if let Some(outcome) = this.release(landed) {
                    return Poll::Ready(Some(outcome));
                }
            }
            if this.drain.is_some() {
                return this.poll_drained(saved.is_ready() || is_loading, cx);
            }
            if is_loading {
                // Nothing may start, so that nothing that becomes due is of interest.
                return Poll::Pending;
            }
            ready!(this.poll_timer(cx));
        }
    }
}

// Nothing in here is pinned in place: every future and stream has a box of its own.
impl<K: Clone + Eq + Hash + Send + 'static, C, E: 'static> Unpin for Runner<K, C, E> {}

impl<K: Clone + Eq + Hash + Send + 'static, C, E: 'static> Runner<K, C, E> {
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) {
        if self.drain.is_none() && self.shutdown.poll_unpin(cx).is_ready() {
            let deadline = self.shared.with(|queue, now| {
                queue.close();
                queue::after(now, self.drain_timeout)
            });
            self.drain = Some(Box::pin(sleep_until(deadline)));
            self.sources.clear();
            self.flights.cancel_all();
        }
    }

    fn take_in(&mut self, cx: &mut Context<'_>) {
        for _ in 0..INTAKE {
            let Poll::Ready(Some(batch)) = self.sources.poll_next_unpin(cx) else { return };
            self.shared.with(|queue, now| {
                for add in batch {
                    queue.add(add, now);
                }
            });
        }
        // There may be more, and nobody has been asked to tell.
        cx.waker().wake_by_ref();
    }

    /// Ready when nothing is left to save.
    fn poll_retries(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.retries {
            Some(retries) => retries.poll(&self.shared, cx),
            None => Poll::Ready(()),
        }
    }

    fn start_ready(&mut self) {
        loop {
            let starting = &mut self.starting;
            let (cancelled, now) = self.shared.with(|queue, now| {
                let starts = std::iter::from_fn(|| queue.start(now));
                starting.extend(starts.take(STARTS));
                (queue.take_cancelled(), now)
            });
            self.flights.cancel(&cancelled);
            let is_last = self.starting.len() < STARTS;
            for start in self.starting.drain(..) {
                self.flights.start(start, now);
            }
            if is_last {
                return;
            }
        }
    }

    /// Waits for the passes under way, cuts off those that are left at the end of the drain, oldest
    /// first, and waits for what is left to save.
    fn poll_drained(
        &mut self,
        is_saved: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Outcome<K, C, E>>> {
        let is_done = self.flights.is_empty() && is_saved;
        let is_over =
            is_done || self.drain.as_mut().is_none_or(|end| end.poll_unpin(cx).is_ready());
        if !is_over {
            return Poll::Pending;
        }
        while let Some(landed) = self.flights.cut() {
            if let Some(outcome) = self.release(landed) {
                return Poll::Ready(Some(outcome));
            }
        }
        if !is_saved {
            tracing::warn!(
                controller = self.name,
                "the drain is over; some failures are not saved"
            );
        }
        Poll::Ready(None)
    }

    /// Ready when something has become due.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.shared.with(|queue, _| queue.next_deadline()) else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }

    /// Tells the queue that a pass is over and makes the report of it; `None` never happens, as the
    /// queue keeps a key until its pass is over.
    fn release(&mut self, landed: Landed<C, E>) -> Option<Outcome<K, C, E>> {
        let Landed { flight, end, at } = landed;
        let result = self.judge(&flight.ticket, end)?;
        let verdict = result.verdict();
        let is_cut = matches!(result, PassResult::Cancelled);
        let Finish { key, retry_at } = self.shared.with(|queue, now| {
            if is_cut && queue.is_closed() {
                let key = queue.abandon(flight.ticket, now)?;
                return Some(Finish { key, retry_at: None });
            }
            queue.finish(flight.ticket, verdict, now)
        })?;
        let outcome = Outcome {
            key,
            causes: flight.causes,
            omitted: flight.omitted,
            attempt: flight.attempt,
            result,
            queue_duration: flight.queue_duration,
            work_duration: at.saturating_duration_since(flight.started),
            next_retry: retry_at,
            hot_loop: flight.hot_loop,
        };
        if let Some(metrics) = &self.metrics {
            metrics.count(&outcome);
        }
        Some(outcome)
    }

    /// Has the caller say what to do about an error. A panic meanwhile is a panic of the pass.
    fn judge(&self, ticket: &Ticket, end: End<E>) -> Option<PassResult<E>> {
        let error = match end {
            End::Returned(Ok(next)) => return Some(PassResult::Ok(next)),
            End::Returned(Err(error)) => error,
            End::Panicked(message) => return Some(PassResult::Panicked(message)),
            End::TimedOut => return Some(PassResult::TimedOut),
            End::Cancelled => return Some(PassResult::Cancelled),
        };
        // Not under the lock: what the caller does takes as long as it takes.
        let key = self.shared.with(|queue, _| queue.key(ticket).cloned())?;
        let judged = panic::catch_unwind(AssertUnwindSafe(|| (self.judge)(&key, &error)));
        Some(match judged {
            Ok(policy) => PassResult::Failed(error, policy),
            Err(panic) => PassResult::Panicked(pass::message(panic)),
        })
    }
}

impl<K: Clone + Eq + Hash + Send + 'static, C, E: 'static> Drop for Runner<K, C, E> {
    fn drop(&mut self) {
        // The tasks are aborted by their set. The handles live on and are to see the truth.
        self.shared.with(|queue, _| queue.close());
        while let Some(landed) = self.flights.cut() {
            drop(self.release(landed));
        }
    }
}
