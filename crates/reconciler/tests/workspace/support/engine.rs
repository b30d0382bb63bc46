//! The engine port over the model: every call is heard of twice, once on its way there and once on
//! its way back, and can be lost on either.
//!
//! A request whose caller is gone before it was carried out lands later, or never, as the test says.

use super::{
    Time, locked,
    machine::{Machine, end},
    step,
};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use trueup_domain::{
    action::Action,
    container::{Container, ContainerState, ContainerSummary},
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, WorkspaceId},
    label,
    observed::NetworkState,
    port::{Clock, Engine, EngineEvent, Unreadable},
    spec::Image,
};

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Inspect,
    List,
    HasImage,
    Network,
    Volumes,
}

/// What goes wrong with one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails and has done nothing.
    Fails,
    /// It is done, and nobody hears of it.
    DoneUnheard,
}

/// A call that was carried out, in the order of their effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// A question, of whom, and whether the answer was that there is nothing.
    Asked { question: Question, subject: String, absent: bool },
    /// An action, in words.
    Did(String),
}

/// A simulated engine.
pub(crate) struct ModelEngine {
    time: Arc<Time>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) machine: Machine,
    pub(crate) calls: Vec<Call>,
    /// The questions that are not answered.
    pub(crate) deaf_to: Vec<Question>,
    /// The engine says that all went well and does nothing.
    pub(crate) pretends: bool,
    /// Faults by the number of the action, counted from 0.
    pub(crate) faults: BTreeMap<usize, Fault>,
    /// After how many further calls a request lands whose caller is gone; `None`: never.
    pub(crate) abandoned_lands_after: Option<usize>,
    /// What a list still says of a container that has changed.
    pub(crate) stale_rows: BTreeMap<ContainerId, ContainerState>,
    under_way: Vec<(usize, Action)>,
    actions: usize,
}

impl ModelEngine {
    pub(crate) fn new(time: Arc<Time>) -> Self {
        let mut state = State::default();
        state.machine.images.insert("debian:12".to_owned());
        Self { time, state: Mutex::new(state) }
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        locked(&self.state, look)
    }

    pub(crate) fn machine<R>(&self, look: impl FnOnce(&mut Machine) -> R) -> R {
        self.with(|state| look(&mut state.machine))
    }

    /// All actions that were carried out so far, in words.
    pub(crate) fn actions(&self) -> Vec<String> {
        let word = |call: &Call| match call {
            Call::Did(action) => Some(action.clone()),
            Call::Asked { .. } => None,
        };
        self.with(|state| state.calls.iter().filter_map(word).collect())
    }

    /// Somebody kills the process; the list does not know it yet.
    pub(crate) fn kill(&self, id: &ContainerId) {
        self.time.advance(SignedDuration::from_millis(10));
        let now = self.time.now();
        self.with(|state| {
            let container = state.machine.at(id).unwrap();
            state.stale_rows.insert(container.id.clone(), container.state);
            end(container, now, 137);
        });
    }

    /// The list as the engine would give it now.
    pub(crate) fn rows(&self, workspace: Option<WorkspaceId>) -> Vec<ContainerSummary> {
        self.with(|state| {
            let row = |container: &Container| ContainerSummary {
                id: container.id.clone(),
                name: container.config.name.clone(),
                workspace: container.label(label::WORKSPACE_ID).unwrap().parse().unwrap(),
                state: *state.stale_rows.get(&container.id).unwrap_or(&container.state),
                networks: container.attached.clone(),
            };
            let ours = state.machine.containers.values();
            let ours = ours.filter(|container| container.label(label::INSTANCE_ID).is_some());
            ours.map(row)
                .filter(|row| workspace.is_none_or(|workspace| row.workspace == workspace))
                .collect()
        })
    }

    /// Waits until everything has landed whose caller is gone.
    pub(crate) fn await_abandoned(&self) {
        while self.with(|state| !state.under_way.is_empty()) {
            self.land();
        }
    }

    async fn ask<T>(
        &self,
        question: Question,
        subject: String,
        answer: impl FnOnce(&Self) -> (T, bool) + Send,
    ) -> Result<T, EngineError>
    where
        T: Send,
    {
        step().await;
        self.land();
        let is_deaf = self.with(|state| state.deaf_to.contains(&question));
        let answer = if is_deaf {
            let message = "connection refused".to_owned();
            let (class, reason) = (ErrorClass::Retryable, Reason::EngineUnreachable);
            Err(EngineError { operation: "ask", class, reason, message })
        } else {
            let (answer, absent) = answer(self);
            self.with(|state| state.calls.push(Call::Asked { question, subject, absent }));
            Ok(answer)
        };
        step().await;
        answer
    }

    /// Carries out what was given up earlier and is due now.
    fn land(&self) {
        self.time.advance(SignedDuration::from_millis(10));
        let now = self.time.now();
        self.with(|state| {
            for (calls_left, _) in &mut state.under_way {
                *calls_left = calls_left.saturating_sub(1);
            }
            let (due, waiting) =
                std::mem::take(&mut state.under_way).into_iter().partition(|(left, _)| *left == 0);
            state.under_way = waiting;
            let due: Vec<(usize, Action)> = due;
            for (_, action) in due {
                // Its outcome has nobody to go to.
                let _ = state.machine.perform(&action, now);
            }
        });
    }

    fn carry_out(&self, action: &Action) -> Result<(), EngineError> {
        self.land();
        let now = self.time.now();
        let error = |class, reason, message: &str| EngineError {
            operation: action.operation(),
            class,
            reason,
            message: message.to_owned(),
        };
        self.with(|state| {
            state.calls.push(Call::Did(action.to_string()));
            let fault = state.faults.remove(&state.actions);
            state.actions += 1;
            if fault == Some(Fault::Fails) {
                return Err(error(ErrorClass::Retryable, Reason::EngineFault, "out of luck"));
            }
            if state.pretends {
                return Ok(());
            }
            let outcome = state.machine.perform(action, now);
            if fault == Some(Fault::DoneUnheard) {
                return Err(error(ErrorClass::Unknown, Reason::DeadlineExceeded, "no answer"));
            }
            outcome.map_err(|(reason, message)| error(ErrorClass::Retryable, reason, message))
        })
    }
}

/// A request on its way; dropped there, it is abandoned.
struct UnderWay<'a> {
    engine: &'a ModelEngine,
    action: Option<Action>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(action) = self.action.take() {
            self.engine.with(|state| {
                if let Some(calls) = state.abandoned_lands_after {
                    state.under_way.push((calls, action));
                }
            });
        }
    }
}

#[async_trait]
impl Engine for ModelEngine {
    async fn inspect(&self, id: &ContainerId) -> Result<Option<Container>, EngineError> {
        self.ask(Question::Inspect, id.to_string(), |engine| {
            let found = engine.machine(|machine| machine.find(id).cloned());
            let absent = found.is_none();
            (found, absent)
        })
        .await
    }

    async fn list(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        let subject = workspace.map(|id| id.to_string()).unwrap_or_default();
        self.ask(Question::List, subject, |engine| {
            let rows = engine.rows(workspace);
            let absent = rows.is_empty();
            (rows, absent)
        })
        .await
    }

    async fn has_image(&self, image: &Image) -> Result<bool, EngineError> {
        self.ask(Question::HasImage, image.to_string(), |engine| {
            let has = engine.machine(|machine| machine.images.contains(image.as_str()));
            (has, !has)
        })
        .await
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkState>, EngineError> {
        self.ask(Question::Network, name.to_owned(), |engine| {
            let found = engine.machine(|machine| {
                let id = machine.networks.get(name)?.clone();
                Some(NetworkState { id, used: machine.is_used(name) })
            });
            let absent = found.is_none();
            (found, absent)
        })
        .await
    }

    async fn volumes(&self, workspace: WorkspaceId) -> Result<Vec<String>, EngineError> {
        self.ask(Question::Volumes, workspace.to_string(), |engine| {
            let is_its = |owner: &String| *owner == workspace.to_string();
            let names: Vec<_> = engine.machine(|machine| {
                let its = machine.volumes.iter().filter(|(_, owner)| is_its(owner));
                its.map(|(name, _)| name.clone()).collect()
            });
            let absent = names.is_empty();
            (names, absent)
        })
        .await
    }

    async fn perform(&self, action: &Action) -> Result<(), EngineError> {
        let mut request = UnderWay { engine: self, action: Some(action.clone()) };
        step().await;
        request.action = None;
        let outcome = self.carry_out(action);
        step().await;
        outcome
    }

    async fn time(&self) -> Result<Timestamp, EngineError> {
        Ok(self.time.now())
    }

    /// Nothing is ever told: passes are woken by hand here.
    async fn events(
        &self,
        _: Timestamp,
    ) -> Result<BoxStream<'static, Result<EngineEvent, Unreadable>>, EngineError> {
        Ok(futures::stream::pending().boxed())
    }
}
