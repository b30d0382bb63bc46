//! Exponential backoff: each wait doubles, up to a cap. No jitter here: the domain has no randomness.

use std::time::Duration;

/// A rule for growing waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub base: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Backoff {
    /// The wait after `failures` earlier ones: `base`, `2 × base`, `4 × base`, … up to `max`.
    pub fn delay(&self, failures: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failures.min(31));
        self.base.saturating_mul(factor).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_wait_doubles_up_to_the_cap() {
        let backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(5) };
        let waits: Vec<_> = (0..5).map(|n| backoff.delay(n).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
    }

    proptest! {
        #[test]
        fn a_wait_never_shrinks_and_never_passes_the_cap(
            base in 1_u64..100_000, max in 1_u64..10_000_000, n in 0_u32..1_000_000,
        ) {
            let backoff =
                Backoff { base: Duration::from_millis(base), max: Duration::from_millis(max) };
            prop_assert!(backoff.delay(n) <= backoff.delay(n + 1));
            prop_assert!(backoff.delay(n) <= backoff.max);
        }
    }
}
