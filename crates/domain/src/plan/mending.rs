//! A container that differs from its declaration and is kept all the same: mended in place, reported,
//! or left alone.
//!
//! Whether it has to be replaced is decided in [`running`](super::running).

use super::Decision;
use crate::{
    action::Action,
    container::Container,
    desired::Desired,
    drift::{Difference, Remedy},
    spec::OnDrift,
};
use jiff::Timestamp;

/// Mends in place what was altered, or tells of it, beside whatever else is to be done.
pub(super) fn mend(
    desired: &Desired,
    container: &Container,
    driven: Decision,
    differences: Vec<Difference>,
) -> Decision {
    let on_drift = desired.workspace.spec.on_drift;
    // Limits are no part of the digest. That they were declared anew is no drift, whatever is to be
    // done about drift.
    let is_declared = limits_are_new(desired);
    let (to_mend, others): (Vec<_>, Vec<_>) = differences.into_iter().partition(|difference| {
        on_drift == OnDrift::Recreate || (is_declared && difference.remedy == Remedy::Update)
    });
    let decision = prepend(desired, mends(desired, container, &to_mend), driven, &to_mend);
    if on_drift == OnDrift::Report && !others.is_empty() && decision.trouble.is_none() {
        Decision { settled: false, ..decision }.with_trouble("Drift", list(&others))
    } else {
        decision
    }
}

/// Whether the limits may have been declared anew: the engine was never in sync with this generation.
fn limits_are_new(desired: &Desired) -> bool {
    desired.workspace.status.synced_generation != desired.workspace.generation
}

/// Lets a container that was just made go on though it differs in what only a new one can change.
///
/// An engine that reports something otherwise than it was told would have it replaced again and
/// again; so each new container is given the time to become stable.
pub(super) fn bide(driven: Decision, until: Timestamp, why: &str) -> Decision {
    Decision { wake_at: Some(until), settled: false, ..driven }
        .with_trouble("Drift", format!("{why}; it is replaced at {until}"))
}

/// What brings altered fields back without a new container.
fn mends(desired: &Desired, container: &Container, differences: &[Difference]) -> Vec<Action> {
    let any = |remedy| differences.iter().any(|difference| difference.remedy == remedy);
    let rename = any(Remedy::Rename).then(|| Action::RenameContainer {
        container: container.id.clone(),
        to: desired.config.name.clone(),
    });
    let update = any(Remedy::Update).then(|| Action::UpdateResources {
        container: container.id.clone(),
        resources: desired.limits(container),
    });
    rename.into_iter().chain(update).collect()
}

/// Puts the mends before whatever else is to be done.
fn prepend(
    desired: &Desired,
    mends: Vec<Action>,
    decision: Decision,
    differences: &[Difference],
) -> Decision {
    if mends.is_empty() {
        return decision;
    }
    let declared = limits_are_new(desired)
        && differences.iter().all(|difference| difference.remedy == Remedy::Update);
    let changed =
        if declared { "the declaration has changed" } else { "the container was altered" };
    Decision {
        actions: mends.into_iter().chain(decision.actions).collect(),
        why: format!("{changed}: {}; {}", list(differences), decision.why),
        settled: false,
        ..decision
    }
}

/// The differences in words.
pub(super) fn list(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "a field that the engine does not report".to_owned();
    }
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
