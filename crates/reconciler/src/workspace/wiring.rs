//! A controller of workspaces, put together: what wakes it, within which bounds it works, and what
//! follows a failure.
//!
//! How passes are queued is the runtime's business and what they do is theirs; here the two only meet.
//! Whoever runs the controller, be it the product or a simulation of it, runs this one.

use super::{Context, Error, Feed, Input, ObserverOptions, Owners, StoredRetries, inputs, watch};
use crate::runtime::{Backoff, Controller, ErrorPolicy};
use fastrand::Rng;
use futures::StreamExt;
use std::{sync::Arc, time::Duration};
use trueup_domain::{
    error::ErrorClass,
    id::WorkspaceId,
    pass::Cause,
    port::{Changes, Retries},
};

/// How long one pass may take; every engine call in it has a shorter deadline of its own.
const PASS_DEADLINE: Duration = Duration::from_mins(45);

/// The bounds of a controller.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How many passes may be under way.
    pub concurrency: usize,
    /// How many of one owner.
    pub concurrency_per_owner: usize,
    /// The wait after a first failure; it doubles from there.
    pub backoff_base: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
    /// How long passes under way may take to end when the controller ends.
    pub drain: Duration,
    /// How the engine is watched.
    pub observer: ObserverOptions,
}

/// A controller that is not running yet; run it with [`reconcile`](super::reconcile) and
/// [`policy_for`]. Whatever wakes it is shown to `note` first.
pub fn controller(
    context: &Arc<Context>,
    (changes, retries): (&dyn Changes, Arc<dyn Retries>),
    rules: &Rules,
    rng: Rng,
    mut note: impl FnMut(&Input) + Send + 'static,
) -> Controller<WorkspaceId, Cause> {
    let owners = Arc::new(Owners::default());
    let known = Arc::clone(&owners);
    let watched = watch(Arc::clone(&context.engine), rules.observer);
    let inputs = inputs(Arc::clone(&context.workspaces), changes, watched).inspect(move |input| {
        note(input);
        known.note(input);
    });
    let clock = Arc::clone(&context.clock);
    let retries = StoredRetries::new(retries, clock, Arc::clone(&owners), rules.backoff_max);
    let mut feed = Feed::default();
    Controller::new("workspaces", rng)
        .watches(inputs, move |input| feed.wakes(input))
        .concurrency(rules.concurrency)
        .fair_between(move |id| owners.of(*id))
        .concurrency_per_owner(rules.concurrency_per_owner)
        .timeout(PASS_DEADLINE)
        .backoff(Backoff::exponential(rules.backoff_base, rules.backoff_max))
        .remember_retries(Arc::new(retries))
        .drain_timeout(rules.drain)
}

/// Whatever failed is retried: what is terminal today heals when its cause is removed, and nobody
/// tells us when a port becomes free.
pub fn policy_for(error: &Error) -> ErrorPolicy {
    match error.class() {
        ErrorClass::Retryable | ErrorClass::Terminal => ErrorPolicy::Retry,
        ErrorClass::Unknown => ErrorPolicy::Unknown,
    }
}
