//! The way back: a new container did not come up, and the one before takes its place again.
//!
//! That it did not is noted before anything is done about it, so that a controller that dies in between
//! does not try it again. It is tried again later, ever more seldom, as whatever kept it from coming up
//! may be over: a port that was taken, an image that was broken.

use super::{failure, removal, starting};
use crate::{
    action::Action,
    container::Container,
    desired::Desired,
    plan::{Decision, recovery},
    status::{Phase, RecoveryStatus, Rollback},
};
use jiff::Timestamp;

/// Notes that the new container did not come up, and then takes the old one back.
pub(super) fn roll_back(
    desired: &Desired,
    (new, previous): (Option<&Container>, &Container),
    why: &str,
    now: Timestamp,
) -> Decision {
    let earlier = desired.rollback();
    let rollback = match earlier {
        Some(noted) if noted.under_way => noted.clone(),
        _ => Rollback {
            generation: desired.workspace.generation,
            why: why.to_owned(),
            count: earlier.map_or(0, |earlier| earlier.count).saturating_add(1),
            at: now,
            under_way: true,
        },
    };
    let told = format!("a new container did not come up: {why}; the one before is taken back");
    let decision = take_back(desired, new, previous, &told);
    Decision { rollback: Some(rollback), ..decision }.with_trouble("RolledBack", told)
}

/// Takes the old container back.
pub(super) fn take_back(
    desired: &Desired,
    new: Option<&Container>,
    previous: &Container,
    why: &str,
) -> Decision {
    let mut actions = new.map(|new| removal(desired, new)).unwrap_or_default();
    let (container, to) = (previous.id.clone(), desired.config.name.clone());
    actions.push(Action::RenameContainer { container, to });
    if !previous.state.has_process() {
        actions.extend(starting(desired, previous.id.clone()));
    }
    // It was we who ended it: a start is owed, and the end does not count.
    let known = recovery(desired, Some(previous));
    let recovery = RecoveryStatus { crashes: 0, counted: previous.finished_at, ..known };
    Decision::act(actions, Phase::Restarting, recovery, why)
}

/// Whether the next try is yet to come, so that a container that is not as declared is kept. One that
/// cannot be started any more is not worth it.
pub(in crate::plan) fn is_put_off(
    desired: &Desired,
    container: &Container,
    now: Timestamp,
) -> bool {
    if !container.state.has_process() && failure(desired, "start container").is_some() {
        return false;
    }
    desired.rollback().is_some_and(|rollback| {
        rollback.next_try(&desired.workspace.spec.recovery).is_none_or(|at| at > now)
    })
}

/// Says of a container that was taken back why it is not as declared, and until when.
pub(in crate::plan) fn tell(desired: &Desired, decision: Decision) -> Decision {
    let Some(rollback) = desired.rollback() else { return decision };
    let next = rollback.next_try(&desired.workspace.spec.recovery);
    let until = next.map_or_else(
        || "no more is tried until `trueup resume` or a change".to_owned(),
        |at| format!("it is tried again at {at:.0}"),
    );
    let decision = Decision {
        wake_at: decision.wake_at.into_iter().chain(next).min(),
        settled: false,
        ..decision
    };
    if decision.trouble.is_some() {
        return decision;
    }
    let why = format!("a new container did not come up: {}; {until}", rollback.why);
    decision.with_trouble("RolledBack", why)
}
