//! The simulation as a test: some hundred seeds, the regressions among them, and proof that it can fail.
//!
//! `cargo xtask sim` plays many more.

use rstest::rstest;
use std::time::Duration;
use trueup_simulation::{Bug, Course, play};

const WORKSPACES: usize = 3;
const LENGTH: Duration = Duration::from_mins(4);

/// Where the simulation once found something. What it was is in the names of the tests of the plan and
/// of the passes that came of it.
const REGRESSIONS: [u64; 19] =
    [11, 17, 41, 53, 73, 92, 99, 113, 114, 138, 150, 164, 174, 176, 182, 814, 1346, 5212, 9009];

fn holds(seed: u64) {
    match play(&Course::draw(seed, WORKSPACES, LENGTH), None).map(|played| played.finding) {
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
    REGRESSIONS.iter().skip(part).step_by(4).copied().for_each(holds);
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

/// With the seed at which each is noticed first, so that this takes no longer than it must.
#[rstest]
fn a_known_mistake_is_noticed(#[values(0, 1, 2, 3)] part: usize) {
    for bug in Bug::ALL.into_iter().skip(part).step_by(4) {
        let is_noticed = |seed| {
            let course = Course::draw(seed, WORKSPACES, LENGTH);
            play(&course, Some(bug)).unwrap().finding.is_some()
        };
        let first = noticed_at(bug);
        assert!(
            is_noticed(first) || (0..1_000).any(is_noticed),
            "{bug} is not noticed within 1,000 seeds"
        );
    }
}

fn noticed_at(bug: Bug) -> u64 {
    match bug {
        Bug::ForgetConflict | Bug::TakeStrangers => 57,
        Bug::NoRetries => 33,
        Bug::HealStops => 13,
        Bug::IgnoreGeneration => 11,
        Bug::UnknownIsAbsent | Bug::ForgetFailures => 2,
        Bug::TrustList | Bug::DropEventsOnReconnect | Bug::NoWakeUps => 1,
        _ => 0,
    }
}

/// A step that cannot be drawn would be lost without a word.
#[test]
fn every_declaration_that_is_drawn_is_one() {
    for seed in 0..200 {
        let course = Course::draw(seed, WORKSPACES, LENGTH);
        let first = course
            .steps
            .iter()
            .filter(|step| matches!(step.deed, trueup_simulation::Deed::Declare { .. }));
        assert!(first.count() >= WORKSPACES, "seed {seed}");
    }
}
