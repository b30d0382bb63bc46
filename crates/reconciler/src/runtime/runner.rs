//! The loop: feeds the queue, starts what it releases, and reports what became of it.
//!
//! One stream, polled by its consumer. Each poll takes in a bounded share of what the sources
//! have, starts what may start and hands out at most one outcome, in this order, so that neither
//! a flood of events nor a flood of outcomes can keep the other side waiting. All decisions are
//! the queue's; this file owns the tasks and the timers, and nothing else does.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::SelectAll;
use futures::{FutureExt, Stream, StreamExt};
use tokio::task::{self, AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, Sleep, sleep_until};

use super::handle::Shared;
use super::outcome::{Outcome, PassResult};
use super::pass::Finished;
use super::queue;
use super::request::Request;
use super::source::Source;

/// How many batches one poll takes in before it looks after the passes.
const INTAKE: usize = 64;

/// Starts the task of one pass.
pub(super) type Spawn<K, C, E> =
    Box<dyn Fn(Request<K, C>, &mut JoinSet<Finished<E>>) -> AbortHandle + Send>;

/// A running controller. Dropping it aborts the passes and closes the queue.
pub(super) struct Runner<K: Clone + Eq + Hash, C, E: 'static> {
    pub(super) shared: Arc<Shared<K, C>>,
    pub(super) sources: SelectAll<Source<K, C>>,
    pub(super) shutdown: BoxFuture<'static, ()>,
    pub(super) drain_timeout: Duration,
    pub(super) spawn: Spawn<K, C, E>,
    pub(super) passes: Passes<K, C, E>,
    pub(super) timer: Option<Pin<Box<Sleep>>>,
    /// Runs from the shutdown on.
    pub(super) drain: Option<Pin<Box<Sleep>>>,
}

/// The passes in flight: their tasks, and what to report of each.
pub(super) struct Passes<K, C, E> {
    tasks: JoinSet<Finished<E>>,
    running: HashMap<task::Id, Pass<K, C>>,
    started: u64,
}

struct Pass<K, C> {
    request: Request<K, C>,
    started: Instant,
    number: u64,
}

impl<K: Clone + Eq + Hash, C, E: 'static> Stream for Runner<K, C, E> {
    type Item = Outcome<K, C, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        // Before the queue is looked at, so that an addition after the look finds the waker.
        this.shared.waker.register(cx.waker());
        loop {
            this.poll_shutdown(cx);
            this.take_in(cx);
            this.start_ready();
            if let Poll::Ready(outcome) = this.poll_finished(cx) {
                return Poll::Ready(Some(outcome));
            }
            if this.drain.is_some() {
                return this.poll_drained(cx);
            }
            ready!(this.poll_timer(cx));
        }
    }
}

// Nothing in here is pinned in place: every future and stream has a box of its own.
impl<K: Clone + Eq + Hash, C, E: 'static> Unpin for Runner<K, C, E> {}

impl<K: Clone + Eq + Hash, C, E: 'static> Runner<K, C, E> {
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) {
        if self.drain.is_none() && self.shutdown.poll_unpin(cx).is_ready() {
            let deadline = self.shared.with(|queue, now| {
                queue.close();
                queue::after(now, self.drain_timeout)
            });
            self.drain = Some(Box::pin(sleep_until(deadline)));
            self.sources.clear();
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

    fn start_ready(&mut self) {
        while let Some((request, now)) =
            self.shared.with(|queue, now| queue.start(now).map(|request| (request, now)))
        {
            let task = (self.spawn)(request.clone(), &mut self.passes.tasks);
            let number = self.passes.started;
            self.passes.started += 1;
            self.passes.running.insert(task.id(), Pass { request, started: now, number });
        }
    }

    fn poll_finished(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<K, C, E>> {
        while let Some(joined) = ready!(self.passes.tasks.poll_join_next_with_id(cx)) {
            let (id, result, at) = match joined {
                Ok((id, Finished { result, at })) => (id, result, at),
                Err(error) => (error.id(), unfinished(error), Instant::now()),
            };
            // A pass that was cut off has been reported already.
            if let Some(outcome) = self.release(id, result, at) {
                return Poll::Ready(outcome);
            }
        }
        Poll::Pending
    }

    /// Waits for the end of the drain and then reports the passes that are cut off, oldest first.
    /// It does not wait for their tasks: one that never yields would hold up the end for ever.
    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<K, C, E>>> {
        let Some(id) = self.passes.oldest() else { return Poll::Ready(None) };
        if let Some(drain) = &mut self.drain {
            ready!(drain.as_mut().poll(cx));
        }
        self.passes.tasks.abort_all();
        Poll::Ready(self.release(id, PassResult::Cancelled, Instant::now()))
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

    /// Tells the queue that a pass is over and makes the report of it.
    fn release(
        &mut self,
        id: task::Id,
        result: PassResult<E>,
        at: Instant,
    ) -> Option<Outcome<K, C, E>> {
        let Pass { request, started, .. } = self.passes.running.remove(&id)?;
        let verdict = result.verdict();
        let retry = self.shared.with(|queue, now| queue.finish(&request.key, verdict, now));
        let cancelled = matches!(result, PassResult::Cancelled);
        Some(Outcome {
            key: request.key,
            causes: request.causes,
            omitted: request.omitted,
            attempt: request.attempt,
            result,
            queue_duration: request.queue_duration,
            work_duration: at.saturating_duration_since(started),
            next_retry: retry.filter(|_| !cancelled),
        })
    }
}

impl<K: Clone + Eq + Hash, C, E: 'static> Drop for Runner<K, C, E> {
    fn drop(&mut self) {
        // The tasks are aborted by their set. The handles live on and are to see the truth.
        self.shared.with(|queue, _| queue.close());
        while let Some(id) = self.passes.oldest() {
            drop(self.release(id, PassResult::Cancelled, Instant::now()));
        }
    }
}

impl<K, C, E: 'static> Passes<K, C, E> {
    pub(super) fn new() -> Self {
        Self { tasks: JoinSet::new(), running: HashMap::new(), started: 0 }
    }

    /// The pass that has been running longest.
    fn oldest(&self) -> Option<task::Id> {
        self.running.iter().min_by_key(|(_, pass)| pass.number).map(|(id, _)| *id)
    }
}

/// What became of a task that never returned: somebody else cut it, or a destructor panicked.
fn unfinished<E>(error: JoinError) -> PassResult<E> {
    match error.try_into_panic() {
        Ok(panic) => PassResult::Panicked(super::pass::message(panic.as_ref())),
        Err(_cancelled) => PassResult::Cancelled,
    }
}
