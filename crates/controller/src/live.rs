//! What the API asks of the running controller: a sync now, the state of the queue, the engine's.

use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use trueup_api::{
    domain::{manifest::Manifest, spec::Isolation},
    server::{Admission, EngineStatus, Live},
    wire::LiveView,
};
use trueup_domain::{
    id::WorkspaceId,
    observed::ProjectFolder,
    pass::Cause,
    port::{Projects, WatchEvent},
};
use trueup_reconciler::{
    runtime::{Handle, Priority},
    workspace::{Context, Input},
};

/// Whether the engine can be watched, as the watch last said.
#[derive(Debug, Default)]
pub(crate) struct EngineWatch(Mutex<Option<String>>);

impl EngineWatch {
    /// Takes note of what the watch says.
    pub(crate) fn note(&self, input: &Input) {
        let trouble = match input {
            Input::Watched(WatchEvent::Lost(error)) => Some(error.to_string()),
            Input::Watched(_) => None,
            Input::Loaded(_) | Input::Stored { .. } => return,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn status(&self) -> EngineStatus {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => EngineStatus::Reachable,
            Some(trouble) => EngineStatus::Unreachable(trouble.clone()),
        }
    }
}

/// The running controller, as the API sees it.
pub(crate) struct Running {
    pub(crate) handle: Handle<WorkspaceId, Cause>,
    pub(crate) context: Arc<Context>,
    pub(crate) engine: Arc<EngineWatch>,
}

impl Live for Running {
    fn request_sync(&self, id: WorkspaceId, cause: Cause) {
        // Somebody is waiting: what failed before must not hold the attempt back.
        self.handle.reset_backoff(&id);
        self.handle.enqueue(id, cause, Priority::User);
    }

    fn live(&self, id: WorkspaceId) -> Option<LiveView> {
        let attempted = self.context.activity.of(id);
        let state = self.handle.state(&id);
        if attempted.is_none() && state.is_none() {
            return None;
        }
        let due = state.and_then(|state| state.due).map(|due| {
            let wait = due.saturating_duration_since(Instant::now());
            self.context
                .clock
                .now()
                .saturating_add(wait)
                .unwrap_or_else(|_| self.context.clock.now())
        });
        Some(LiveView {
            last_sync_attempt: attempted.map(|attempted| attempted.last),
            sync_attempts: attempted.map_or(0, |attempted| attempted.count),
            queued: state.is_some_and(|state| state.queued),
            running: state.is_some_and(|state| state.running),
            next_wake: due,
        })
    }

    fn engine_status(&self) -> EngineStatus {
        self.engine.status()
    }
}

/// Refuses at once what no pass could ever bring about on this host.
pub(crate) struct HostAdmission<P> {
    pub(crate) projects: P,
    /// Whether workspaces of isolation `strict` get a network.
    pub(crate) has_strict_networks: bool,
}

#[async_trait]
impl<P: Projects> Admission for HostAdmission<P> {
    async fn admit(&self, manifest: &Manifest) -> Result<(), String> {
        let spec = &manifest.spec;
        let has_no_network = spec.isolation == Isolation::Strict && !self.has_strict_networks;
        if has_no_network && !spec.ports.is_empty() {
            return Err(
                "spec.ports need a network, and isolation `strict` has none here; configure \
                        `network.strict_range`, use isolation `standard`, or leave the ports out"
                    .to_owned(),
            );
        }
        let Some(project) = &spec.project else { return Ok(()) };
        match self.projects.look(&project.path).await {
            ProjectFolder::Forbidden(why) => Err(why),
            // A folder that does not exist yet may come to be; the workspace says so until then.
            ProjectFolder::Allowed(_) | ProjectFolder::Missing | ProjectFolder::NotAsked => Ok(()),
        }
    }
}
