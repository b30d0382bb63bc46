//! The global rate limit: at most so many starts a second, with some in one go.
//!
//! The generic cell rate algorithm: one moment is all its state. It is full again after a pause.

use std::time::Duration;

use super::moment::{LONGEST, Moment};

/// A rate of starts, over all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    interval: Duration,
    burst: u32,
}

impl RateLimit {
    /// One start in each interval on average, and up to `burst` (at least one) in one go after a
    /// pause.
    pub fn every(interval: Duration, burst: u32) -> Self {
        Self { interval: interval.min(LONGEST), burst: burst.max(1) }
    }

    /// So many starts a second on average (at least one), and up to `burst` in one go.
    pub fn per_second(starts: u32, burst: u32) -> Self {
        Self::every(Duration::from_secs(1) / starts.max(1), burst)
    }
}

/// What has been used of a rate.
#[derive(Default)]
pub(super) struct Pace {
    /// When everything that was started would have been, at exactly the rate.
    paid_until: Option<Moment>,
}

impl Pace {
    /// The first moment at which one more may start; `None` if that is any.
    pub(super) fn opens_at(&self, limit: Option<RateLimit>) -> Option<Moment> {
        let RateLimit { interval, burst } = limit?;
        Some(self.paid_until?.before(interval.saturating_mul(burst - 1)))
    }

    /// Counts a start.
    pub(super) fn pay(&mut self, limit: Option<RateLimit>, now: Moment) {
        let Some(RateLimit { interval, .. }) = limit else { return };
        let from = self.paid_until.map_or(now, |paid| paid.max(now));
        self.paid_until = Some(from.after(interval));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(pace: &mut Pace, limit: Option<RateLimit>, from: Moment, count: usize) -> Vec<u128> {
        let mut start = |now: &mut Moment| {
            *now = pace.opens_at(limit).map_or(*now, |at| at.max(*now));
            pace.pay(limit, *now);
            Some(now.since(from).as_millis())
        };
        let mut now = from;
        std::iter::from_fn(|| start(&mut now)).take(count).collect()
    }

    #[test]
    fn a_burst_starts_at_once_and_the_rest_at_the_rate() {
        let begin = Moment::default();
        let (limit, mut pace) = (Some(RateLimit::per_second(10, 3)), Pace::default());
        assert_eq!(starts(&mut pace, limit, begin, 6), [0, 0, 0, 100, 200, 300]);
        let later = begin.after(Duration::from_mins(1));
        assert_eq!(starts(&mut pace, limit, later, 4), [0, 0, 0, 100], "full again after a pause");
    }

    #[test]
    fn a_rate_of_once_in_forever_is_a_limit_all_the_same() {
        let mut pace = Pace::default();
        let limit = Some(RateLimit::every(Duration::MAX, 2));
        let year = Duration::from_hours(24 * 365).as_millis();
        let starts = starts(&mut pace, limit, Moment::default(), 3);
        assert_eq!(starts[..2], [0, 0]);
        assert!(starts[2] > 20 * year);
    }

    #[test]
    fn without_a_limit_it_is_always_open() {
        let mut pace = Pace::default();
        assert_eq!(starts(&mut pace, None, Moment::default(), 100), [0; 100]);
        assert_eq!(pace.opens_at(None), None);
    }
}
