//! The three levels at which history is kept, and where in its table a moment is.
//!
//! Invariant: a period of one level is a slot of the next, so that what lies together is what is added
//! up together. Moments are milliseconds since 1970, also negative ones.

use trueup_domain::usage::Resolution;

/// How one table is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    /// What its rows speak for, in milliseconds.
    pub(super) slot_length: i64,
    /// How many slots make a period.
    slots: i64,
}

/// Where a moment is in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) period: i64,
    pub(super) slot: i64,
}

impl Level {
    pub(super) const RAW: Self = Self { slot_length: 1, slots: 60_000 };
    pub(super) const MINUTES: Self = Self { slot_length: 60_000, slots: 15 };
    pub(super) const QUARTERS: Self = Self { slot_length: 900_000, slots: 16 };

    pub(super) const fn of(resolution: Resolution) -> Self {
        match resolution {
            Resolution::Raw => Self::RAW,
            Resolution::Minute => Self::MINUTES,
            Resolution::Quarter => Self::QUARTERS,
        }
    }

    /// The length of a period, in milliseconds.
    pub(super) const fn period_length(self) -> i64 {
        self.slot_length * self.slots
    }

    /// The period in which a moment is.
    pub(super) const fn period(self, ms: i64) -> i64 {
        ms.div_euclid(self.period_length())
    }

    /// The row to which a moment belongs.
    pub(super) const fn cell(self, ms: i64) -> Cell {
        let slot = ms.rem_euclid(self.period_length()) / self.slot_length;
        Cell { period: self.period(ms), slot }
    }

    /// The row of this level into which a period of the next finer one is added up.
    pub(super) const fn cell_of_finer(self, period: i64) -> Cell {
        Cell { period: period.div_euclid(self.slots), slot: period.rem_euclid(self.slots) }
    }

    /// When a row begins.
    pub(super) const fn begin(self, cell: Cell) -> i64 {
        cell.period
            .saturating_mul(self.period_length())
            .saturating_add(cell.slot * self.slot_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_are_the_steps_of_the_domain() {
        for resolution in Resolution::ALL {
            let step = i64::try_from(resolution.step().as_millis()).unwrap();
            assert_eq!(Level::of(resolution).slot_length, step.max(1));
        }
    }

    #[test]
    fn a_period_is_a_slot_of_the_next_level() {
        for (finer, coarser) in [(Level::RAW, Level::MINUTES), (Level::MINUTES, Level::QUARTERS)] {
            assert_eq!(finer.period_length(), coarser.slot_length);
            for ms in [-900_001, -1, 0, 59_999, 60_000, 1_700_000_000_123] {
                assert_eq!(coarser.cell_of_finer(finer.period(ms)), coarser.cell(ms));
            }
        }
    }

    #[test]
    fn a_row_begins_at_or_before_its_moments_also_before_1970() {
        for level in [Level::RAW, Level::MINUTES, Level::QUARTERS] {
            for ms in [-14_400_001, -1, 0, 1, 899_999, 1_700_000_000_123] {
                let begin = level.begin(level.cell(ms));
                assert!((0..level.slot_length).contains(&(ms - begin)), "{level:?} {ms}");
            }
        }
    }
}
