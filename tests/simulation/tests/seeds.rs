//! The simulation as a test: some hundred seeds, the regressions among them, and proof that it can fail.
//!
//! `cargo xtask sim` plays many more.

use rstest::rstest;
use std::time::Duration;
use trueup_simulation::{Bug, Course, Deed, Guise, Meddling, Rule, play};

const WORKSPACES: usize = 3;
const LENGTH: Duration = Duration::from_mins(4);

/// Where the simulation once found something. What it was is in the names of the tests of the plan and
/// of the passes that came of it.
const REGRESSIONS: [u64; 19] =
    [11, 17, 41, 53, 73, 92, 99, 113, 114, 138, 150, 164, 174, 176, 182, 814, 1346, 5212, 9009];

fn holds(seed: u64) {
    holds_for(&Course::draw(seed, WORKSPACES, LENGTH));
}

/// As it was played before copies went by other names than their own, too.
fn held_before(seed: u64) {
    let mut course = Course::draw(seed, WORKSPACES, LENGTH);
    let mut is_other = false;
    for step in &mut course.steps {
        if let Deed::Meddle { act: Meddling::Copy(guise), .. } = &mut step.deed {
            is_other |= std::mem::replace(guise, Guise::Other) != Guise::Other;
        }
    }
    if is_other {
        holds_for(&course);
    }
}

fn holds_for(course: &Course) {
    let seed = course.seed;
    match play(course, None).map(|played| played.finding) {
        Ok(None) => {}
        Ok(Some(finding)) => panic!("{finding}\nreplay: cargo xtask sim --seed {seed} --story"),
        Err(error) => panic!("seed {seed} cannot be played: {error:#}"),
    }
}

#[rstest]
fn every_rule_holds_whatever_goes_wrong(#[values(0, 1, 2, 3, 4, 5, 6, 7)] part: u64) {
    for seed in 0..25 {
        holds(10_000 + 25 * part + seed);
    }
}

#[rstest]
fn what_was_found_once_stays_mended(#[values(0, 1, 2, 3)] part: usize) {
    for seed in REGRESSIONS.into_iter().skip(part).step_by(4) {
        holds(seed);
        held_before(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 7, 42] {
        let course = Course::draw(seed, WORKSPACES, LENGTH);
        let runs = [play(&course, None).unwrap(), play(&course, None).unwrap()];
        assert_eq!(runs[0].digest, runs[1].digest, "seed {seed}");
        assert_eq!(runs[0].story, runs[1].story, "seed {seed}");
    }
}

/// With the seed at which each is noticed first, so that this takes no longer than it must. To be noticed
/// as another rule's breach does not count.
#[rstest]
fn a_known_mistake_is_noticed_as_a_breach_of_its_rule(#[values(0, 1, 2, 3)] part: usize) {
    for bug in Bug::ALL.into_iter().skip(part).step_by(4) {
        let is_noticed = |seed| {
            let course = Course::draw(seed, WORKSPACES, LENGTH);
            let finding = play(&course, Some(bug)).unwrap().finding;
            finding.is_some_and(|finding| finding.rule == bug.rule())
        };
        let first = noticed_at(bug);
        assert!(
            is_noticed(first) || (0..100).any(is_noticed),
            "{bug} is not noticed within 100 seeds as a breach of {}",
            bug.rule()
        );
    }
}

#[test]
fn every_rule_is_broken_by_a_known_mistake() {
    for rule in Rule::ALL {
        assert!(
            Bug::ALL.iter().any(|bug| bug.rule() == rule),
            "nothing shows that {rule} can fail"
        );
    }
}

/// Often enough to be met in the courses that are always played.
#[test]
fn copies_go_by_every_name_that_is_ours() {
    for wanted in [Guise::Other, Guise::Renamed, Guise::Removed, Guise::Previous] {
        let has_it = |seed: &u64| {
            let course = Course::draw(*seed, WORKSPACES, LENGTH);
            course.steps.iter().any(|step| match step.deed {
                Deed::Meddle { act: Meddling::Copy(guise), .. } => guise == wanted,
                _ => false,
            })
        };
        let count = (10_000..10_200).filter(has_it).count();
        assert!(count >= 5, "{wanted:?} is drawn for {count} of them");
    }
}

fn noticed_at(bug: Bug) -> u64 {
    match bug {
        Bug::TakeStrangers => 57,
        Bug::ForgetConflict | Bug::ForgetFailures => 19,
        Bug::IgnoreGeneration => 16,
        Bug::HealStops => 13,
        Bug::LoseVolumes | Bug::TakeCopies => 11,
        Bug::NoRetries => 10,
        Bug::TrustList
        | Bug::UnknownIsAbsent
        | Bug::DropEventsOnReconnect
        | Bug::PolishHistory
        | Bug::SeeNothing => 2,
        Bug::NoWakeUps => 1,
        _ => 0,
    }
}

/// A step that cannot be drawn would be lost without a word.
#[test]
fn every_declaration_that_is_drawn_is_one() {
    for seed in 0..200 {
        let course = Course::draw(seed, WORKSPACES, LENGTH);
        let first = course.steps.iter().filter(|step| matches!(step.deed, Deed::Declare { .. }));
        assert!(first.count() >= WORKSPACES, "seed {seed}");
    }
}
