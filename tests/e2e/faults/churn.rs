//! Users who never rest: a seeded stream of declarations, changes, stops, starts and deletions.
//!
//! The seed decides what is asked and when; what dies in between is up to the machine.

use super::fleet::Fleet;
use super::request::Request;
use crate::scene::{Scene, key};
use std::time::Duration;
use trueup_api::domain::spec::DesiredState::{Archived, Paused, Running, Stopped};
use trueup_api::wire::Verb;

/// A small generator of numbers (SplitMix64): equal seeds give equal numbers.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from `range`.
    pub(super) fn roll(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        range.start + (mixed ^ (mixed >> 31)) % (range.end - range.start)
    }

    /// A time from a range of milliseconds.
    pub(super) fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.roll(range))
    }
}

/// What a user asks for next of one of so many workspaces; it is noted as wanted.
pub(super) async fn next(fleet: &mut Fleet, scene: &Scene, dice: &mut Dice, size: u64) -> Request {
    let (name, state) = loop {
        let name = format!("w{:02}", dice.roll(0..size));
        if let Some(state) = fleet.state(&name) {
            break (name, state);
        }
        // A name is free only once its last bearer is gone, which may take its time.
        if let Ok(None) = scene.client.find(&key(&name)).await {
            let spec = fleet.note(&name, Running);
            return Request::Declare { name, spec };
        }
    };
    let choice = dice.roll(0..100);
    let verb = match (choice, state) {
        (0..35, state) => {
            let spec = fleet.note(&name, state);
            return Request::Declare { name, spec };
        }
        (35..50, Running | Paused) | (65..75, Archived) => Verb::Stop,
        (50..65, Running) => Verb::Pause,
        (35..65, Stopped | Archived) | (65..75, Running | Stopped) => Verb::Start,
        (50..75, Paused) => Verb::Resume,
        (75..85, _) => Verb::Archive,
        _ => return fleet.note_deletion(scene, &name, choice < 94).await,
    };
    fleet.note_verb(&name, verb)
}
