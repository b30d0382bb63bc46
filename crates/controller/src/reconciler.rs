//! The reconciler of workspaces as it is configured.
//!
//! How passes are queued and what they do is decided elsewhere; here the settings meet them.

use crate::{HostProjects, Settings, live::EngineWatch, traces::ProcessTraces};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use trueup_domain::{
    id::WorkspaceId,
    pass::Cause,
    policy::Policy,
    port::{Changes, Clock, Engine, Meter, Retries},
};
use trueup_reconciler::{
    runtime::Controller,
    workspace::{self, Activity, Context, ObserverOptions, Rules},
};
use trueup_store::SqliteStore;

/// What all passes share.
pub(crate) fn context(
    settings: &Settings,
    (engine, meter): (Arc<dyn Engine>, Arc<dyn Meter>),
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
        meter,
        activity: Activity::default(),
    }
}

/// A reconciler that is not running yet. What the engine's observer says is noted in `watch`.
pub(crate) fn reconciler(
    settings: &Settings,
    shutdown: &CancellationToken,
    context: &Arc<Context>,
    store: &Arc<SqliteStore>,
    watch: &Arc<EngineWatch>,
) -> Controller<WorkspaceId, Cause> {
    let watch = Arc::clone(watch);
    let rng = fastrand::Rng::with_seed(context.clock.workspace_id().spread());
    let ports = (store.as_ref() as &dyn Changes, Arc::clone(store) as Arc<dyn Retries>);
    workspace::controller(context, ports, &rules(settings), rng, move |input| watch.note(input))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
}

fn rules(settings: &Settings) -> Rules {
    let rules = &settings.reconcile;
    Rules {
        concurrency: rules.concurrency,
        concurrency_per_owner: rules.concurrency_per_owner.unwrap_or(usize::MAX),
        backoff_base: rules.backoff_base.duration(),
        backoff_max: rules.backoff_max.duration(),
        drain: rules.drain.duration(),
        observer: ObserverOptions {
            resync: settings.engine.resync.duration(),
            ..ObserverOptions::default()
        },
    }
}

#[cfg(test)]
mod tests;
