//! What must hold between passes and over the whole: places and their use (Q5, Q7), the shutdown (Q9)
//! and the accounts (Q10, Q11).

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use trueup_reconciler::runtime::Trigger;

use super::course::{Acted, Course, Event};
use super::reference::Pass;
use super::script::{Script, Settings};

/// Timers fire on whole milliseconds.
const TICK: Duration = Duration::from_millis(1);

pub(crate) fn check(script: &Script, course: &Course, passes: &[Pass]) {
    let settings = &script.settings;
    check_places(settings, passes);
    check_rate(settings, passes);
    check_order(settings, passes);
    if settings.rate.is_none() {
        check_no_place_is_left_unused(settings, course, passes);
    }
    check_shutdown(settings, course, passes);
    check_accounts(course);
    check_causes(course);
}

/// Passes under way once all is done that is done at this instant.
fn running(passes: &[Pass], at: Instant) -> impl Iterator<Item = &Pass> {
    passes.iter().filter(move |pass| pass.started <= at && at < pass.ended)
}

/// Q7, and the same for each owner.
fn check_places(settings: &Settings, passes: &[Pass]) {
    for pass in passes {
        let beside: Vec<_> = running(passes, pass.started).collect();
        assert!(beside.len() <= settings.concurrency, "too many at once: {beside:?}");
        let owner = |pass: &Pass| settings.owner(pass.key);
        let of_owner = beside.iter().filter(|other| owner(other) == owner(pass)).count();
        assert!(of_owner <= settings.concurrency_per_owner, "too many of an owner: {beside:?}");
    }
}

fn check_rate(settings: &Settings, passes: &[Pass]) {
    let Some((interval, burst)) = settings.rate else { return };
    let mut starts: Vec<_> = passes.iter().map(|pass| pass.started).collect();
    starts.sort_unstable();
    for window in starts.windows(burst as usize + 1) {
        let [first, .., last] = window else { continue };
        assert!(*last - *first >= interval, "more than the rate allows");
    }
}

/// Q5, first half: whoever starts has no worse a rank than anybody of the same owner who goes on
/// waiting. A rank only grows better, and is at most three aging intervals from when the key came.
fn check_order(settings: &Settings, passes: &[Pass]) {
    for pass in passes {
        let Some(rank) = rank(pass, |joined| joined <= pass.started) else { continue };
        let waiting = passes.iter().filter(|other| {
            settings.owner(other.key) == settings.owner(pass.key) && other.started > pass.started
        });
        for other in waiting {
            let other_rank = self::rank(other, |joined| joined < pass.started);
            let is_fair = other_rank.is_none_or(|other| other + TICK >= rank);
            assert!(is_fair, "{pass:?} went before {other:?}");
        }
    }
}

/// The rank that a pass had in line, from what had joined it by then; none if nothing had.
fn rank(pass: &Pass, had_joined: impl Fn(Instant) -> bool) -> Option<Instant> {
    let ranks = pass.ranks.iter().filter(|(joined, _)| had_joined(*joined));
    ranks.map(|(_, rank)| *rank).min()
}

/// Q5, second half: who waits does so because all places are taken. With the order, this bounds all
/// waits; and it means that no wake-up is lost (Q4), since there is nothing else to wait for.
fn check_no_place_is_left_unused(settings: &Settings, course: &Course, passes: &[Pass]) {
    let ticks = |at: Instant| {
        let elapsed = (at - course.began).as_nanos().div_ceil(TICK.as_nanos());
        course.began + TICK * u32::try_from(elapsed).unwrap_or(u32::MAX)
    };
    for pass in passes {
        let Some(joined) = pass.ranks.iter().map(|(joined, _)| ticks(*joined)).min() else {
            continue;
        };
        let ends = passes.iter().map(|pass| pass.ended);
        let moments = ends.chain([joined]).filter(|at| (joined..pass.started).contains(at));
        for at in moments {
            let of_owner = |other: &&Pass| settings.owner(other.key) == settings.owner(pass.key);
            let is_full = running(passes, at).count() >= settings.concurrency;
            let busy = running(passes, at).filter(of_owner).count();
            let is_capped = busy >= settings.concurrency_per_owner;
            assert!(is_full || is_capped, "{pass:?} waits although there is room at {at:?}");
        }
    }
}

/// Q9: nothing starts after the shutdown, and the end comes with the last outcome, or at the end of
/// the drain.
fn check_shutdown(settings: &Settings, course: &Course, passes: &[Pass]) {
    let shutdown = course.notes.iter().find_map(|note| match note.event {
        Event::Shutdown { started } => Some((note.at, started)),
        _ => None,
    });
    assert_eq!(course.ended.is_some(), settings.shutdown.is_some());
    let Some((at, started)) = shutdown else { return };
    assert_eq!(course.stats.gets, started, "something started after the shutdown");
    let last = passes.iter().map(|pass| pass.ended).max();
    assert_eq!(course.ended, Some(last.map_or(at, |last| last.max(at))));
}

/// Q8 and Q10.
fn check_accounts(course: &Course) {
    let mut outcomes = 0;
    for note in &course.notes {
        if let Event::Came { outcome, .. } = &note.event {
            let stats = outcome.stats;
            outcomes += 1;
            assert_eq!(stats.adds.checked_sub(stats.gets), Some(stats.queued as u64));
            assert_eq!(stats.gets, outcomes + stats.running as u64);
        }
    }
    let stats = course.stats;
    assert_eq!((stats.gets, stats.running), (outcomes, 0));
    if course.ended.is_none() {
        assert_eq!((stats.adds, stats.queued, stats.waiting), (stats.gets, 0, 0));
        assert_eq!((stats.known, stats.owners), (0, 0), "something is kept for nothing");
    }
}

/// Q11: no cause comes twice, and none is missing that was not omitted or still there at the end.
fn check_causes(course: &Course) {
    let (mut delivered, mut accepted, mut omitted) = (BTreeSet::new(), 0_u64, 0);
    for note in &course.notes {
        match &note.event {
            Event::Acted { act: Acted::Added { .. }, .. } => accepted += 1,
            Event::Came { outcome, .. } => {
                omitted += outcome.told.omitted;
                for cause in &outcome.told.causes {
                    if let Trigger::Caller(number) = cause.trigger {
                        assert!(delivered.insert(number), "cause {number} was handed out twice");
                    }
                }
            }
            _ => {}
        }
    }
    if course.ended.is_none() {
        let missing = accepted - delivered.len() as u64;
        assert!(missing <= omitted, "{missing} causes are missing, and {omitted} were omitted");
    }
    assert!(course.stats.omitted >= omitted);
}
