//! Requests under way: what each waits for, and its answer once it has arrived.
//!
//! Invariant: a request that nobody waits for any more takes effect all the same; only its answer is
//! thrown away. Bounded by the number of callers that wait.

use super::{
    Model,
    agenda::Due,
    event::Subscriber,
    refusal::Refusal,
    request::{Answer, Request},
};
use std::{collections::BTreeMap, time::Duration};
use trueup_domain::id::ContainerId;

/// A request, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Why there is no answer that could be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The engine refused.
    Refused(Refusal),
    /// Nobody answers at its address; nothing was sent.
    Unreachable,
    /// The connection broke while the request was under way.
    Broken,
    /// The answer ends in its middle.
    CutShort,
}

/// What comes of a request.
pub(crate) type Outcome = Result<Answer, Failure>;

/// What a request waits for after it took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The end of a process.
    End(ContainerId),
    /// The end of a removal.
    Removal(ContainerId),
    /// The end of a pull.
    Pull(String),
}

/// What a request has come to when it took effect.
pub(crate) enum Progress {
    Done(Answer),
    Until(Wait),
}

#[derive(Debug)]
struct Call {
    /// How long the answer is under way.
    back: Duration,
    /// What becomes of the answer.
    spoilt: Option<Failure>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It, or its answer, is under way until then.
    UnderWay(Duration),
    Waits(Wait),
    Answered(Outcome),
}

#[derive(Debug, Default)]
pub(crate) struct Desk {
    calls: BTreeMap<Ticket, Call>,
    taken: u64,
}

/// What a caller sees of its request.
pub(crate) enum Look {
    Answered(Outcome),
    /// Nothing can come before then.
    NotBefore(Duration),
    /// It depends on what else happens.
    Open,
}

impl Model {
    /// Puts a request on its way: it takes effect at `at`, whoever still waits for it then; its answer
    /// takes `back`, and is replaced by `spoilt`.
    pub(crate) fn submit(
        &mut self,
        at: Duration,
        request: Request,
        back: Duration,
        spoilt: Option<Failure>,
    ) -> Ticket {
        self.desk.taken += 1;
        let ticket = Ticket(self.desk.taken);
        self.desk.calls.insert(ticket, Call { back, spoilt, stage: Stage::UnderWay(at) });
        self.plan(at, Due::Effect { ticket, request });
        ticket
    }

    pub(crate) fn look(&mut self, ticket: Ticket) -> Look {
        match self.desk.calls.get(&ticket).map(|call| &call.stage) {
            Some(Stage::UnderWay(until)) => return Look::NotBefore(*until),
            Some(Stage::Waits(_)) => return Look::Open,
            Some(Stage::Answered(_)) | None => {}
        }
        match self.desk.calls.remove(&ticket) {
            Some(Call { stage: Stage::Answered(outcome), .. }) => Look::Answered(outcome),
            _ => Look::Answered(Err(Failure::Broken)),
        }
    }

    /// Nobody waits for it any more.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        if let Some(Call { stage: Stage::Answered(outcome), .. }) = self.desk.calls.remove(&ticket)
        {
            self.throw_away(&outcome);
        }
    }

    pub(super) fn take_effect(&mut self, ticket: Ticket, request: Request) {
        let progress = self.execute(request);
        let outcome = match progress {
            Ok(Progress::Done(answer)) => Ok(answer),
            Err(refusal) => Err(refusal),
            Ok(Progress::Until(wait)) => {
                if let Some(call) = self.desk.calls.get_mut(&ticket) {
                    call.stage = Stage::Waits(wait);
                }
                return;
            }
        };
        self.send_back(ticket, outcome);
    }

    /// Tells all who wait for it what came of it.
    pub(super) fn settle(&mut self, wait: &Wait, outcome: &Result<Answer, Refusal>) {
        let waits = |call: &Call| matches!(&call.stage, Stage::Waits(other) if other == wait);
        let calls = self.desk.calls.iter().filter(|(_, call)| waits(call));
        let tickets: Vec<_> = calls.map(|(ticket, _)| *ticket).collect();
        for ticket in tickets {
            self.send_back(ticket, outcome.clone());
        }
    }

    pub(super) fn arrive(&mut self, ticket: Ticket, outcome: Outcome) {
        match self.desk.calls.get_mut(&ticket) {
            Some(call) if !matches!(call.stage, Stage::Answered(_)) => {
                call.stage = Stage::Answered(outcome);
            }
            _ => self.throw_away(&outcome),
        }
    }

    /// Breaks the connections of all who wait.
    pub(super) fn break_connections(&mut self) {
        for call in self.desk.calls.values_mut() {
            if !matches!(call.stage, Stage::Answered(_)) {
                call.stage = Stage::Answered(Err(Failure::Broken));
            }
        }
        self.stirred = true;
    }

    fn send_back(&mut self, ticket: Ticket, outcome: Result<Answer, Refusal>) {
        let outcome = outcome.map_err(Failure::Refused);
        let now = self.uptime;
        let Some(call) = self.desk.calls.get_mut(&ticket) else {
            return self.throw_away(&outcome);
        };
        if matches!(call.stage, Stage::Answered(_)) {
            return self.throw_away(&outcome);
        }
        let arrives = now.saturating_add(call.back);
        call.stage = Stage::UnderWay(arrives);
        let spoilt = call.spoilt.take();
        let outcome = match spoilt {
            Some(failure) => {
                self.throw_away(&outcome);
                Err(failure)
            }
            None => outcome,
        };
        self.plan(arrives, Due::Arrival { ticket, outcome });
    }

    /// A subscription that nobody heard of is over.
    fn throw_away(&mut self, outcome: &Outcome) {
        if let Ok(Answer::Subscribed(Handle(subscriber))) = outcome {
            self.events.unsubscribe(*subscriber);
        }
    }
}

/// A subscription in an answer.
#[derive(Debug, Clone)]
pub(crate) struct Handle(pub(crate) Subscriber);

impl Handle {
    pub(crate) const fn subscriber(&self) -> Subscriber {
        self.0
    }
}
