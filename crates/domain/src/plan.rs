//! The decision: what is desired beside what was observed, answered with what to do and what to say.
//!
//! Pure. It sees no clock (`now` is given), no causes (what woke a pass must not change what it
//! does), and makes every choice, so that executing a plan needs none.
//!
//! # Guarantees
//! - On `Unknown` it does nothing.
//! - It creates only what was observed to be absent and removes only what was observed to be present.
//! - When everything is as desired it has no actions, and the same input always gives the same plan.
//! - A workspace is `finished` only when nothing of it is left on the engine.
//!
//! # Two passes for what takes long
//! A pull or a graceful stop can take minutes. A plan that begins one first only *announces* it: no
//! actions, the phase, and a wake-up at once; once the phase is stored the plan for it acts. So the
//! status says `Pulling` while it pulls, with one store transaction per pass. Taking back a
//! container whose successor did not come up is noted first in the same way, so that a controller that
//! dies in between does not try the successor again.

mod ending;
mod judgement;
mod making;
mod mending;
mod others;
mod replacing;
mod restart;
mod running;

use crate::{
    action::Action,
    condition::{ConditionType, Truth},
    container::{Container, ContainerState},
    desired::{Desired, Goal},
    error::EngineError,
    observed::{Observation, Observed},
    status::{Phase, RecoveryStatus, Rollback, Status},
};
use jiff::{SignedDuration, Timestamp};

/// What a pass decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What to do, in this order, until one fails.
    pub actions: Vec<Action>,
    /// What is so, as far as was observed.
    pub status: Status,
    /// When to look again though nothing may happen until then.
    pub wake_at: Option<Timestamp>,
    /// Why, in words, for the history and for `trueup explain`.
    pub why: String,
    /// Whether the workspace's row can go: it was to end, and nothing of it is left.
    pub finished: bool,
}

/// Decides what to do about one workspace.
pub fn plan(desired: &Desired, observed: &Observation, now: Timestamp) -> Plan {
    let container = match &observed.container {
        Observed::Unknown(error) => return unknown(desired, error, now),
        Observed::Absent => None,
        Observed::Present(container) => Some(container.as_ref()),
    };
    let decision = match (desired.goal, container) {
        (Goal::Gone { .. }, container) => ending::gone(desired, observed, container, now),
        (Goal::Archived, container) => ending::archived(desired, observed, container),
        (Goal::Stopped, container) => ending::stopped(desired, observed, container),
        (Goal::Running | Goal::Paused, container) => {
            match replacing::proceed(desired, observed, container, now) {
                Some(decision) => decision,
                None => match container {
                    None => making::create(desired, observed),
                    Some(container) => running::keep(desired, observed, container, now),
                },
            }
        }
    };
    // While its successor is yet to be made, the one before is what there is.
    let shown = container.or(others::previous(desired, observed));
    let decision = others::clear(desired, observed, decision);
    let decision = decision.announced(desired, now);
    Plan {
        status: Status {
            set_aside: others::previous(desired, observed).map(|previous| previous.id.clone()),
            ..judgement::status(desired, shown, &decision, now)
        },
        actions: decision.actions,
        wake_at: decision.wake_at,
        why: decision.why,
        finished: decision.finished,
    }
}

/// Nothing is known, so nothing is done and nothing is forgotten.
fn unknown(desired: &Desired, error: &EngineError, now: Timestamp) -> Plan {
    Plan {
        actions: Vec::new(),
        status: judgement::unknown_status(desired, error, now),
        wake_at: None,
        why: format!("the engine did not say how the container is: {}", error.message),
        finished: false,
    }
}

/// What one of the rooms below decided, before it is put into words for the user.
#[derive(Debug, Clone, PartialEq)]
struct Decision {
    actions: Vec<Action>,
    phase: Phase,
    why: String,
    wake_at: Option<Timestamp>,
    recovery: RecoveryStatus,
    /// The replacement of this generation that did not come up.
    rollback: Option<Rollback>,
    /// Whether the container is the one that this generation asks for, so that it matters no more what
    /// did not come up before it.
    is_current: bool,
    /// Something that needs a person's attention though no step failed.
    trouble: Option<Trouble>,
    /// Whether the engine is as declared, as far as it will get.
    settled: bool,
    finished: bool,
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq)]
struct Trouble {
    reason: &'static str,
    message: String,
}

impl Decision {
    /// Everything is as it should be.
    fn rest(phase: Phase, recovery: RecoveryStatus, why: impl Into<String>) -> Self {
        Self {
            actions: Vec::new(),
            phase,
            why: why.into(),
            wake_at: None,
            recovery,
            rollback: None,
            is_current: false,
            trouble: None,
            settled: true,
            finished: false,
        }
    }

    /// Something is to be done.
    fn act(
        actions: Vec<Action>,
        phase: Phase,
        recovery: RecoveryStatus,
        why: impl Into<String>,
    ) -> Self {
        Self { actions, settled: false, ..Self::rest(phase, recovery, why) }
    }

    /// Something is to be waited for.
    fn wait(
        until: Timestamp,
        phase: Phase,
        recovery: RecoveryStatus,
        why: impl Into<String>,
    ) -> Self {
        Self { wake_at: Some(until), settled: false, ..Self::rest(phase, recovery, why) }
    }

    /// Whether nothing happens until something changes.
    fn rests(&self) -> bool {
        self.actions.is_empty() && self.wake_at.is_none()
    }

    fn with_trouble(self, reason: &'static str, message: impl Into<String>) -> Self {
        Self { trouble: Some(Trouble { reason, message: message.into() }), ..self }
    }

    /// Holds back what takes long until its phase is stored.
    fn announced(self, desired: &Desired, now: Timestamp) -> Self {
        let takes_long = self.actions.iter().any(|action| {
            matches!(action, Action::PullImage { .. } | Action::StopContainer { .. })
        });
        let begins = self.rollback.as_ref().is_some_and(|rollback| rollback.under_way);
        let is_noted = !begins || self.rollback.as_ref() == desired.rollback();
        let status = &desired.workspace.status;
        let is_announced = status.phase == self.phase
            && status.observed_generation == desired.workspace.generation;
        if (takes_long && !is_announced) || !is_noted {
            Self { actions: Vec::new(), wake_at: Some(now), ..self }
        } else {
            self
        }
    }
}

/// The counters of the present generation: those stored, or new ones that owe a start from `container`.
fn recovery(desired: &Desired, container: Option<&Container>) -> RecoveryStatus {
    let stored = desired.workspace.status.recovery;
    if stored.generation == desired.workspace.generation {
        return stored;
    }
    RecoveryStatus {
        generation: desired.workspace.generation,
        restarts: stored.restarts,
        crashes: 0,
        counted_at: None,
        condemned: None,
        counted: container
            .filter(|container| container.state == ContainerState::Exited)
            .and_then(|container| container.finished_at),
    }
}

/// How long to wait for the engine to finish what it has begun by itself, at first and at most. An event
/// tells mostly; each look waits for as long again as was waited for before.
const ENGINE_PATIENCE: [SignedDuration; 2] =
    [SignedDuration::from_millis(500), SignedDuration::from_secs(30)];

/// What is done about a container that the engine itself is removing or restarting.
fn wait(
    desired: &Desired,
    phase: Phase,
    recovery: RecoveryStatus,
    now: Timestamp,
    why: &str,
) -> Decision {
    let [first, longest] = ENGINE_PATIENCE;
    let waited = not_ready_since(desired).map_or(first, |since| now.duration_since(since));
    let until = now.saturating_add(waited.max(first).min(longest)).unwrap_or(now);
    Decision::wait(until, phase, recovery, why)
}

/// Since when the workspace has not been ready, if it is not.
fn not_ready_since(desired: &Desired) -> Option<Timestamp> {
    let ready = desired.workspace.status.conditions.get(ConditionType::Ready)?;
    (ready.status == Truth::False).then_some(ready.last_transition_time)
}
