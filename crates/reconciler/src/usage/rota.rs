//! Who is read when: seats over the slots of one interval, as evenly as can be, and slots gathered into
//! turns.
//!
//! Invariant: no slot holds two seats more than another when nobody has left; those who leave make no one
//! move. So a thousand workspaces that start at once are not read at once ten seconds later.
//!
//! To be woken costs as much as several readings. So few seats are read together, and many in turns of
//! some forty, which take a millisecond or two.

use std::time::Duration;
use trueup_domain::id::WorkspaceId;

/// How many slots an interval has; a power of two.
const SLOTS: usize = 64;
/// Slots are gathered while a turn has fewer seats than that, as a rule.
const GATHERED: usize = 32;

/// Seats by slot.
#[derive(Debug)]
pub(super) struct Rota {
    slots: Vec<Vec<WorkspaceId>>,
    seats: usize,
    next: usize,
    slot_length: Duration,
}

impl Rota {
    pub(super) fn new(interval: Duration) -> Self {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        let slot_length = (interval / 64).max(Duration::from_millis(1));
        Self { slots, seats: 0, next: 0, slot_length }
    }

    /// Takes a seat in; the answer is its slot.
    pub(super) fn join(&mut self, id: WorkspaceId) -> usize {
        // Bits reversed, so that two seats are half an interval apart, and four a quarter.
        let mirrored = |slot: usize| slot.reverse_bits() >> (usize::BITS - SLOTS.ilog2());
        let indices = (0..SLOTS).map(mirrored);
        let slot = indices.min_by_key(|slot| self.slots[*slot].len()).unwrap_or(0);
        self.slots[slot].push(id);
        self.seats += 1;
        slot
    }

    /// Lets a seat go.
    pub(super) fn leave(&mut self, id: WorkspaceId, slot: usize) {
        let Some(seats) = self.slots.get_mut(slot) else { return };
        if let Some(at) = seats.iter().position(|seat| *seat == id) {
            seats.swap_remove(at);
            self.seats -= 1;
        }
    }

    /// The seats whose turn is now, and how long it is until the next turn.
    pub(super) fn turn(&mut self) -> (impl Iterator<Item = WorkspaceId>, Duration) {
        let begin = self.next;
        let together = self.together();
        // Turns begin at the same slots in every round, also after their number has changed.
        let end = (begin / together + 1) * together;
        self.next = end % SLOTS;
        let slots = &self.slots[begin..end];
        let wait = self.slot_length * u32::try_from(slots.len()).unwrap_or(1);
        (slots.iter().flatten().copied(), wait)
    }

    /// How many slots make a turn now; a power of two.
    fn together(&self) -> usize {
        let turns = (self.seats / GATHERED).clamp(1, SLOTS);
        SLOTS >> turns.ilog2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn id(number: usize) -> WorkspaceId {
        format!("{number:032x}").parse().unwrap()
    }

    fn rota(seats: usize) -> Rota {
        let mut rota = Rota::new(INTERVAL);
        for number in 0..seats {
            rota.join(id(number));
        }
        rota
    }

    /// How many seats each turn of a whole interval has.
    fn round(rota: &mut Rota) -> Vec<usize> {
        let (mut counts, mut time) = (Vec::new(), Duration::ZERO);
        while time < INTERVAL {
            let (seats, wait) = rota.turn();
            counts.push(seats.count());
            time += wait;
        }
        assert_eq!(time, INTERVAL);
        counts
    }

    #[test]
    fn few_are_read_together_and_many_in_even_turns() {
        assert_eq!(round(&mut rota(0)), [0]);
        assert_eq!(round(&mut rota(63)), [63]);
        assert_eq!(round(&mut rota(64)), [32, 32]);
        assert_eq!(round(&mut rota(100)), [50, 50]);
        for (seats, turns) in [(255, 4), (1_000, 16), (2_048, 64), (10_000, 64)] {
            let counts = round(&mut rota(seats));
            let even = seats / turns;
            assert_eq!((counts.len(), counts.iter().sum()), (turns, seats));
            assert!(counts.iter().all(|count| count.abs_diff(even) <= 64 / turns), "{counts:?}");
        }
    }

    #[test]
    fn whoever_comes_and_goes_everybody_is_read_once_in_an_interval() {
        let mut rng = fastrand::Rng::with_seed(9);
        let mut rota = rota(90);
        for number in 90..600 {
            // In the middle of a round, where another number of turns may begin.
            for _ in 0..rng.usize(..5) {
                let _ = rota.turn();
            }
            let slot = rota.join(id(number));
            let (mut time, mut read) = (Duration::ZERO, Vec::new());
            while time < INTERVAL {
                let (seats, wait) = rota.turn();
                read.extend(seats.filter(|seat| *seat == id(number)));
                time += wait;
            }
            assert!(!read.is_empty() && read.len() <= 2, "{read:?} in {time:?}");
            if rng.bool() {
                rota.leave(id(number), slot);
            }
        }
        let read: usize = round(&mut rota).iter().sum();
        assert_eq!(read, rota.seats);
    }

    #[test]
    fn two_seats_are_half_an_interval_apart_and_four_a_quarter() {
        let mut rota = rota(0);
        let mut slots: Vec<_> = (0..4).map(|number| rota.join(id(number))).collect();
        slots.sort_unstable();
        assert_eq!(slots, [0, 16, 32, 48]);
    }

    #[test]
    fn a_seat_that_was_left_is_the_next_one_taken() {
        let mut rota = rota(0);
        let slots: Vec<_> = (0..64).map(|number| rota.join(id(number))).collect();
        rota.leave(id(7), slots[7]);
        assert_eq!(rota.join(id(64)), slots[7]);
        assert_eq!(round(&mut rota).iter().sum::<usize>(), 64);
    }
}
