//! The engine as one life of the controller has it: the simulated one, with the fuse before and behind
//! each call, a witness, and perhaps a mistake.

mod mistake;

use self::mistake::{claimed, is_previous};
use crate::{bug::Bug, fuse::Fuse, store::Shelf, witness::Witness};
use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use trueup_domain::{
    action::Action,
    container::{Container, ContainerConfig, ContainerSummary},
    error::{EngineError, Reason},
    id::{ContainerId, WorkspaceId},
    observed::NetworkState,
    port::{Engine, EngineEvent, Unreadable},
    spec::Image,
};
use trueup_engine_sim::SimEngine;

/// The hands of one life.
pub(crate) struct Hands {
    pub(crate) sim: SimEngine,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) bug: Option<Bug>,
    /// Whether the event stream was open before.
    pub(crate) has_watched: AtomicBool,
    /// What was started once more.
    pub(crate) started_again: Mutex<BTreeSet<ContainerId>>,
}

impl Hands {
    async fn call<T>(&self, work: impl Future<Output = T>) -> T {
        self.fuse.step().await;
        let answer = work.await;
        self.fuse.step().await;
        answer
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    async fn try_once(&self, action: &Action) -> Result<(), EngineError> {
        match action {
            Action::RemoveNetwork { .. } if self.has(Bug::LeakNetworks) => return Ok(()),
            Action::StopContainer { .. } if self.has(Bug::PretendStops) => return Ok(()),
            _ => {}
        }
        let mounts = match action {
            Action::RemoveContainer(id) if self.has(Bug::TakeVolumesAlong) => self.mounts_of(id),
            _ => Vec::new(),
        };
        let outcome = self.sim.perform(action).await;
        for name in mounts {
            drop(self.sim.perform(&Action::RemoveVolume { name }).await);
        }
        match outcome {
            Err(error) if error.reason == Reason::NameConflict && self.has(Bug::ForgetConflict) => {
                Ok(())
            }
            Err(_) if self.has(Bug::ForgetFailures) => Ok(()),
            outcome => outcome,
        }
    }
}

/// An attempt, which is noted also when nobody waits for its end.
struct Attempt<'a> {
    witness: &'a Witness,
    action: &'a Action,
    succeeded: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.witness.tried(self.action, self.succeeded);
    }
}

#[async_trait]
impl Engine for Hands {
    async fn inspect(&self, id: &ContainerId) -> Result<Option<Container>, EngineError> {
        let answer = self.call(self.sim.inspect(id)).await;
        match (self.bug, answer) {
            (Some(Bug::UnknownIsAbsent), Err(_)) => Ok(None),
            (Some(Bug::TrustList), Ok(Some(mut container))) => {
                if let Some(listed) = self.listed_state(&container.id).await {
                    container.state = listed;
                }
                Ok(Some(container))
            }
            (Some(Bug::TakeStrangers), Ok(Some(container))) => Ok(Some(claimed(container))),
            (Some(Bug::LosePrevious), Ok(found)) => {
                Ok(found.filter(|container| !is_previous(&container.config.name)))
            }
            (Some(Bug::StartAgain), Ok(Some(container))) => {
                self.start_again(&container).await;
                Ok(Some(container))
            }
            (_, answer) => answer,
        }
    }

    async fn list(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        if self.has(Bug::DropEventsOnReconnect) && workspace.is_none() {
            return Ok(self.believed_rows());
        }
        let answer = self.call(self.sim.list(workspace)).await;
        if self.has(Bug::UnknownIsAbsent) && workspace.is_some() {
            return Ok(answer.unwrap_or_default());
        }
        let mut rows = answer?;
        if self.has(Bug::LosePrevious) {
            rows.retain(|row| !is_previous(&row.name));
        }
        if let (Some(Bug::TakeCopies | Bug::TakeStrangers), Some(id)) = (self.bug, workspace) {
            rows.extend(self.left_out(id));
        }
        Ok(rows)
    }

    async fn has_image(&self, image: &Image) -> Result<bool, EngineError> {
        self.call(self.sim.has_image(image)).await
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkState>, EngineError> {
        let answer = self.call(self.sim.network(name)).await;
        if self.has(Bug::UnknownIsAbsent) { Ok(answer.unwrap_or_default()) } else { answer }
    }

    async fn volumes(&self, workspace: WorkspaceId) -> Result<Vec<String>, EngineError> {
        let answer = self.call(self.sim.volumes(workspace)).await;
        if self.has(Bug::LoseVolumes) {
            return answer.map(|_| Vec::new());
        }
        if self.has(Bug::UnknownIsAbsent) { Ok(answer.unwrap_or_default()) } else { answer }
    }

    async fn perform(&self, action: &Action) -> Result<(), EngineError> {
        self.fuse.step().await;
        self.witness.may_touch(action);
        let mut attempt = Attempt { witness: &self.witness, action, succeeded: false };
        let outcome = self.try_once(action).await;
        attempt.succeeded = outcome.is_ok();
        drop(attempt);
        if matches!(action, Action::RemoveContainer(_) | Action::RemoveVolume { .. }) {
            self.witness.look_for_lost_volumes();
        }
        self.fuse.step().await;
        outcome
    }

    async fn create(&self, config: &ContainerConfig) -> Result<ContainerId, EngineError> {
        self.fuse.step().await;
        let action = Action::CreateContainer(Box::new(config.clone()));
        self.witness.may_touch(&action);
        let mut attempt = Attempt { witness: &self.witness, action: &action, succeeded: false };
        let named = || ContainerId::new(config.name.clone());
        let outcome = match self.sim.create(config).await {
            Err(error) if error.reason == Reason::NameConflict && self.has(Bug::ForgetConflict) => {
                Ok(named())
            }
            Err(_) if self.has(Bug::ForgetFailures) => Ok(named()),
            outcome => outcome,
        };
        attempt.succeeded = outcome.is_ok();
        drop(attempt);
        self.fuse.step().await;
        outcome
    }

    async fn time(&self) -> Result<Timestamp, EngineError> {
        self.call(self.sim.time()).await
    }

    async fn events(
        &self,
        since: Timestamp,
    ) -> Result<BoxStream<'static, Result<EngineEvent, Unreadable>>, EngineError> {
        let reopens = self.has_watched.swap(true, Ordering::SeqCst);
        let since = if reopens && self.has(Bug::DropEventsOnReconnect) {
            self.sim.time().await?
        } else {
            since
        };
        self.call(self.sim.events(since)).await
    }
}
