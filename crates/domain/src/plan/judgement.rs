//! The status: what a decision and an observation mean in the words that users read.

use super::{Decision, Trouble};
use crate::{
    condition::{Condition, ConditionType, Conditions, Truth},
    container::{Container, ContainerState},
    desired::{Desired, Goal},
    error::{EngineError, Reason},
    status::{ContainerStatus, Failure, Phase, Rollback, Status, WorkspaceStatus},
    usage::{Resource, Source},
};
use jiff::Timestamp;

/// The status that goes with a decision.
pub(super) fn status(
    desired: &Desired,
    container: Option<&Container>,
    decision: &Decision,
    now: Timestamp,
) -> Status {
    let before = &desired.workspace.status;
    // A failure is over when everything is as it should be, or when nothing is tried any more.
    let is_over = decision.settled || decision.rests();
    let failure = desired.failure.as_ref().filter(|_| !is_over);
    let mut voice = Voice::new(desired, now);
    voice.ready(desired, container, decision);
    voice.synced(decision, failure);
    voice.progressing(decision, failure);
    // Waiting for one's turn to pull is no trouble; whatever was one before still is.
    let awaits_turn = decision.phase == Phase::Pulling
        && failure.is_some_and(|failure| failure.reason == Reason::Busy);
    if !awaits_turn {
        voice.degraded(decision.trouble.as_ref(), failure, container);
    }
    voice.measured(container);
    Status {
        status: coarse(desired.goal, container),
        phase: decision.phase,
        observed_generation: desired.workspace.generation,
        synced_generation: if decision.settled {
            desired.workspace.generation
        } else {
            before.synced_generation
        },
        conditions: voice.conditions,
        container: container.map(|container| container_status(before, container, now)),
        recovery: decision.recovery,
        rollback: rollback(desired, decision),
        last_error: failure.cloned(),
        ..before.clone()
    }
}

/// What is remembered of a replacement that did not come up. Unless the decision is to take the one
/// before back, that is over.
fn rollback(desired: &Desired, decision: &Decision) -> Option<Rollback> {
    if decision.is_current {
        return None;
    }
    let over = |rollback: &Rollback| Rollback { under_way: false, ..rollback.clone() };
    decision.rollback.clone().or_else(|| desired.rollback().map(over))
}

fn container_status(before: &Status, container: &Container, now: Timestamp) -> ContainerStatus {
    let seen = ContainerStatus::from(container);
    let seen_at = container.started_at.map(|_| before.seen_at(container, now));
    ContainerStatus { seen_at, swap: seen.swap && before.could_always_swap(&seen.id), ..seen }
}

/// The status when the engine did not say: all that was known stays, and says that it may be old.
pub(super) fn unknown_status(desired: &Desired, error: &EngineError, now: Timestamp) -> Status {
    let before = &desired.workspace.status;
    let mut voice = Voice::new(desired, now);
    let reason = error.reason.to_string();
    voice.say(ConditionType::Ready, Truth::Unknown, &reason, &error.message);
    voice.say(ConditionType::Synced, Truth::Unknown, &reason, &error.message);
    Status {
        phase: Phase::Unknown,
        observed_generation: desired.workspace.generation,
        conditions: voice.conditions,
        last_error: desired.failure.clone(),
        ..before.clone()
    }
}

fn coarse(goal: Goal, container: Option<&Container>) -> WorkspaceStatus {
    match container {
        Some(container) if container.state == ContainerState::Running => WorkspaceStatus::Active,
        None if goal == Goal::Archived => WorkspaceStatus::Archived,
        _ => WorkspaceStatus::Inactive,
    }
}

/// Says conditions about one generation at one time.
struct Voice<'a> {
    desired: &'a Desired,
    now: Timestamp,
    conditions: Conditions,
}

impl<'a> Voice<'a> {
    fn new(desired: &'a Desired, now: Timestamp) -> Self {
        Self { desired, now, conditions: desired.workspace.status.conditions.clone() }
    }

    fn say(&mut self, kind: ConditionType, status: Truth, reason: &str, message: &str) {
        self.conditions.set(Condition {
            kind,
            status,
            reason: reason.to_owned(),
            message: message.to_owned(),
            last_transition_time: self.now,
            observed_generation: self.desired.workspace.generation,
        });
    }

    fn ready(&mut self, desired: &Desired, container: Option<&Container>, decision: &Decision) {
        let runs = container.is_some_and(|container| container.state == ContainerState::Running);
        let is_ready = desired.goal == Goal::Running && runs && decision.phase == Phase::Running;
        let message = if is_ready { "" } else { &decision.why };
        self.say(ConditionType::Ready, is_ready.into(), &decision.phase.to_string(), message);
    }

    fn synced(&mut self, decision: &Decision, failure: Option<&Failure>) {
        let (reason, message) = match (decision.settled, failure, &decision.trouble) {
            (true, _, _) => ("AsDeclared".to_owned(), String::new()),
            (false, Some(failure), _) => (failure.reason.to_string(), failure.message.clone()),
            (false, None, Some(trouble)) => (trouble.reason.to_owned(), trouble.message.clone()),
            (false, None, None) => (decision.phase.to_string(), decision.why.clone()),
        };
        self.say(ConditionType::Synced, decision.settled.into(), &reason, &message);
    }

    fn progressing(&mut self, decision: &Decision, failure: Option<&Failure>) {
        let (truth, reason) = match (decision.settled, failure) {
            (true, _) => (false, "AsDeclared".to_owned()),
            (false, Some(_)) => (true, "Retrying".to_owned()),
            (false, None) if !decision.rests() => (true, decision.phase.to_string()),
            (false, None) => (false, "NothingToDo".to_owned()),
        };
        self.say(ConditionType::Progressing, truth.into(), &reason, "");
    }

    fn degraded(
        &mut self,
        trouble: Option<&Trouble>,
        failure: Option<&Failure>,
        container: Option<&Container>,
    ) {
        match (failure, trouble) {
            (Some(failure), _) => {
                let message = format!("{}: {}", failure.operation, failure.message);
                let reason = failure.reason.to_string();
                self.say(ConditionType::Degraded, Truth::True, &reason, &message);
            }
            (None, Some(trouble)) => {
                self.say(ConditionType::Degraded, Truth::True, trouble.reason, &trouble.message);
            }
            (None, None) => match self.pressure(container) {
                Some((reason, message)) => {
                    self.say(ConditionType::Degraded, Truth::True, &reason, &message);
                }
                None => self.say(ConditionType::Degraded, Truth::False, "AllWell", ""),
            },
        }
    }

    /// What it uses too much of: the reason of the first, and words about all. While nothing is known of
    /// its usage, what was said before stays, so that a controller that starts takes nothing back.
    fn pressure(&self, container: Option<&Container>) -> Option<(String, String)> {
        container.filter(|container| container.state.has_process())?;
        let Some(measured) = &self.desired.measured else {
            let before = self.conditions.get(ConditionType::Degraded)?;
            let stays = before.status == Truth::True && Resource::is_reason(&before.reason);
            return stays.then(|| (before.reason.clone(), before.message.clone()));
        };
        let reason = measured.pressures.first()?.resource.reason().to_owned();
        let words: Vec<_> = measured.pressures.iter().map(ToString::to_string).collect();
        Some((reason, words.join(", ")))
    }

    /// Said of what runs. That figures come from the kernel's own files goes without saying, unless
    /// something else was said before: a pass that finds all well writes nothing.
    fn measured(&mut self, container: Option<&Container>) {
        let runs = container.is_some_and(|container| container.state.has_process());
        let Some(measured) = self.desired.measured.as_ref().filter(|_| runs) else { return };
        let is_news = self.conditions.get(ConditionType::Measured).is_none();
        if measured.source == Source::ControlGroup && is_news {
            return;
        }
        let (truth, why) = match &measured.source {
            Source::ControlGroup => (Truth::True, ""),
            Source::EngineStats { why } => (Truth::True, why.as_str()),
            Source::None { why } => (Truth::False, why.as_str()),
        };
        self.say(ConditionType::Measured, truth, measured.source.reason(), why);
    }
}
