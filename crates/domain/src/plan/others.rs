//! Containers of the workspace beside the one that it has.
//!
//! There should be none, but a call that was given up may be carried out after somebody renamed the
//! container, and names are all that keeps two attempts apart. Deliberately absent: the container that
//! is being replaced, which [`replacing`](super::replacing) looks after.

use super::{Decision, ending};
use crate::{
    action::Action,
    container::Container,
    desired::{Desired, Goal},
    observed::{Observation, Observed},
};

/// Removes them before anything else is done, and the network that the last one left.
pub(super) fn clear(desired: &Desired, observed: &Observation, decision: Decision) -> Decision {
    let decision = clear_network(desired, observed, decision);
    let mut actions = Vec::new();
    for stray in strays(desired, observed) {
        if stray.state.has_process() {
            actions.extend(ending::stop(desired, stray));
        }
        actions.push(Action::RemoveContainer(stray.id.clone()));
    }
    if actions.is_empty() {
        return decision;
    }
    actions.extend(decision.actions);
    let why = format!("it has more than one container; {}", decision.why);
    Decision { actions, why, settled: false, finished: false, ..decision }
}

/// A controller that died between removing a container and its network has left that one.
fn clear_network(desired: &Desired, observed: &Observation, decision: Decision) -> Decision {
    // Otherwise whoever makes a container, or ends the workspace, thinks of it.
    let is_kept = match desired.goal {
        Goal::Running | Goal::Paused => matches!(observed.container, Observed::Present(_)),
        Goal::Stopped => true,
        Goal::Archived | Goal::Gone { .. } => false,
    };
    let Some(removal) = ending::left_network(desired, observed).filter(|_| is_kept) else {
        return decision;
    };
    let why = format!("a network of its own is left; {}", decision.why);
    let actions = [removal].into_iter().chain(decision.actions).collect();
    Decision { actions, why, settled: false, ..decision }
}

/// The container that was set aside for its successor.
pub(super) fn previous<'a>(desired: &Desired, observed: &'a Observation) -> Option<&'a Container> {
    let name = desired.previous_name();
    observed.others.iter().find(|other| other.config.name == name)
}

fn strays<'a>(
    desired: &'a Desired,
    observed: &'a Observation,
) -> impl Iterator<Item = &'a Container> {
    let is_kept = match desired.goal {
        Goal::Running | Goal::Paused => true,
        Goal::Stopped => matches!(observed.container, Observed::Absent),
        Goal::Archived | Goal::Gone { .. } => false,
    };
    let kept = previous(desired, observed).filter(|_| is_kept).map(|previous| &previous.id);
    observed.others.iter().filter(move |other| Some(&other.id) != kept)
}
