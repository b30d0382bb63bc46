//! What goes wrong: with single calls, with rows of a list, with event streams, with the engine as a
//! whole.
//!
//! Faults are set by a test, one by one or as rules, or drawn from the seed by [`Odds`]; an explicit one
//! comes before a rule, a rule before the odds. Invariant: [`Faults::stop`] ends them all, so that a
//! test can see that everything converges then.

mod draw;

use crate::{CallKind, HumanAct};
use jiff::SignedDuration;
use std::{collections::BTreeMap, fmt, time::Duration};

/// What goes wrong with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFault {
    /// It is refused, and nothing is done.
    Error {
        /// The status of the refusal.
        status: u16,
        /// The engine's words.
        message: String,
    },
    /// It takes so much longer to get there.
    Delay(Duration),
    /// Its caller never hears anything.
    Hang {
        /// Whether it is done.
        done: bool,
    },
    /// The connection breaks before it is done.
    DropBefore,
    /// It is done, and the connection breaks before the answer.
    DropAfter,
    /// It is done, and the answer ends in its middle.
    Truncate,
    /// A removal goes wrong in its middle: the container is left dead. Nothing, for other calls.
    LeaveDead,
}

/// What goes wrong with a row of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFault {
    /// It is missing.
    Missing,
    /// It shows what was before the last change of state.
    Late,
}

/// What goes wrong with an event on its way to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFault {
    /// It is lost.
    Lose,
    /// It comes twice.
    Duplicate,
    /// It comes after the one that follows it, or half a second late.
    Reorder,
    /// Something that cannot be read comes in its place.
    Unreadable,
    /// The stream ends before it.
    Cut,
    /// It and all that come for so long are lost, and the stream does not end.
    Silence(Duration),
}

/// Something that happens to the engine as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineAct {
    /// Nobody reaches it for so long.
    Away {
        /// For how long.
        length: Duration,
    },
    /// It ends and is started again: see [`Model::restart`](crate::Model::restart).
    Restart {
        /// How long that takes.
        length: Duration,
        /// Whether containers go on meanwhile.
        live_restore: bool,
    },
    /// Its wall clock is set forward, or back.
    JumpClock {
        /// How far.
        by: SignedDuration,
    },
    /// All event streams end.
    CutStreams,
    /// So many events of others push ours out of the ring.
    Noise {
        /// How many.
        events: u32,
    },
}

/// Something that happens at its time, whoever asks what of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Somebody acts behind our back.
    Human(HumanAct),
    /// The engine suffers.
    Engine(EngineAct),
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Its configuration may hold secrets, and is long.
            Self::Human(HumanAct::Stranger { config, start }) => {
                write!(
                    f,
                    "Stranger {{ name: {:?}, image: {:?}, start: {start} }}",
                    config.name, config.image
                )
            }
            Self::Human(act) => write!(f, "{act:?}"),
            Self::Engine(act) => write!(f, "{act:?}"),
        }
    }
}

/// A fault for the next calls that it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRule {
    /// Only calls of this kind.
    pub kind: Option<CallKind>,
    /// Only calls about what is called so; a container by its id or its name, however it is asked for.
    pub subject: Option<String>,
    /// What goes wrong.
    pub fault: CallFault,
    /// With so many calls; `None`: with all.
    pub times: Option<u32>,
}

/// How often what goes wrong by itself, in thousandths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Odds {
    /// Of calls: refused with 500 and not done.
    pub error: u32,
    /// Of calls: up to three seconds late.
    pub delay: u32,
    /// Of calls: never answered, done or not.
    pub hang: u32,
    /// Of calls: lost on the way there.
    pub drop_before: u32,
    /// Of calls: done, and the answer lost.
    pub drop_after: u32,
    /// Of calls: done, and the answer cut short.
    pub truncate: u32,
    /// Of removals: the container is left dead.
    pub leave_dead: u32,
    /// Of rows of lists: missing.
    pub row_missing: u32,
    /// Of rows of lists: late.
    pub row_late: u32,
    /// Of events: lost.
    pub event_lost: u32,
    /// Of events: doubled.
    pub event_doubled: u32,
    /// Of events: out of order.
    pub event_reordered: u32,
    /// Of events: unreadable.
    pub event_unreadable: u32,
    /// Of events: the stream ends.
    pub stream_cut: u32,
    /// Of events: the stream is silent for up to three minutes.
    pub stream_silent: u32,
}

impl Odds {
    /// A bad day: everything goes wrong now and then.
    pub const fn rough() -> Self {
        Self {
            error: 20,
            delay: 20,
            hang: 4,
            drop_before: 10,
            drop_after: 15,
            truncate: 5,
            leave_dead: 30,
            row_missing: 5,
            row_late: 20,
            event_lost: 30,
            event_doubled: 30,
            event_reordered: 30,
            event_unreadable: 5,
            stream_cut: 10,
            stream_silent: 3,
        }
    }
}

/// The faults of an engine.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    by_number: BTreeMap<u64, CallFault>,
    rules: Vec<CallRule>,
    by_event: BTreeMap<u64, StreamFault>,
    by_row: BTreeMap<u64, RowFault>,
    odds: Odds,
    calls: u64,
    events: u64,
    rows: u64,
}

impl Faults {
    /// The call with that number goes wrong; calls are counted from 1.
    pub fn at_call(&mut self, number: u64, fault: CallFault) {
        self.by_number.insert(number, fault);
    }

    /// The next call of that kind goes wrong.
    pub fn next(&mut self, kind: CallKind, fault: CallFault) {
        self.rule(CallRule { kind: Some(kind), subject: None, fault, times: Some(1) });
    }

    /// Every call of that kind goes wrong, until [`stop`](Self::stop).
    pub fn every(&mut self, kind: CallKind, fault: CallFault) {
        self.rule(CallRule { kind: Some(kind), subject: None, fault, times: None });
    }

    /// Adds a rule; of several that fit, the first counts.
    pub fn rule(&mut self, rule: CallRule) {
        self.rules.push(rule);
    }

    /// The event with that number, as told to any subscriber, goes wrong; counted from 1.
    pub fn at_event(&mut self, number: u64, fault: StreamFault) {
        self.by_event.insert(number, fault);
    }

    /// The next event told to any subscriber goes wrong.
    pub fn next_event(&mut self, fault: StreamFault) {
        let free = (self.events + 1..=u64::MAX).find(|number| !self.by_event.contains_key(number));
        self.at_event(free.unwrap_or(u64::MAX), fault);
    }

    /// The row with that number, over all lists, goes wrong; counted from 1.
    pub fn at_row(&mut self, number: u64, fault: RowFault) {
        self.by_row.insert(number, fault);
    }

    /// The first row of the next list goes wrong.
    pub fn next_row(&mut self, fault: RowFault) {
        self.at_row(self.rows + 1, fault);
    }

    /// What goes wrong by itself from now on.
    pub const fn odds(&mut self, odds: Odds) {
        self.odds = odds;
    }

    /// Every call about that container, network, volume or image goes wrong, until [`heal`](Self::heal).
    pub fn sicken(&mut self, subject: &str, fault: CallFault) {
        let subject = Some(subject.to_owned());
        self.rule(CallRule { kind: None, subject, fault, times: None });
    }

    /// Ends the rules about that subject, as it was named in them.
    pub fn heal(&mut self, subject: &str) {
        self.rules.retain(|rule| rule.subject.as_deref() != Some(subject));
    }

    /// Nothing goes wrong any more.
    pub fn stop(&mut self) {
        let (calls, events, rows) = (self.calls, self.events, self.rows);
        *self = Self { calls, events, rows, ..Self::default() };
    }

    /// How many calls there were so far.
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// How many events were told so far, those that went wrong among them.
    pub const fn events(&self) -> u64 {
        self.events
    }
}
