//! Actions, as the adapter performs them: one arm each, and "already so" is success.

use super::{
    SimEngine,
    operation::Operation,
    port::{absent_if_gone, fine_if_so, segment},
};
use crate::{Answer, Limits, Request, Volume};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;
use trueup_domain::{
    action::Action,
    container::{Container, ContainerConfig},
    error::{EngineError, ErrorClass, Reason},
    id::ContainerId,
    label,
    port::Engine,
    spec::{Image, Resources},
};

impl SimEngine {
    pub(super) async fn perform_once(&self, action: &Action) -> Result<(), EngineError> {
        match action {
            Action::PullImage { image } => self.pull(image).await,
            Action::EnsureNetwork(config) => self.ensure_network(config).await,
            Action::EnsureVolume { name, labels } => self.ensure_volume(name, labels).await,
            Action::CreateContainer(config) => self.make(config).await.map(|_| ()),
            Action::StopContainer { container, grace } => self.stop(container, *grace).await,
            Action::RemoveNetwork { name } => self.remove_network(name).await,
            Action::RemoveVolume { name } => self.remove_volume(name).await,
            Action::StartContainer(id) => {
                self.change(Operation::Start, id, |container| Request::Start { container }).await
            }
            Action::KillContainer(id) => {
                self.change(Operation::Kill, id, |container| Request::Kill { container }).await
            }
            Action::PauseContainer(id) => {
                self.change(Operation::Pause, id, |container| Request::Pause { container }).await
            }
            Action::UnpauseContainer(id) => {
                self.change(Operation::Unpause, id, |container| Request::Unpause { container })
                    .await
            }
            Action::RenameContainer { container, to } => {
                let to = to.clone();
                self.change(Operation::Rename, container, |container| Request::Rename {
                    container,
                    to,
                })
                .await
            }
            Action::UpdateResources { container, resources } => {
                let limits = limits(*resources);
                self.change(Operation::Update, container, |container| Request::Update {
                    container,
                    limits,
                })
                .await
            }
            Action::RemoveContainer(id) => self.remove(id).await,
        }
    }

    async fn change(
        &self,
        operation: Operation,
        container: &ContainerId,
        request: impl FnOnce(String) -> Request + Send,
    ) -> Result<(), EngineError> {
        let request = request(segment(operation, container)?);
        self.ask(operation, async { fine_if_so(self.shared.send(request).await) }).await
    }

    /// The answer is the id of the container that has the name now.
    pub(super) async fn make(&self, config: &ContainerConfig) -> Result<ContainerId, EngineError> {
        let request = Request::Create { config: Box::new(config.clone()) };
        let outcome = self.ask(Operation::Create, self.shared.send(request)).await;
        match outcome {
            Err(error) if error.reason == Reason::NameConflict => {
                let holder = self.inspect(&ContainerId::new(&*config.name)).await?;
                self.judge_holder(config, holder.as_ref(), error).await
            }
            Ok(Answer::Made(id)) => Ok(ContainerId::new(id)),
            Ok(_) => Ok(ContainerId::new(config.name.clone())),
            Err(error) => Err(error),
        }
    }

    async fn judge_holder(
        &self,
        config: &ContainerConfig,
        holder: Option<&Container>,
        error: EngineError,
    ) -> Result<ContainerId, EngineError> {
        let Some(holder) = holder else {
            return Err(EngineError {
                class: ErrorClass::Retryable,
                reason: Reason::Busy,
                ..error
            });
        };
        let is_ours = [label::INSTANCE_ID, label::WORKSPACE_ID].into_iter().all(|key| {
            let wanted = config.labels.get(key);
            wanted.is_some() && wanted.map(String::as_str) == holder.label(key)
        });
        if is_ours && !self.has_inherited(holder).await? {
            return Ok(holder.id.clone());
        }
        Err(error)
    }

    async fn stop(&self, container: &ContainerId, grace: Duration) -> Result<(), EngineError> {
        let container = segment(Operation::Stop, container)?;
        let deadline = grace.saturating_add(self.shared.options.deadlines.stop_margin);
        // The engine counts whole seconds; a started one is granted whole.
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let request = Request::Stop { container, grace: Duration::from_secs(seconds) };
        let work = self.shared.send(request);
        self.ask_within(Operation::Stop, deadline, work).await.map(|_| ())
    }

    async fn remove(&self, container: &ContainerId) -> Result<(), EngineError> {
        let container = segment(Operation::Remove, container)?;
        let request = Request::Remove { container, force: true };
        self.ask(Operation::Remove, async { absent_if_gone(self.shared.send(request).await) })
            .await
            .map(|_| ())
    }

    async fn pull(&self, image: &Image) -> Result<(), EngineError> {
        let operation = Operation::Pull.words();
        let Ok(_place) = self.shared.pulls.try_acquire() else {
            let message = "other images are being pulled; this one waits for its turn".to_owned();
            return Err(EngineError {
                operation,
                class: ErrorClass::Retryable,
                reason: Reason::Busy,
                message,
            });
        };
        let silence = self.shared.options.deadlines.pull_silence;
        let request = Request::Pull { image: image.as_str().to_owned() };
        // A simulated pull tells of no progress; one that is under way for so long makes none.
        let work = async { timeout(silence, self.shared.send(request)).await.ok().transpose() };
        match self.ask(Operation::Pull, work).await? {
            Some(_) => Ok(()),
            None => Err(EngineError {
                operation,
                class: ErrorClass::Unknown,
                reason: Reason::DeadlineExceeded,
                message: format!("no progress within {silence:?}"),
            }),
        }
    }

    async fn ensure_volume(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        let request = Request::CreateVolume { volume: name.to_owned(), labels: labels.clone() };
        let answer = self.ask(Operation::EnsureVolume, self.shared.send(request)).await?;
        match answer {
            Answer::Volume(volume) => self.check(Operation::EnsureVolume, &volume),
            _ => Ok(()),
        }
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let operation = Operation::RemoveVolume;
        let look = Request::InspectVolume { volume: name.to_owned() };
        let found =
            self.ask(operation, async { absent_if_gone(self.shared.send(look).await) }).await?;
        let Some(Answer::Volume(volume)) = found else { return Ok(()) };
        self.check(operation, &volume)?;
        let removal = Request::RemoveVolume { volume: name.to_owned() };
        let work = async { absent_if_gone(self.shared.send(removal).await) };
        self.ask(operation, work).await.map(|_| ())
    }

    /// A volume without our label is neither taken nor removed.
    fn check(&self, operation: Operation, volume: &Volume) -> Result<(), EngineError> {
        if volume.labels.get(label::INSTANCE_ID).map(String::as_str) == Some(self.instance.as_str())
        {
            return Ok(());
        }
        Err(EngineError {
            operation: operation.words(),
            class: ErrorClass::Terminal,
            reason: Reason::NameConflict,
            message: format!("the volume {} exists and is not ours", volume.name),
        })
    }
}

fn limits(resources: Resources) -> Limits {
    Limits {
        cpu_millis: resources.cpus.millis(),
        memory: resources.memory.bytes(),
        memory_swap: i64::try_from(resources.memory.bytes()).unwrap_or(i64::MAX),
        pids: resources.pids,
        restart: Some(false),
    }
}
