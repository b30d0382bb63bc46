//! A command that ended while it should run: start it again, wait, rest, or give up.
//!
//! The first end is answered at once; from the second in a row on the wait doubles. Ends are known
//! apart by their time, so that none is counted twice, however often a pass looks.

use super::recovery;
use crate::{
    backoff::Backoff, container::Container, desired::Desired, spec::RecoveryPolicy,
    status::RecoveryStatus,
};
use jiff::{SignedDuration, Timestamp};

/// What to do about an ended command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Start it now.
    Start,
    /// Start it then.
    Wait(Timestamp),
    /// Leave it: the recovery policy says so.
    Rest,
    /// Leave it: it ended too often.
    GiveUp,
}

/// Judges an end, and counts it when it is a new one.
pub(super) fn judge(
    desired: &Desired,
    container: &Container,
    now: Timestamp,
) -> (Verdict, RecoveryStatus) {
    let known = recovery(desired, Some(container));
    let rules = &desired.workspace.spec.recovery;
    let is_new = container.finished_at.is_some() && known.counted != container.finished_at;
    if is_new && rests(rules.policy, container) {
        return (Verdict::Rest, known);
    }
    let counted = if is_new {
        let was_stable = runtime(container) >= rules.stable_after.duration();
        let crashes = if was_stable { 1 } else { known.crashes.saturating_add(1) };
        let gives_up = rules.give_up_after > 0 && crashes >= rules.give_up_after;
        RecoveryStatus {
            restarts: known.restarts + u64::from(!gives_up),
            crashes,
            counted: container.finished_at,
            counted_at: Some(now),
            ..known
        }
    } else {
        known
    };
    if rules.give_up_after > 0 && counted.crashes >= rules.give_up_after {
        return (Verdict::GiveUp, counted);
    }
    let backoff =
        Backoff { base: rules.backoff_base.duration(), max: rules.backoff_max.duration() };
    // The first end in a row is answered at once, so the exponent counts from the second.
    let delay = match counted.crashes {
        0 | 1 => std::time::Duration::ZERO,
        crashes => backoff.delay(crashes - 2),
    };
    // By our own clock: the engine's, which stamped the end, may be another.
    let due = counted
        .counted_at
        .filter(|at| *at <= now)
        .and_then(|at| at.saturating_add(SignedDuration::try_from(delay).ok()?).ok())
        .unwrap_or(now);
    if due > now { (Verdict::Wait(due), counted) } else { (Verdict::Start, counted) }
}

/// The counters of a command that runs, and when it will count as stable if it does not yet.
pub(super) fn settle(
    desired: &Desired,
    container: &Container,
    now: Timestamp,
) -> (RecoveryStatus, Option<Timestamp>) {
    let known = recovery(desired, Some(container));
    if known.crashes == 0 {
        return (known, None);
    }
    match stable_at(desired, container) {
        Some(at) if at > now => (known, Some(at)),
        _ => (RecoveryStatus { crashes: 0, ..known }, None),
    }
}

/// When a command that runs will have run for long enough to count as stable.
pub(super) fn stable_at(desired: &Desired, container: &Container) -> Option<Timestamp> {
    let stable_after = desired.workspace.spec.recovery.stable_after.duration();
    container.started_at?.saturating_add(SignedDuration::try_from(stable_after).ok()?).ok()
}

fn rests(policy: RecoveryPolicy, container: &Container) -> bool {
    match policy {
        RecoveryPolicy::Always => false,
        RecoveryPolicy::OnFailure => container.exit_code == Some(0),
        RecoveryPolicy::Never => true,
    }
}

fn runtime(container: &Container) -> std::time::Duration {
    match (container.started_at, container.finished_at) {
        (Some(start), Some(end)) => end.duration_since(start).try_into().unwrap_or_default(),
        _ => std::time::Duration::ZERO,
    }
}
