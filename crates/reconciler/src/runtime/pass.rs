//! One pass: `reconcile` under a deadline, and whatever may go wrong with it.
//!
//! A worker outlives its passes, however they end. A panic becomes an end like others,
//! and the future of a pass that ran out of time is dropped before that is reported, so that the key
//! is free when the queue hears of it. A pass is asked to end before it is cut; one that then ends by
//! itself says how it ended. Being cut off by the end of the drain is the exception: it is the worker
//! that is cut, from outside.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::crew::Desk;
use super::flights::Job;
use super::queue::after;
use super::request::{Next, Request};

/// What a finished pass leaves behind.
pub(super) struct Finished<E> {
    /// Where the pass is kept.
    pub(super) place: usize,
    pub(super) end: End<E>,
    pub(super) at: Instant,
}

/// How a pass ended, before anybody has judged it.
pub(super) enum End<E> {
    Returned(Result<Next, E>),
    Panicked(String),
    TimedOut,
    Cancelled,
}

/// How long a pass may take.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    /// When it is cut.
    pub(super) timeout: Duration,
    /// How long before that it is asked to end.
    pub(super) warning: Duration,
}

/// The caller's function, and what its passes share.
pub(super) struct Work<R, Ctx> {
    pub(super) reconcile: R,
    pub(super) ctx: Arc<Ctx>,
    pub(super) deadline: Deadline,
}

/// A worker's life: runs what is put on its desk, until nothing will be any more.
pub(super) async fn work<K, C, E, Ctx, R, F>(
    work: Arc<Work<R, Ctx>>,
    desk: Arc<Desk<Job<K, C>>>,
    reporter: UnboundedSender<Finished<E>>,
) where
    R: Fn(Request<K, C>, Arc<Ctx>) -> F,
    F: Future<Output = Result<Next, E>>,
{
    while let Some(Job { place, request, started }) = desk.next().await {
        // Whatever a pass leaves half done stays in `ctx`, which the caller shares between passes
        // anyway; nothing else survives a panic.
        let pass = AssertUnwindSafe(run(&work, request, started)).catch_unwind();
        let end = pass.await.unwrap_or_else(|panic| End::Panicked(message(panic)));
        if reporter.send(Finished { place, end, at: Instant::now() }).is_err() {
            return;
        }
    }
}

/// Lets `reconcile` run until it returns or its time is over.
async fn run<K, C, E, Ctx, R, F>(
    work: &Work<R, Ctx>,
    request: Request<K, C>,
    started: Instant,
) -> End<E>
where
    R: Fn(Request<K, C>, Arc<Ctx>) -> F,
    F: Future<Output = Result<Next, E>>,
{
    let causes = request.causes.clone();
    let Deadline { timeout, warning } = work.deadline;
    let end = after(started, timeout);
    let warn = end.checked_sub(warning.min(timeout)).unwrap_or(started);
    let mut pass = pin!((work.reconcile)(request, Arc::clone(&work.ctx)));
    tokio::select! {
        biased;
        result = &mut pass => return End::Returned(result),
        () = sleep_until(warn) => causes.cancel(),
    }
    timeout_at(end, pass).await.map_or(End::TimedOut, End::Returned)
}

/// What a panic said, if it said it in text.
pub(super) fn message(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    // What was thrown may throw again when it is dropped; once was enough.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
    text.unwrap_or_else(|| "panicked with a value that is not text".to_owned())
}
