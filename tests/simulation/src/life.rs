//! One life of a controller: the real one, put together as the product is, over the simulated engine and
//! the real store. It ends when it is dropped, wherever it was.

use crate::{
    bug::Bug,
    clock::SimClock,
    fuse::Fuse,
    hands::Hands,
    store::LifeStore,
    store::Shelf,
    witness::{PASS, Witness},
};
use async_trait::async_trait;
use futures::StreamExt;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinHandle;
use trueup_domain::{
    id::{InstanceId, WorkspaceId},
    observed::ProjectFolder,
    pass::Cause,
    policy::Policy,
    port::{Clock, Projects},
    spec::ProjectPath,
};
use trueup_engine_sim::SimEngine;
use trueup_reconciler::{
    runtime::{ErrorPolicy, Handle, Next},
    workspace::{
        Activity, Context, ObserverOptions, Rules, Traces, controller, policy_for, reconcile,
    },
};

/// How often the engine's list is compared with the store.
pub(crate) const RESYNC: Duration = Duration::from_secs(30);

/// The longest wait of the queue after failures.
const LONGEST_RETRY: Duration = Duration::from_secs(20);

/// What outlives a controller.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) sim: SimEngine,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) bug: Option<Bug>,
}

/// A controller at work.
pub(crate) struct Life {
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) handle: Handle<WorkspaceId, Cause>,
    task: JoinHandle<()>,
}

impl Life {
    /// Starts a controller, with the seed of its jitter.
    pub(crate) fn begin(world: &World, seed: u64) -> Self {
        let (fuse, bug) = (Arc::new(Fuse::new()), world.bug);
        let (shelf, witness) = (Arc::clone(&world.shelf), Arc::clone(&world.witness));
        witness.begin_life();
        let hands = Hands {
            // What one life learnt of the engine the next one does not know.
            sim: world.sim.for_instance(InstanceId::new(crate::INSTANCE)),
            shelf: Arc::clone(&shelf),
            fuse: Arc::clone(&fuse),
            witness: Arc::clone(&witness),
            bug,
            has_watched: false.into(),
            started_again: Mutex::default(),
        };
        let store = Arc::new(LifeStore { shelf, fuse: Arc::clone(&fuse), witness, bug });
        let clock = Arc::clone(&world.clock);
        let context = Arc::new(Context {
            engine: Arc::new(hands),
            workspaces: store.clone(),
            passes: store.clone(),
            projects: Arc::new(NoProjects),
            policy: policy(&clock),
            clock,
            traces: Arc::new(NoTraces),
            meter: Arc::new(()),
            activity: Activity::default(),
        });
        let ports = (store.as_ref() as _, store.clone() as _);
        let rng = fastrand::Rng::with_seed(seed);
        let controller = controller(&context, ports, &rules(), rng, |_| ());
        let handle = controller.handle();
        let outcomes = controller.run(
            move |request, context| {
                let key = request.key;
                PASS.scope(key, async move {
                    let next = reconcile(request, context).await?;
                    let sleeps = bug == Some(Bug::NoWakeUps);
                    Ok(if sleeps { Next::await_change() } else { next })
                })
            },
            move |_, error, _| match bug {
                Some(Bug::NoRetries) => ErrorPolicy::Terminal,
                _ => policy_for(error),
            },
            context,
        );
        Self { fuse, handle, task: tokio::spawn(outcomes.for_each(async |_| ())) }
    }

    /// Whether it has come to an end by itself, which it never should.
    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends it, here and now.
    pub(crate) async fn end(self) {
        self.task.abort();
        drop(self.task.await);
    }
}

fn policy(clock: &SimClock) -> Policy {
    Policy {
        strict_range: Some("10.200.0.0/16".to_owned()),
        network_shards: 2,
        started_at: Some(clock.now()),
        ..Policy::new(InstanceId::new(crate::INSTANCE))
    }
}

/// The policy without a beginning, for judging.
pub(crate) fn timeless_policy() -> Policy {
    Policy {
        strict_range: Some("10.200.0.0/16".to_owned()),
        network_shards: 2,
        ..Policy::new(InstanceId::new(crate::INSTANCE))
    }
}

fn rules() -> Rules {
    Rules {
        concurrency: 4,
        concurrency_per_owner: usize::MAX,
        backoff_base: Duration::from_millis(500),
        backoff_max: LONGEST_RETRY,
        drain: Duration::from_secs(10),
        observer: ObserverOptions { resync: RESYNC, ..ObserverOptions::default() },
    }
}

/// No workspace of a simulation has a project folder.
struct NoProjects;

#[async_trait]
impl Projects for NoProjects {
    async fn look(&self, _: &ProjectPath) -> ProjectFolder {
        ProjectFolder::NotAsked
    }
}

struct NoTraces;

impl Traces for NoTraces {
    fn trace_id(&self) -> Option<String> {
        None
    }

    fn link(&self, _: &tracing::Span, _: &str) {}
}
