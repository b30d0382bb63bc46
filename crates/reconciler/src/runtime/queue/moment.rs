//! Instants as plain numbers.
//!
//! Comparing and adding instants is most of what the queue does, and a number does it in one step.
//! The outside sees instants only.

use std::time::Duration;

use tokio::time::Instant;

/// The longest delay: thirty years, which an instant can hold wherever it began.
pub(super) const LONGEST: Duration = Duration::from_hours(24 * 365 * 30);

/// Nanoseconds since the queue was first used. They last for centuries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    /// The moment so much later; delays of more than thirty years count as thirty.
    pub(super) fn after(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(delay).min(nanoseconds(LONGEST))))
    }

    /// The moment so much earlier, or the beginning.
    pub(super) fn before(self, delay: Duration) -> Self {
        Self(self.0.saturating_sub(nanoseconds(delay)))
    }

    /// How long ago another moment was; zero if it is yet to come.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// The beginning of all moments, and the last one that was seen.
#[derive(Default)]
pub(super) struct Timeline {
    begin: Option<Instant>,
    last: Option<(Instant, Moment)>,
}

impl Timeline {
    /// The present moment. Time that runs backwards stands still.
    pub(super) fn pass(&mut self, now: Instant) -> Moment {
        if let Some((last, moment)) = self.last
            && now <= last
        {
            return moment;
        }
        self.begin.get_or_insert(now);
        let moment = self.moment(now);
        self.last = Some((now, moment));
        moment
    }

    /// The moment of an instant.
    pub(super) fn moment(&self, at: Instant) -> Moment {
        let begin = self.begin.unwrap_or(at);
        Moment::default().after(at.saturating_duration_since(begin))
    }

    /// The instant of a moment; there is none before any time has passed.
    pub(super) fn instant(&self, moment: Moment) -> Option<Instant> {
        Some(self.begin? + moment.since(Moment::default()).min(2 * LONGEST))
    }
}

const fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}
