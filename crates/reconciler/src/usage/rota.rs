//! Who is read when: seats over the slots of one interval, as evenly as can be.
//!
//! Invariant: no slot holds two seats more than another when nobody has left; those who leave make no one
//! move. So a thousand workspaces that start at once are not read at once ten seconds later.

use trueup_domain::id::WorkspaceId;

/// How many slots an interval has.
pub(super) const SLOTS: u32 = 64;

/// Seats by slot.
#[derive(Debug)]
pub(super) struct Rota {
    slots: Vec<Vec<WorkspaceId>>,
    turn: u32,
}

impl Rota {
    pub(super) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), turn: 0 }
    }

    /// Takes a seat in; the answer is its slot.
    pub(super) fn join(&mut self, id: WorkspaceId) -> usize {
        // Bits reversed, so that two seats are half an interval apart, and four a quarter.
        let mirrored = |turn: u32| turn.reverse_bits() >> (u32::BITS - SLOTS.ilog2());
        let indices = (0..SLOTS).map(|turn| mirrored(turn) as usize);
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
        let slot = self.turn as usize;
        self.turn = (self.turn + 1) % SLOTS;
        &self.slots[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> WorkspaceId {
        format!("{number:032x}").parse().unwrap()
    }

    #[test]
    fn seats_are_spread_evenly() {
        let mut rota = Rota::new();
        for number in 0..1000 {
            rota.join(id(number));
        }
        let counts: Vec<_> = (0..SLOTS).map(|_| rota.turn().len()).collect();
        assert!(counts.iter().all(|count| [15, 16].contains(count)), "{counts:?}");
    }

    #[test]
    fn two_seats_are_half_an_interval_apart_and_four_a_quarter() {
        let mut rota = Rota::new();
        let mut slots: Vec<_> = (0..4).map(|number| rota.join(id(number))).collect();
        slots.sort_unstable();
        assert_eq!(slots, [0, 16, 32, 48]);
    }

    #[test]
    fn a_seat_that_was_left_is_the_next_one_taken() {
        let mut rota = Rota::new();
        let slots: Vec<_> = (0..64).map(|number| rota.join(id(number))).collect();
        rota.leave(id(7), slots[7]);
        assert_eq!(rota.join(id(64)), slots[7]);
        let all: usize = (0..SLOTS).map(|_| rota.turn().len()).sum();
        assert_eq!(all, 64);
    }
}
