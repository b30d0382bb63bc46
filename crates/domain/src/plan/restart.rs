//! A command that ended while it should run, or whose health check fails: start it again, wait, rest,
//! or give up.
//!
//! The first end is answered at once; from the second in a row on the wait doubles. Ends are known
//! apart by their time, so that none is counted twice, however often a pass looks.

use super::recovery;
use crate::{
    backoff::Backoff, container::Container, desired::Desired, spec::RecoveryPolicy,
    status::RecoveryStatus,
};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

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
    // A run that was ended for its health was counted before it ended.
    let was_condemned = known.condemned.is_some() && known.condemned == container.started_at;
    let is_new =
        container.finished_at.is_some() && known.counted != container.finished_at && !was_condemned;
    if is_new && rests(rules.policy, container) {
        return (Verdict::Rest, known);
    }
    let counted = if is_new {
        let counted = container.finished_at;
        RecoveryStatus {
            counted,
            condemned: None,
            ..count(desired, known, runtime(container), now)
        }
    } else {
        known
    };
    (verdict(desired, counted, now), counted)
}

/// Judges a run whose health check fails, and counts it as if it had ended when it is a new one.
pub(super) fn condemn(
    desired: &Desired,
    container: &Container,
    now: Timestamp,
) -> (Verdict, RecoveryStatus) {
    let known = recovery(desired, Some(container));
    let is_new = known.condemned.is_none() || known.condemned != container.started_at;
    let counted = if is_new {
        let seen_at = desired.workspace.status.seen_at(container, now);
        let ran_for = Duration::try_from(now.duration_since(seen_at)).unwrap_or_default();
        let condemned = container.started_at;
        RecoveryStatus { condemned, ..count(desired, known, ran_for, now) }
    } else {
        known
    };
    (verdict(desired, counted, now), counted)
}

/// The counters with one more end.
fn count(
    desired: &Desired,
    known: RecoveryStatus,
    ran_for: Duration,
    now: Timestamp,
) -> RecoveryStatus {
    let rules = &desired.workspace.spec.recovery;
    let was_stable = ran_for >= rules.stable_after.duration();
    let crashes = if was_stable { 1 } else { known.crashes.saturating_add(1) };
    let gives_up = rules.give_up_after > 0 && crashes >= rules.give_up_after;
    RecoveryStatus {
        restarts: known.restarts + u64::from(!gives_up),
        crashes,
        counted_at: Some(now),
        ..known
    }
}

fn verdict(desired: &Desired, counted: RecoveryStatus, now: Timestamp) -> Verdict {
    let rules = &desired.workspace.spec.recovery;
    if rules.give_up_after > 0 && counted.crashes >= rules.give_up_after {
        return Verdict::GiveUp;
    }
    let backoff =
        Backoff { base: rules.backoff_base.duration(), max: rules.backoff_max.duration() };
    // The first end in a row is answered at once, so the exponent counts from the second.
    let delay = match counted.crashes {
        0 | 1 => Duration::ZERO,
        crashes => backoff.delay(crashes - 2),
    };
    // By our own clock: the engine's, which stamped the end, may be another.
    let due = counted
        .counted_at
        .filter(|at| *at <= now)
        .and_then(|at| at.saturating_add(SignedDuration::try_from(delay).ok()?).ok())
        .unwrap_or(now);
    if due > now { Verdict::Wait(due) } else { Verdict::Start }
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
    match stable_at(desired, container, now) {
        Some(at) if at > now => (known, Some(at)),
        _ => (RecoveryStatus { crashes: 0, ..known }, None),
    }
}

/// When a command that runs will have run for long enough to count as stable, as far as it was seen.
pub(super) fn stable_at(
    desired: &Desired,
    container: &Container,
    now: Timestamp,
) -> Option<Timestamp> {
    let stable_after = desired.workspace.spec.recovery.stable_after.duration();
    let seen_at = desired.workspace.status.seen_at(container, now);
    seen_at.saturating_add(SignedDuration::try_from(stable_after).ok()?).ok()
}

fn rests(policy: RecoveryPolicy, container: &Container) -> bool {
    match policy {
        RecoveryPolicy::Always => false,
        RecoveryPolicy::OnFailure => container.exit_code == Some(0),
        RecoveryPolicy::Never => true,
    }
}

fn runtime(container: &Container) -> Duration {
    match (container.started_at, container.finished_at) {
        (Some(start), Some(end)) => end.duration_since(start).try_into().unwrap_or_default(),
        _ => Duration::ZERO,
    }
}
