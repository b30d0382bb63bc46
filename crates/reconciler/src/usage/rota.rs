//! Who is read when: seats over the slots of one interval, as evenly as can be.
//!
//! Invariant: no slot holds two seats more than another when nobody has left; those who leave make no one
//! move. So a thousand workspaces that start at once are not read at once ten seconds later.

use std::time::Duration;
use trueup_domain::id::WorkspaceId;

/// How many slots an interval has at most.
const MOST_SLOTS: u32 = 64;
/// Turns are at least so far apart. To be woken costs more than to read, so a short interval is not cut
/// into 64 slices.
const APART: Duration = Duration::from_millis(100);

/// Seats by slot.
#[derive(Debug)]
pub(super) struct Rota {
    /// A power of two.
    slots: Vec<Vec<WorkspaceId>>,
    turn: usize,
}

impl Rota {
    pub(super) fn new(interval: Duration) -> Self {
        let fit = u32::try_from(interval.as_millis() / APART.as_millis()).unwrap_or(u32::MAX);
        let slots = 1 << fit.clamp(1, MOST_SLOTS).ilog2();
        Self { slots: (0..slots).map(|_| Vec::new()).collect(), turn: 0 }
    }

    /// How long one turn is.
    pub(super) fn pace(&self, interval: Duration) -> Duration {
        let turns = u32::try_from(self.slots.len()).unwrap_or(MOST_SLOTS);
        (interval / turns).max(Duration::from_millis(1))
    }

    /// Takes a seat in; the answer is its slot.
    pub(super) fn join(&mut self, id: WorkspaceId) -> usize {
        // Bits reversed, so that two seats are half an interval apart, and four a quarter.
        let bits = self.slots.len().ilog2();
        let mirrored =
            |slot: usize| slot.reverse_bits().checked_shr(usize::BITS - bits).unwrap_or(0);
        let indices = (0..self.slots.len()).map(mirrored);
        let slot = indices.min_by_key(|slot| self.slots[*slot].len()).unwrap_or(0);
        self.slots[slot].push(id);
        slot
    }

    /// Lets a seat go.
    pub(super) fn leave(&mut self, id: WorkspaceId, slot: usize) {
        let Some(seats) = self.slots.get_mut(slot) else { return };
        if let Some(at) = seats.iter().position(|seat| *seat == id) {
            seats.swap_remove(at);
        }
    }

    /// The seats whose turn is next.
    pub(super) fn turn(&mut self) -> &[WorkspaceId] {
        let slot = self.turn;
        self.turn = (slot + 1) % self.slots.len();
        &self.slots[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> WorkspaceId {
        format!("{number:032x}").parse().unwrap()
    }

    fn rota() -> Rota {
        Rota::new(Duration::from_secs(10))
    }

    #[test]
    fn turns_are_a_power_of_two_and_not_close_to_each_other() {
        let pace = |ms| {
            let interval = Duration::from_millis(ms);
            Rota::new(interval).pace(interval).as_micros()
        };
        let found = [1, 100, 199, 1_000, 5_000, 10_000, 86_400_000].map(pace);
        assert_eq!(found, [1_000, 100_000, 199_000, 125_000, 156_250, 156_250, 1_350_000_000]);
        let mut one = Rota::new(Duration::from_millis(1));
        assert_eq!((one.join(id(1)), one.join(id(2)), one.turn().len()), (0, 0, 2));
    }

    #[test]
    fn seats_are_spread_evenly() {
        let mut rota = rota();
        for number in 0..1000 {
            rota.join(id(number));
        }
        let counts: Vec<_> = (0..64).map(|_| rota.turn().len()).collect();
        assert!(counts.iter().all(|count| [15, 16].contains(count)), "{counts:?}");
    }

    #[test]
    fn two_seats_are_half_an_interval_apart_and_four_a_quarter() {
        let mut rota = rota();
        let mut slots: Vec<_> = (0..4).map(|number| rota.join(id(number))).collect();
        slots.sort_unstable();
        assert_eq!(slots, [0, 16, 32, 48]);
    }

    #[test]
    fn a_seat_that_was_left_is_the_next_one_taken() {
        let mut rota = rota();
        let slots: Vec<_> = (0..64).map(|number| rota.join(id(number))).collect();
        rota.leave(id(7), slots[7]);
        assert_eq!(rota.join(id(64)), slots[7]);
        let all: usize = (0..64).map(|_| rota.turn().len()).sum();
        assert_eq!(all, 64);
    }
}
