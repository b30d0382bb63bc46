//! The model: flat records, scanned for each question.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use trueup_reconciler::runtime::{
    Backoff, Enqueued, ErrorPolicy, Limits, Next, Policies, Priority, RetryState, Start, Trigger,
};

use super::operations::{KEYS, OWNERS, Settings};

/// A cause: what it is, when it was added, since when it is due, and which rank it gives its key;
/// none while the key runs.
#[derive(Clone, Debug)]
struct Due {
    trigger: Trigger<u32>,
    priority: Priority,
    added: Instant,
    since: Instant,
    rank: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Key {
    pub(crate) running_since: Option<Instant>,
    pending: Vec<Due>,
    reminder: Vec<Due>,
    reminder_at: Option<Instant>,
    wake_at: Option<Instant>,
    retry_at: Option<Instant>,
    pub(crate) failures: u32,
    step: u32,
}

impl Key {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let retry = if self.is_running() { None } else { self.retry_at };
        [retry, self.wake_at, self.reminder_at].into_iter().flatten().min()
    }

    pub(crate) fn is_known(&self) -> bool {
        self.is_running() || self.is_pending() || self.deadline().is_some()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    pub(crate) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    fn is_in_line(&self) -> bool {
        self.is_pending() && !self.is_running()
    }

    fn rank(&self) -> Option<Instant> {
        self.pending.iter().filter_map(|due| due.rank).min()
    }

    fn priority(&self) -> Option<Priority> {
        self.pending.iter().map(|due| due.priority).max()
    }
}

/// An owner's place in the line of owners.
#[derive(Clone, Copy, Debug)]
struct Turn {
    due: Instant,
    priority: Priority,
}

pub(crate) struct Model {
    pub(crate) keys: Vec<Key>,
    turns: [Option<Turn>; OWNERS],
    limits: Limits,
    policies: Policies,
    rate: Option<(Duration, u32)>,
    has_owners: bool,
    rng: fastrand::Rng,
    pub(crate) closed: bool,
    /// How many retries and wake-ups have come due: causes that nobody added.
    pub(crate) fired: u64,
    /// How many failures were to be retried.
    pub(crate) retries: u64,
    /// When each run started.
    starts: Vec<Instant>,
}

impl Model {
    pub(crate) fn new(settings: &Settings, rng: fastrand::Rng) -> Self {
        Self {
            keys: vec![Key::default(); KEYS],
            turns: [None; OWNERS],
            limits: settings.limits,
            policies: settings.policies,
            rate: settings.rate,
            has_owners: settings.has_owners,
            rng,
            closed: false,
            fired: 0,
            retries: 0,
            starts: Vec::new(),
        }
    }

    /// How many owners have keys that are known.
    pub(crate) fn owners(&self) -> usize {
        let known = self.keys.iter().enumerate().filter(|(_, key)| key.is_known());
        known.map(|(key, _)| self.owner(key)).collect::<BTreeSet<_>>().len()
    }

    pub(crate) fn running(&self) -> usize {
        self.keys.iter().filter(|key| key.is_running()).count()
    }

    /// When the rate limit lets another one start, if that is not any time.
    pub(crate) fn opens_at(&self) -> Option<Instant> {
        let (interval, burst) = self.rate?;
        let paid = self.starts.iter().fold(None, |paid: Option<Instant>, at| {
            Some(paid.map_or(*at, |paid| paid.max(*at)) + interval)
        });
        Some(paid? - interval * (burst - 1))
    }

    /// Whether a key could start now, were it not for the rate limit.
    pub(crate) fn could_start(&self) -> bool {
        let is_full = self.running() >= self.limits.concurrency;
        !is_full && self.turns.iter().any(Option::is_some)
    }

    /// Lets everything become due that is due by now, unless the queue is closed.
    pub(crate) fn fire(&mut self, now: Instant) {
        while let Some(at) = self.keys.iter().filter_map(Key::deadline).min()
            && at <= now
            && !self.closed
        {
            let due = |due: &mut Instant| *due <= at;
            for number in 0..KEYS {
                let key = &mut self.keys[number];
                let retry = if key.is_running() { None } else { key.retry_at.take_if(due) };
                let wake_up = key.wake_at.take_if(due);
                let reminder: Vec<Due> = match key.reminder_at.take_if(due) {
                    Some(_) => key.reminder.drain(..).collect(),
                    None => Vec::new(),
                };
                for (trigger, at) in [(Trigger::Retry, retry), (Trigger::WakeUp, wake_up)] {
                    if let Some(at) = at {
                        self.fired += 1;
                        self.push(number, (trigger, Priority::Retry, at), at);
                    }
                }
                for Due { trigger, priority, added, .. } in reminder {
                    self.push(number, (trigger, priority, added), at);
                }
            }
        }
    }

    /// The time at which the call came, and what the caller took for it.
    pub(crate) fn add(
        &mut self,
        key: usize,
        (cause, priority): (u32, Priority),
        at: Instant,
        (now, believed): (Instant, Instant),
    ) -> Enqueued {
        if self.closed {
            return Enqueued::Closed;
        }
        self.fire(now);
        let trigger = Trigger::Caller(cause);
        let is_ready = at <= now;
        let state = &mut self.keys[key];
        let place = if is_ready { &state.pending } else { &state.reminder };
        let enqueued = if place.is_empty() { Enqueued::Queued } else { Enqueued::Merged };
        if is_ready {
            self.push(key, (trigger, priority, believed), now);
        } else {
            state.reminder_at = Some(state.reminder_at.map_or(at, |earlier| earlier.min(at)));
            let due = Due { trigger, priority, added: believed, since: at, rank: None };
            state.reminder.push(due);
        }
        enqueued
    }

    pub(crate) fn reset(&mut self, key: usize, now: Instant) {
        self.fire(now);
        let state = &mut self.keys[key];
        (state.failures, state.step) = (0, 0);
        state.retry_at = state.retry_at.filter(|_| !state.is_running()).map(|_| now);
        self.fire(now);
    }

    pub(crate) fn restore(&mut self, key: usize, state: RetryState, now: Instant) {
        if self.closed || state.failures == 0 {
            return;
        }
        self.fire(now);
        let key = &mut self.keys[key];
        if !key.is_running() && key.failures == 0 {
            (key.failures, key.step) = (state.failures, state.step.min(state.failures));
            key.retry_at = Some(now + state.retry_in);
        }
    }

    /// Ends the run of a key that runs; says when it will be retried.
    pub(crate) fn finish(
        &mut self,
        number: usize,
        verdict: Result<Next, ErrorPolicy>,
        now: Instant,
    ) -> Option<Instant> {
        self.fire(now);
        self.end_run(number, now);
        let key = &mut self.keys[number];
        match verdict {
            Ok(next) => {
                key.wake_at = next.wake_up().map(|delay| now + delay);
                (key.failures, key.step, key.retry_at) = (0, 0, None);
            }
            Err(ErrorPolicy::Retry) => self.back_off(number, self.policies.retry, now),
            Err(ErrorPolicy::Unknown) => self.back_off(number, self.policies.unknown, now),
            Err(ErrorPolicy::RetryAfter(delay)) => {
                key.failures += 1;
                self.retries += 1;
                key.retry_at = Some(now + delay);
            }
            Err(ErrorPolicy::Terminal) => {
                (key.failures, key.step, key.retry_at) = (0, 0, None);
                let look = self.policies.terminal.map(|delay| now + delay);
                key.wake_at = [key.wake_at, look].into_iter().flatten().min();
            }
        }
        self.keys[number].retry_at
    }

    /// Checks the queue's choice and follows it.
    pub(crate) fn start(&mut self, start: Option<&Start<usize, u32>>, now: Instant) {
        if self.closed {
            assert!(start.is_none(), "something started after the close");
            return;
        }
        self.fire(now);
        let is_too_early = self.opens_at().is_some_and(|at| at > now);
        let order = |turn: &Turn| (turn.due, std::cmp::Reverse(turn.priority));
        let first = self.turns.iter().flatten().map(order).min();
        let first = first.filter(|_| self.could_start() && !is_too_early);
        let Some(start) = start else {
            assert_eq!(first, None, "the queue held a key back");
            return;
        };
        let owner = self.owner(start.key);
        assert!(first.is_some(), "the queue started what it may not");
        assert_eq!(self.turns[owner].as_ref().map(order), first, "another owner was first");
        let ranks = self.in_line(owner).into_iter().filter_map(|key| self.keys[key].rank());
        assert_eq!(self.keys[start.key].rank(), ranks.min(), "another key was first");
        let key = &mut self.keys[start.key];
        assert!(!key.is_running(), "a key runs twice at once");
        assert_eq!(start.attempt, key.failures);
        key.running_since = Some(now);
        let causes: Vec<Due> = key.pending.drain(..).collect();
        check_causes(causes, start, self.limits.causes, now);
        self.starts.push(now);
        self.turns[owner] = None;
        self.line_up(owner, now);
    }

    fn owner(&self, key: usize) -> usize {
        if self.has_owners { key % OWNERS } else { 0 }
    }

    fn in_line(&self, owner: usize) -> Vec<usize> {
        let keys = (0..KEYS).filter(|key| self.owner(*key) == owner);
        keys.filter(|key| self.keys[*key].is_in_line()).collect()
    }

    fn push(
        &mut self,
        number: usize,
        (trigger, priority, added): (Trigger<u32>, Priority, Instant),
        since: Instant,
    ) {
        let rank = since + head_start(&self.limits, priority);
        let key = &mut self.keys[number];
        let rank = Some(rank).filter(|_| !key.is_running());
        key.pending.push(Due { trigger, priority, added, since, rank });
        if rank.is_some() {
            self.line_up(self.owner(number), since);
        }
    }

    /// What came during the run stands in line from now on, as one.
    fn end_run(&mut self, number: usize, now: Instant) {
        let key = &mut self.keys[number];
        key.running_since = None;
        let rank = key.priority().map(|priority| now + head_start(&self.limits, priority));
        for due in &mut key.pending {
            due.rank = rank;
        }
        self.line_up(self.owner(number), now);
    }

    /// Gives the owner a turn if it may have one and something to do, and a better one if something
    /// more urgent has come. A turn is as urgent as the most urgent key behind it, and never moves
    /// back.
    fn line_up(&mut self, owner: usize, since: Instant) {
        let priorities =
            self.in_line(owner).into_iter().filter_map(|key| self.keys[key].priority());
        let of_owner = (0..KEYS).filter(|key| self.owner(*key) == owner);
        let running = of_owner.filter(|key| self.keys[*key].is_running()).count();
        let Some(priority) = priorities.max() else { return };
        if running >= self.limits.concurrency_per_owner {
            return;
        }
        let due = since + head_start(&self.limits, priority);
        let turn = &mut self.turns[owner];
        if turn.is_none_or(|turn| turn.priority < priority && turn.due > due) {
            *turn = Some(Turn { due, priority });
        }
    }

    fn back_off(&mut self, number: usize, backoff: Backoff, now: Instant) {
        let key = &mut self.keys[number];
        key.failures += 1;
        self.retries += 1;
        // Else the delay before was not waited out.
        if key.retry_at.is_none_or(|at| at <= now) {
            key.retry_at = Some(now + backoff.delay(key.step, &mut self.rng));
            key.step += 1;
        }
    }
}

fn check_causes(causes: Vec<Due>, start: &Start<usize, u32>, limit: usize, now: Instant) {
    assert_eq!(start.omitted, causes.len().saturating_sub(limit) as u64);
    let since = causes.iter().map(|due| due.since).min();
    assert_eq!(since.map(|since| now - since), Some(start.queue_duration));
    let mut kept: Vec<_> = causes.into_iter().take(limit).collect();
    kept.sort_by_key(|due| due.added);
    let kept = kept.into_iter().map(|due| (due.trigger, due.priority, due.added));
    let given =
        start.causes.iter().map(|cause| (cause.trigger.clone(), cause.priority, cause.added));
    assert_eq!(given.collect::<Vec<_>>(), kept.collect::<Vec<_>>());
}

fn head_start(limits: &Limits, priority: Priority) -> Duration {
    let steps = match priority {
        Priority::User => 0,
        Priority::Event => 1,
        Priority::Retry => 2,
        Priority::Resync => 3,
    };
    limits.aging * steps
}
