//! How long to wait after a failure: exponential, capped, with full jitter.
//!
//! The *ceiling* doubles with each step up to the cap, and the delay is drawn evenly from zero to
//! the ceiling, so that keys which failed together do not return together. The randomness is the
//! caller's generator; there is none of its own here, and no clock. How many steps a key has
//! taken is the queue's business.

use std::time::Duration;

use fastrand::Rng;

/// A retry policy: which delay follows which failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// Delays of at most `base` after the first failure, of at most twice as much after each
    /// further one, and never more than `cap`. A cap below the base counts as the base.
    pub fn exponential(base: Duration, cap: Duration) -> Self {
        Self { base, cap: cap.max(base) }
    }

    /// The longest delay at this step, which is 0 for the first failure.
    pub fn ceiling(&self, step: u32) -> Duration {
        let doubled = 2_u32.checked_pow(step).and_then(|factor| self.base.checked_mul(factor));
        doubled.unwrap_or(self.cap).min(self.cap)
    }

    /// Draws the delay for this step: evenly from zero to the ceiling, both included.
    pub fn delay(&self, step: u32, rng: &mut Rng) -> Duration {
        let ceiling = u64::try_from(self.ceiling(step).as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(rng.u64(0..=ceiling))
    }
}

impl Default for Backoff {
    /// From one second to five minutes.
    fn default() -> Self {
        Self::exponential(Duration::from_secs(1), Duration::from_mins(5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_until_the_cap_and_never_overflows() {
        let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(10));
        let ceilings: Vec<u64> =
            [0, 1, 2, 3, 4, 31, 32, u32::MAX].map(|step| backoff.ceiling(step).as_secs()).into();
        assert_eq!(ceilings, [1, 2, 4, 8, 10, 10, 10, 10]);
    }

    #[test]
    fn a_cap_below_the_base_counts_as_the_base() {
        let backoff = Backoff::exponential(Duration::from_secs(5), Duration::from_secs(1));
        assert_eq!(backoff.ceiling(0), Duration::from_secs(5));
        assert_eq!(backoff.ceiling(9), Duration::from_secs(5));
    }

    #[test]
    fn delays_fill_the_range_below_the_ceiling_and_repeat_with_the_seed() {
        let backoff = Backoff::exponential(Duration::from_secs(8), Duration::from_secs(8));
        let draw = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..400).map(|_| backoff.delay(3, &mut rng)).collect::<Vec<_>>()
        };
        let delays = draw(7);
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(8)));
        assert!(delays.iter().any(|delay| *delay < Duration::from_secs(1)), "low end unused");
        assert!(delays.iter().any(|delay| *delay > Duration::from_secs(7)), "high end unused");
        assert_eq!(delays, draw(7));
        assert_ne!(delays, draw(8));
    }
}
