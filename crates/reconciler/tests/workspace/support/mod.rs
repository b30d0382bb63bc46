//! In-memory ports, and a stage on which passes are polled by hand.
//!
//! Every effect of a port lies between two awaits, so that a pass can be cut off before it and
//! after it. Nothing here knows a runtime or a real clock.

mod engine;
mod judge;
mod machine;
mod stage;
mod step;
mod store;

pub(crate) use engine::{Call, Fault, ModelEngine, Question};
pub(crate) use judge::{assert_converged, containers, volumes};
pub(crate) use stage::{Passed, Stage, cause, id, spec, strict, sync_by};
pub(crate) use step::{poll_once, step};
pub(crate) use store::MemoryStore;

use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};
use trueup_domain::{
    id::WorkspaceId,
    observed::ProjectFolder,
    port::{Clock, Projects},
    spec::ProjectPath,
};
use trueup_reconciler::workspace::Traces;

/// The trace that every pass is in.
pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Locks, also after a test that panicked.
pub(crate) fn locked<T, R>(mutex: &Mutex<T>, look: impl FnOnce(&mut T) -> R) -> R {
    look(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A time of day that stands still until somebody moves it.
#[derive(Debug)]
pub(crate) struct Time(Mutex<Timestamp>);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Mutex::new("2026-03-02T09:00:00Z".parse().unwrap()))
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        locked(&self.0, |now| *now += by);
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        locked(&self.0, |now| *now)
    }

    fn workspace_id(&self) -> WorkspaceId {
        unreachable!("no pass makes an id")
    }
}

/// A host on which every project folder is where it should be.
pub(crate) struct Folders;

#[async_trait::async_trait]
impl Projects for Folders {
    async fn look(&self, path: &ProjectPath) -> ProjectFolder {
        step().await;
        ProjectFolder::Allowed(path.to_string())
    }
}

/// Always the same trace; keeps the links that were asked for.
#[derive(Default)]
pub(crate) struct Links(Mutex<Vec<String>>);

impl Links {
    pub(crate) fn all(&self) -> Vec<String> {
        locked(&self.0, |links| links.clone())
    }
}

impl Traces for Links {
    fn trace_id(&self) -> Option<String> {
        Some(TRACE.to_owned())
    }

    fn link(&self, _span: &tracing::Span, traceparent: &str) {
        locked(&self.0, |links| links.push(traceparent.to_owned()));
    }
}
