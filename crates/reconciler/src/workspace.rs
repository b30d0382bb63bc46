//! The passes of workspaces: observe, plan, execute, record.
//!
//! # Flow
//! 1. The observer ([`watch`]) listens to the engine; the [`Feed`] turns what it and the store report
//!    into keys with causes.
//! 2. A pass reads the workspace, observes the engine, and asks the pure `plan`.
//! 3. It executes each action once, until one fails, and observes again what came of it.
//! 4. It records status, events and history in one transaction, or nothing at all when
//!    nothing has changed.
//!
//! # Guarantees
//! - Nothing is decided here: what is done is what `plan` said, and what is recorded is what was done.
//! - A pass for an older generation is refused by the store and leaves no trace there.
//! - A kill between any two steps leaves a state that the next pass brings to its end.
//! - Owners take turns ([`Owners`]), and failures outlive the process ([`StoredRetries`]).
//!
//! # Caveats
//! - What the engine failed at is retried by the queue, with its backoff; a command that ends too
//!   often is held back by the plan, with the workspace's own.
//! - A container that does not answer in time while the engine does is looked at by the queue's
//!   retries; what happens to it wakes it once between two lists at most.
//! - At the start every workspace is woken once, as by an event. One that failed before is tried at
//!   once, too; if it fails again, it goes on with the backoff it had.

mod activity;
mod execute;
mod feed;
mod observe;
mod observer;
mod owners;
mod pass;
mod record;
mod retries;
mod source;
mod wiring;

#[cfg(test)]
mod feed_tests;

pub use activity::{Activity, Attempted};
pub use feed::{Feed, Input, Wake};
pub use observer::{Options as ObserverOptions, watch};
pub use owners::Owners;
pub use pass::{Error, reconcile};
pub use retries::StoredRetries;
pub use source::inputs;
pub use wiring::{Rules, controller, policy_for};

use std::sync::Arc;
use trueup_domain::{
    policy::Policy,
    port::{Clock, Engine, Meter, PassLog, Projects, Workspaces},
};

/// What all passes share.
pub struct Context {
    /// The engine that runs the containers.
    pub engine: Arc<dyn Engine>,
    /// What is desired.
    pub workspaces: Arc<dyn Workspaces>,
    /// Where passes are recorded.
    pub passes: Arc<dyn PassLog>,
    /// The host's project folders.
    pub projects: Arc<dyn Projects>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Traces, as far as a pass must know of them.
    pub traces: Arc<dyn Traces>,
    /// The rules of the house.
    pub policy: Policy,
    /// What the sampler knows of usage.
    pub meter: Arc<dyn Meter>,
    /// When each workspace was last looked at; kept in memory only.
    pub activity: Activity,
}

/// What a pass needs of tracing beyond spans, so that this crate depends on no exporter.
pub trait Traces: Send + Sync + 'static {
    /// The trace of the current span, as 32 hex digits; `None` when it is not exported.
    fn trace_id(&self) -> Option<String>;

    /// Links a span to the one that a W3C `traceparent` names.
    fn link(&self, span: &tracing::Span, traceparent: &str);
}
