//! Whether the time of day can be trusted to tell what is old.
//!
//! A clock that is wrong for a while, as that of a small board is until it has reached a time server,
//! would make the whole history look too old, or not there yet. So nothing is removed before the clock
//! has gone as evenly as the one that never jumps, for some minutes.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// The two clocks may come apart by so much between two looks, as clocks are corrected.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// Looks at the time of day again and again.
#[derive(Debug)]
pub(super) struct Steadiness {
    after: Duration,
    last: Option<(Timestamp, Instant)>,
    since: Instant,
    has_jumped: bool,
}

impl Steadiness {
    pub(super) const fn new(after: Duration, at: Instant) -> Self {
        Self { after, last: None, since: at, has_jumped: false }
    }

    /// Takes the time of day at a moment. Whether it has gone evenly for long enough.
    pub(super) fn look(&mut self, now: Timestamp, at: Instant) -> bool {
        self.has_jumped = false;
        if let Some((last, last_at)) = self.last.replace((now, at)) {
            let passed = SignedDuration::try_from(at.duration_since(last_at));
            let apart = now.duration_since(last) - passed.unwrap_or(SignedDuration::MAX);
            self.has_jumped = apart.abs() > SLACK;
            if self.has_jumped {
                self.since = at;
            }
        }
        at.duration_since(self.since) >= self.after
    }

    /// Whether it had jumped at the last look.
    pub(super) const fn has_jumped(&self) -> bool {
        self.has_jumped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    const AFTER: Duration = Duration::from_mins(10);

    /// What is said when the time of day and the time that has passed are these, in seconds.
    fn looks(times: &[(i64, u64)]) -> Vec<bool> {
        let start = Instant::now();
        let mut steadiness = Steadiness::new(AFTER, start);
        times
            .iter()
            .map(|(now, passed)| {
                let now = Timestamp::UNIX_EPOCH + now.seconds();
                steadiness.look(now, start + Duration::from_secs(*passed))
            })
            .collect()
    }

    #[test]
    fn a_clock_is_trusted_after_a_while() {
        assert_eq!(looks(&[(1000, 0), (1300, 300), (1600, 600)]), [false, false, true]);
    }

    #[test]
    fn a_clock_that_jumped_has_to_prove_itself_again() {
        let forth = [(1000, 0), (1600, 600), (90_000, 601), (90_599, 1200), (90_600, 1201)];
        assert_eq!(looks(&forth), [false, true, false, false, true]);
        let back = [(9000, 0), (9600, 600), (100, 601), (699, 1200), (700, 1201)];
        assert_eq!(looks(&back), [false, true, false, false, true]);
    }

    #[test]
    fn looks_may_be_far_apart_and_clocks_may_be_corrected() {
        assert_eq!(looks(&[(0, 0), (86_400, 86_400), (172_830, 172_800)]), [false, true, true]);
    }
}
