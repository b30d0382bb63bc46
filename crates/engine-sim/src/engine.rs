//! The domain's engine port over the model, and the hands that a test has on it.
//!
//! A call becomes one or several requests, as the adapter for real engines would send them; each has
//! latency of its own, may meet a fault, and is put on the model's agenda at once. Whoever waits only
//! looks for the answer, so that a call that was given up is carried out all the same. No task is
//! spawned: time passes for the model whenever somebody looks at it, and whoever waits wakes when
//! something falls due.
//!
//! Invariants: the model's lock is never held across an await; the engine's own time is that of tokio's
//! clock since it was made. Deliberately absent: the adapter's lanes, but for pulls and for the making of
//! networks.

mod action;
mod classify;
mod errand;
mod network;
mod operation;
mod port;
#[cfg(feature = "http")]
mod raw;
mod stream;

use crate::{
    Counters, EngineAct, Faults, Happening, HumanAct, Latency, Model, Refusal, Removal, SimOptions,
    Snapshot, Transcript,
};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};
use trueup_domain::id::InstanceId;

/// A simulated Docker Engine, as one controller sees it. Clones are of the same engine.
#[derive(Clone)]
pub struct SimEngine {
    shared: Arc<Shared>,
    instance: InstanceId,
    /// The labels of images, as far as they were asked: the adapter remembers them, too, as long as it
    /// lives.
    images: Arc<Mutex<BTreeMap<String, BTreeMap<String, String>>>>,
}

struct Shared {
    origin: Instant,
    options: SimOptions,
    world: Mutex<World>,
    /// Rung when something happened that somebody may wait for.
    bell: Notify,
    /// Networks are made one at a time, as by the adapter.
    networks: Semaphore,
    pulls: Semaphore,
}

struct World {
    model: Model,
    faults: Faults,
    latency: Latency,
    chance: Chance,
}

/// A generator for each use, so that a draw for one leaves the others as they are.
struct Chance {
    latency: fastrand::Rng,
    calls: fastrand::Rng,
    rows: fastrand::Rng,
    events: fastrand::Rng,
}

impl SimEngine {
    /// An engine without objects. On a clock that is to be held still it has to be made after that.
    pub fn new(options: SimOptions) -> Self {
        let rng = |purpose: u64| fastrand::Rng::with_seed(options.seed ^ (purpose << 56));
        let world = World {
            model: Model::new(options.seed, options.begins, options.tempo.clone()),
            faults: Faults::default(),
            latency: options.latency.clone(),
            chance: Chance { latency: rng(1), calls: rng(2), rows: rng(3), events: rng(4) },
        };
        let instance = options.instance.clone();
        let shared = Shared {
            origin: Instant::now(),
            world: Mutex::new(world),
            bell: Notify::new(),
            networks: Semaphore::new(1),
            pulls: Semaphore::new(options.pulls),
            options,
        };
        Self { shared: Arc::new(shared), instance, images: Arc::default() }
    }

    /// The same engine, as another controller sees it.
    pub fn for_instance(&self, instance: InstanceId) -> Self {
        Self { shared: Arc::clone(&self.shared), instance, images: Arc::default() }
    }

    /// Looks at the model, or sets it up: images, programs, folders, whatever its methods do at once.
    pub fn model<R>(&self, look: impl FnOnce(&mut Model) -> R) -> R {
        self.shared.with(|world| {
            world.model.act_as_test();
            look(&mut world.model)
        })
    }

    /// Sets what goes wrong.
    pub fn faults<R>(&self, set: impl FnOnce(&mut Faults) -> R) -> R {
        self.shared.with(|world| set(&mut world.faults))
    }

    /// Does something behind our back, now.
    ///
    /// # Errors
    /// What the engine says to it.
    pub fn act(&self, act: HumanAct) -> Result<(), Refusal> {
        self.model(|model| model.interfere(&Happening::Human(act)))
    }

    /// Lets the engine as a whole suffer something, now.
    pub fn suffer(&self, act: EngineAct) {
        // Nobody refuses such a thing.
        let _ = self.model(|model| model.interfere(&Happening::Engine(act)));
    }

    /// Lets something happen later.
    pub fn schedule(&self, after: Duration, happening: Happening) {
        self.model(|model| model.schedule(after, happening));
    }

    /// All that it holds now.
    pub fn snapshot(&self) -> Snapshot {
        self.model(|model| model.snapshot())
    }

    /// What was asked of it so far.
    pub fn counters(&self) -> Counters {
        self.model(|model| model.counters().clone())
    }

    /// What was removed, by whom; the newest 4,096.
    pub fn removals(&self) -> Vec<Removal> {
        self.model(|model| model.removals().cloned().collect())
    }

    /// What happened so far.
    pub fn transcript(&self) -> Transcript {
        self.model(|model| model.transcript().clone())
    }

    /// The time since it was made.
    pub fn uptime(&self) -> Duration {
        self.model(|model| model.uptime())
    }

    /// What its wall clock says, without asking it over the port.
    pub fn clock(&self) -> Timestamp {
        self.model(|model| model.clock())
    }
}

#[cfg(feature = "http")]
impl SimEngine {
    /// One request, without a deadline.
    pub(crate) async fn request(&self, request: crate::Request) -> crate::model::desk::Outcome {
        self.shared.send(request).await
    }

    /// What goes wrong with an event that a subscription is about to tell; after a cut it is the last.
    pub(crate) fn draw_event(
        &self,
        handle: &crate::model::desk::Handle,
    ) -> Option<crate::StreamFault> {
        self.shared.with(|world| {
            let fault = world.faults.draw_event(&mut world.chance.events);
            if fault == Some(crate::StreamFault::Cut) {
                world.model.end_subscription(handle.subscriber());
            }
            fault
        })
    }

    /// All events of a subscription, without faults.
    pub(crate) fn raw_events(
        &self,
        handle: &crate::model::desk::Handle,
    ) -> impl futures::Stream<Item = crate::Event> + use<> {
        raw::events(Arc::clone(&self.shared), handle.subscriber())
    }
}

impl fmt::Debug for SimEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimEngine")
            .field("instance", &self.instance)
            .field("seed", &self.shared.options.seed)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Lets time pass up to now, looks, and wakes whoever may find something new.
    fn with<R>(&self, look: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.model.advance(self.origin.elapsed());
        let found = look(&mut world);
        let stirred = world.model.take_stirred();
        drop(world);
        if stirred {
            self.bell.notify_waiters();
        }
        found
    }

    fn instant(&self, uptime: Duration) -> Instant {
        // Past what a clock can hold is as good as never.
        self.origin
            .checked_add(uptime)
            .unwrap_or_else(|| self.origin + Duration::from_secs(u32::MAX.into()))
    }
}
