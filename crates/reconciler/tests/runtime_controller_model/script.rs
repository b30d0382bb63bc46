//! What a case consists of: settings, what is done from outside and when, and what each pass does.
//!
//! All times are in whole milliseconds, so that different things often fall together.

use std::time::Duration;

use proptest::prelude::*;
use trueup_reconciler::runtime::{Backoff, ErrorPolicy, Policies, Priority};

pub(crate) const KEYS: usize = 5;
/// Key `n` belongs to owner `n % OWNERS`.
pub(crate) const OWNERS: usize = 2;
/// So many passes of each key do what the script says. Those after them succeed at once, so that
/// everything comes to rest.
pub(crate) const SCRIPTED: usize = 7;
pub(crate) const AGING: Duration = Duration::from_millis(40);
pub(crate) const TIMEOUT: Duration = Duration::from_millis(150);
pub(crate) const WARNING: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) settings: Settings,
    pub(crate) acts: Vec<Act>,
    /// Of each key, one after the other.
    pub(crate) behaviours: Vec<Behaviour>,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) concurrency: usize,
    pub(crate) concurrency_per_owner: usize,
    pub(crate) has_owners: bool,
    pub(crate) causes: usize,
    /// One start in each interval, and so many in one go.
    pub(crate) rate: Option<(Duration, u32)>,
    pub(crate) terminal: Option<Duration>,
    /// When, and how long the drain may take.
    pub(crate) shutdown: Option<(Duration, Duration)>,
}

/// Something that is done to the controller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act {
    pub(crate) at: Duration,
    pub(crate) key: usize,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Add(Priority),
    AddAfter(Priority, Duration),
    /// A watched stream names the key.
    Watched(Priority),
    Cancel,
    Reset,
}

/// What a pass does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    pub(crate) takes: Duration,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Await,
    Requeue(Duration),
    Fail(ErrorPolicy),
    /// Before there is a future.
    PanicAtOnce,
    Panic,
    Hang,
    /// Succeeds as soon as it is asked to end.
    UntilCancelled,
}

impl Settings {
    pub(crate) fn policies(&self) -> Policies {
        let ms = Duration::from_millis;
        Policies {
            retry: Backoff::exponential(ms(15), ms(60)),
            unknown: Backoff::exponential(ms(50), ms(120)),
            terminal: self.terminal,
        }
    }

    pub(crate) fn owner(&self, key: usize) -> usize {
        if self.has_owners { key % OWNERS } else { 0 }
    }
}

impl Script {
    pub(crate) fn behaviour(&self, key: usize, nth: usize) -> Behaviour {
        let scripted = self.behaviours.get(key * SCRIPTED + nth).filter(|_| nth < SCRIPTED);
        scripted.copied().unwrap_or(Behaviour { takes: Duration::ZERO, end: End::Await })
    }
}

pub(crate) fn script() -> impl Strategy<Value = Script> {
    let numbers = prop::collection::vec(any::<u64>(), 1..40);
    let behaviours = prop::collection::vec(any::<u64>(), KEYS * SCRIPTED);
    (settings(), numbers, behaviours).prop_map(|(settings, numbers, behaviours)| {
        let mut acts: Vec<_> = numbers.into_iter().map(act).collect();
        acts.sort_by_key(|act| act.at);
        let behaviours = behaviours.into_iter().map(behaviour).collect();
        Script { settings, acts, behaviours }
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let ms = |range: std::ops::Range<u64>| range.prop_map(Duration::from_millis);
    let per_owner = prop::sample::select(vec![usize::MAX, 1, 2]);
    let rate = prop_oneof![3 => Just(None), 1 => (ms(1..30), 1..4_u32).prop_map(Some)];
    let shutdown = prop::option::of((ms(0..400), ms(0..200)));
    let causes = prop::sample::select(vec![64, 2]);
    let bounds = (1..4_usize, per_owner, any::<bool>(), causes);
    (any::<u64>(), bounds, rate, prop::option::of(ms(0..80)), shutdown).prop_map(
        |(seed, bounds, rate, terminal, shutdown)| {
            let (concurrency, concurrency_per_owner, has_owners, causes) = bounds;
            Settings {
                seed,
                concurrency,
                concurrency_per_owner,
                has_owners,
                causes,
                rate,
                terminal,
                shutdown,
            }
        },
    )
}

/// A number that is read digit by digit, each in a base of its own: cheaper than to draw a value
/// for each part.
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

    fn ms(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.below(below))
    }
}

fn act(number: u64) -> Act {
    let mut digits = Digits(number);
    let kind = digits.below(20);
    let key = digits.index(KEYS);
    let priorities = [Priority::Resync, Priority::Retry, Priority::Event, Priority::User];
    let priority = priorities[digits.index(4)];
    let at = digits.ms(400);
    let what = match kind {
        0..7 => What::Add(priority),
        7..11 => What::Watched(priority),
        11..15 => What::AddAfter(priority, digits.ms(150)),
        15..18 => What::Cancel,
        _ => What::Reset,
    };
    Act { at, key, what }
}

fn behaviour(number: u64) -> Behaviour {
    let mut digits = Digits(number);
    let kind = digits.below(20);
    let takes = digits.ms(50);
    let end = match kind {
        0..4 => End::Await,
        4..8 => End::Requeue(digits.ms(100)),
        8..11 => End::Fail(ErrorPolicy::Retry),
        11 => End::Fail(ErrorPolicy::Unknown),
        12 => End::Fail(ErrorPolicy::RetryAfter(digits.ms(60))),
        13..15 => End::Fail(ErrorPolicy::Terminal),
        15 => End::PanicAtOnce,
        16 => End::Panic,
        17 => End::Hang,
        _ => End::UntilCancelled,
    };
    let at_once = matches!(end, End::PanicAtOnce | End::Hang | End::UntilCancelled);
    Behaviour { takes: if at_once { Duration::ZERO } else { takes }, end }
}
