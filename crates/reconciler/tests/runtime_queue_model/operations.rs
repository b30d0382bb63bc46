//! What may happen to a queue, and how it may be set up.

use std::time::Duration;

use proptest::prelude::*;
use trueup_reconciler::runtime::{
    Backoff, ErrorPolicy, Limits, Next, Policies, Priority, RateLimit,
};

pub(crate) const KEYS: usize = 6;
/// Key `n` belongs to owner `n % OWNERS`.
pub(crate) const OWNERS: usize = 3;

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// With what the caller believes to be the time, so many milliseconds too early.
    Add {
        key: usize,
        priority: Priority,
        stale: u64,
    },
    AddLater {
        key: usize,
        priority: Priority,
        delay: u64,
        stale: u64,
    },
    Start,
    /// Ends the run that is this one modulo how many there are.
    Finish {
        nth: usize,
        verdict: Result<Next, ErrorPolicy>,
    },
    Reset {
        key: usize,
    },
    Restore {
        key: usize,
        failures: u32,
        step: u32,
        delay: u64,
    },
    Advance {
        by: u64,
    },
    Close,
}

/// A queue that has not been used yet.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) limits: Limits,
    pub(crate) policies: Policies,
    /// The rate limit: one start in each interval, and so many in one go.
    pub(crate) rate: Option<(Duration, u32)>,
    pub(crate) has_owners: bool,
}

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let per_owner = prop::sample::select(vec![1, 2, usize::MAX]);
    let interval = (1..40_u64).prop_map(Duration::from_millis);
    let rate = prop_oneof![
        2 => Just(None),
        1 => (interval, 1..4_u32).prop_map(Some),
    ];
    let terminal = prop::option::of((0..80_u64).prop_map(Duration::from_millis));
    (any::<u64>(), 1..4_usize, per_owner, rate, terminal, any::<bool>()).prop_map(
        |(seed, concurrency, concurrency_per_owner, rate, terminal, has_owners)| Settings {
            seed,
            limits: Limits {
                concurrency,
                concurrency_per_owner,
                causes: 3,
                aging: Duration::from_millis(40),
                rate: rate.map(|(interval, burst)| RateLimit::every(interval, burst)),
                ..Limits::default()
            },
            policies: Policies {
                retry: Backoff::exponential(Duration::from_millis(20), Duration::from_millis(100)),
                unknown: Backoff::exponential(
                    Duration::from_millis(70),
                    Duration::from_millis(200),
                ),
                terminal,
            },
            rate,
            has_owners,
        },
    )
}

/// Each step is made of one number: to draw a value for each of its parts takes longer than all
/// the rest of the test.
pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    any::<u64>().prop_map(|number| decode(Digits(number)))
}

fn decode(mut digits: Digits) -> Operation {
    let kind = digits.below(310);
    let key = digits.index(KEYS);
    let priority =
        digits.one_of([Priority::Resync, Priority::Retry, Priority::Event, Priority::User]);
    let delay = digits.below(120);
    let stale = if digits.below(7) == 6 { digits.below(60) } else { 0 };
    match kind {
        0..60 => Operation::Add { key, priority, stale },
        60..90 => Operation::AddLater { key, priority, delay, stale },
        90..170 => Operation::Start,
        170..230 => Operation::Finish { nth: key, verdict: verdict(digits, delay) },
        230..290 => Operation::Advance { by: delay / 2 },
        290..299 => Operation::Reset { key },
        299..309 => {
            let [failures, step] = [(); 2].map(|()| u32::from(digits.one_of([0_u8, 1, 2, 3])));
            Operation::Restore { key, failures, step, delay }
        }
        _ => Operation::Close,
    }
}

fn verdict(mut digits: Digits, delay: u64) -> Result<Next, ErrorPolicy> {
    let delay = Duration::from_millis(delay);
    match digits.below(11) {
        0..2 => Ok(Next::await_change()),
        2..4 => Ok(Next::requeue_after(delay)),
        4..7 => Err(ErrorPolicy::Retry),
        7..9 => Err(ErrorPolicy::Unknown),
        9 => Err(ErrorPolicy::RetryAfter(delay)),
        _ => Err(ErrorPolicy::Terminal),
    }
}

/// A number that is read digit by digit, each in a base of its own.
struct Digits(u64);

impl Digits {
    fn below(&mut self, base: u64) -> u64 {
        let digit = self.0 % base;
        self.0 /= base;
        digit
    }

    fn index(&mut self, base: usize) -> usize {
        usize::try_from(self.below(base as u64)).unwrap_or_default()
    }

    fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.index(N)]
    }
}
