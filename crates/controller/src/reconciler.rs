//! The reconciler of workspaces as it is configured: what wakes it, within which bounds it works, and
//! what follows a failure.
//!
//! How passes are queued is the runtime's business and what they do is theirs; here the two are only put
//! together.

use crate::{HostProjects, Settings, live::EngineWatch, traces::ProcessTraces};
use futures::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use trueup_domain::{
    error::ErrorClass,
    id::WorkspaceId,
    pass::Cause,
    policy::Policy,
    port::{Clock, Engine},
};
use trueup_reconciler::{
    runtime::{Backoff, Controller, ErrorPolicy},
    workspace::{Activity, Context, Error, Feed, Owners, StoredRetries, inputs},
};
use trueup_store::SqliteStore;

/// How long one pass may take; every engine call in it has a shorter deadline of its own.
const PASS_DEADLINE: Duration = Duration::from_mins(45);

/// What all passes share.
pub(crate) fn context(
    settings: &Settings,
    engine: Arc<dyn Engine>,
    store: &Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
) -> Context {
    let policy = Policy {
        instance: store.instance_id().clone(),
        publish_address: settings.network.publish_address.to_string(),
        network_shards: settings.network.shards,
        strict_range: settings.network.strict_range.clone(),
        stop_grace: settings.engine.stop_grace.duration(),
        started_at: Some(clock.now()),
    };
    Context {
        engine,
        workspaces: store.clone(),
        passes: store.clone(),
        projects: Arc::new(HostProjects::new(settings.projects.roots.clone())),
        clock,
        traces: Arc::new(ProcessTraces),
        policy,
        activity: Activity::default(),
    }
}

/// A reconciler that is not running yet. What the engine's watch says is noted in `watch`.
pub(crate) fn reconciler(
    settings: &Settings,
    shutdown: &CancellationToken,
    context: &Arc<Context>,
    store: &Arc<SqliteStore>,
    watch: &Arc<EngineWatch>,
) -> Controller<WorkspaceId, Cause> {
    let rules = &settings.reconcile;
    let (watch, owners) = (Arc::clone(watch), Arc::new(Owners::default()));
    let known = Arc::clone(&owners);
    let inputs = inputs(Arc::clone(&context.workspaces), store.as_ref(), context.engine.as_ref())
        .inspect(move |input| {
            watch.note(input);
            known.note(input);
        });
    let longest = rules.backoff_max.duration();
    let (retries, clock) = (Arc::clone(store) as _, Arc::clone(&context.clock));
    let retries = StoredRetries::new(retries, clock, Arc::clone(&owners), longest);
    let mut feed = Feed::default();
    let seed = context.clock.workspace_id().spread();
    Controller::new("workspaces", fastrand::Rng::with_seed(seed))
        .watches(inputs, move |input| feed.wakes(input))
        .concurrency(rules.concurrency)
        .fair_between(move |id| owners.of(*id))
        .concurrency_per_owner(rules.concurrency_per_owner.unwrap_or(usize::MAX))
        .timeout(PASS_DEADLINE)
        .backoff(Backoff::exponential(rules.backoff_base.duration(), longest))
        .remember_retries(Arc::new(retries))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .drain_timeout(rules.drain.duration())
}

/// Whatever failed is retried: what is terminal today heals when its cause is removed, and nobody
/// tells us when a port becomes free.
pub(crate) fn policy_for(error: &Error) -> ErrorPolicy {
    match error.class() {
        ErrorClass::Retryable | ErrorClass::Terminal => ErrorPolicy::Retry,
        ErrorClass::Unknown => ErrorPolicy::Unknown,
    }
}

#[cfg(test)]
mod tests;
