//! Replays what was noted, key by key, and checks each pass against it: its causes (Q1, Q3, Q4, Q11),
//! what follows from its end (Q4, Q6), and that it has exactly one (Q2, Q8).

use std::time::Duration;

use tokio::time::Instant;
use trueup_reconciler::runtime::{Backoff, Enqueued, ErrorPolicy, Priority, Trigger};

use super::course::{Acted, Came, Course, Event, Told};
use super::script::{AGING, End, KEYS, Script, TIMEOUT, WARNING};

/// A pass, as the rules look at it.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) key: usize,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    /// Since when the key was in line, and with which rank from then on.
    pub(crate) ranks: Vec<(Instant, Instant)>,
}

/// A cause that is due and has not been handed out.
#[derive(Clone, Debug)]
struct Due {
    trigger: Trigger<u32>,
    priority: Priority,
    since: Instant,
    /// Since when it counts in the line: since it is due, or since the end of the run meanwhile.
    joined: Option<(Instant, Instant)>,
}

/// A run that has no outcome yet.
#[derive(Debug)]
struct Run {
    nth: usize,
    at: Instant,
    due: Vec<Due>,
    attempt: u32,
    is_noted: bool,
    is_dropped: bool,
    /// When it was first asked to end.
    asked: Option<Instant>,
}

#[derive(Default)]
struct Key {
    pending: Vec<Due>,
    run: Option<Run>,
    reminders: Vec<(Trigger<u32>, Priority)>,
    remind_at: Option<Instant>,
    wake_at: Option<Instant>,
    retry_at: Option<Instant>,
    failures: u32,
    step: u32,
    passes: usize,
}

struct Replay<'a> {
    script: &'a Script,
    course: &'a Course,
    keys: [Key; KEYS],
    passes: Vec<Pass>,
    shutdown: Option<Instant>,
}

/// All passes, in the order of their outcomes.
pub(crate) fn replay(script: &Script, course: &Course) -> Vec<Pass> {
    let keys = Default::default();
    let mut replay = Replay { script, course, keys, passes: Vec::new(), shutdown: None };
    for note in &course.notes {
        replay.fire(note.at);
        match &note.event {
            Event::Acted { key, ran, act } => replay.act(*key, *ran, act, note.at),
            Event::Started { key, told } => replay.start(*key, told, note.at),
            Event::Dropped { key } => {
                if let Some(run) = &mut replay.keys[*key].run {
                    run.is_dropped = true;
                }
            }
            Event::Came { key, outcome } => replay.end(*key, outcome, note.at),
            Event::Shutdown { .. } => replay.shut_down(note.at),
        }
    }
    replay.check_rest();
    replay.passes
}

impl Replay<'_> {
    /// Moves what is due by now to what is pending. After the shutdown nothing comes due.
    fn fire(&mut self, now: Instant) {
        if self.shutdown.is_some() {
            return;
        }
        for key in &mut self.keys {
            let due = |at: &mut Instant| *at <= now;
            let retry = if key.run.is_some() { None } else { key.retry_at.take_if(due) };
            let wake_up = key.wake_at.take_if(due);
            for (trigger, at) in [(Trigger::Retry, retry), (Trigger::WakeUp, wake_up)] {
                if let Some(at) = at {
                    key.push(trigger, Priority::Retry, at);
                }
            }
            if let Some(at) = key.remind_at.take_if(due) {
                for (trigger, priority) in std::mem::take(&mut key.reminders) {
                    key.push(trigger, priority, at);
                }
            }
        }
    }

    fn act(&mut self, number: usize, ran: bool, act: &Acted, now: Instant) {
        let key = &mut self.keys[number];
        if ran && key.run.is_none() {
            // It has started, and has not had its turn to say so.
            key.begin(now);
        }
        assert_eq!(ran, key.run.is_some(), "key {number} runs when it should not");
        match act {
            Acted::Reset => {
                (key.failures, key.step) = (0, 0);
                key.retry_at = key.retry_at.map(|_| now);
                self.fire(now);
            }
            Acted::Cancelled { answer } => {
                assert_eq!(*answer, ran, "a cancellation of key {number}");
                if let Some(run) = &mut key.run {
                    run.asked.get_or_insert(now);
                }
            }
            Acted::Added { cause, priority, due, answer } => {
                let is_closed = self.shutdown.is_some();
                assert_eq!(*answer == Some(Enqueued::Closed), is_closed && answer.is_some());
                if is_closed {
                    return;
                }
                let trigger = Trigger::Caller(*cause);
                let was_there = if *due <= now {
                    key.push(trigger, *priority, now);
                    key.pending.len() > 1
                } else {
                    key.reminders.push((trigger, *priority));
                    key.remind_at = Some(key.remind_at.map_or(*due, |at| at.min(*due)));
                    key.reminders.len() > 1
                };
                let expected = if was_there { Enqueued::Merged } else { Enqueued::Queued };
                assert!(answer.is_none_or(|answer| answer == expected), "{answer:?}");
            }
        }
    }

    fn start(&mut self, number: usize, told: &Told, now: Instant) {
        let key = &mut self.keys[number];
        if key.run.is_none() {
            assert!(self.shutdown.is_none_or(|at| at == now), "a start after the shutdown");
            key.begin(now);
        }
        if let Some(run) = &mut key.run {
            assert!(!run.is_noted, "key {number} runs twice at once");
            assert_eq!(run.at, now, "a pass was started late");
            run.is_noted = true;
            check_told(run, told, self.script.settings.causes);
        }
    }

    fn end(&mut self, number: usize, came: &Came, now: Instant) {
        let key = &mut self.keys[number];
        if key.run.is_none() {
            // Cut off before it had its turn.
            assert_eq!(came.end, None, "an outcome without a pass");
            key.begin(now);
        }
        let Some(run) = key.run.take() else { return };
        check_told(&run, &came.told, self.script.settings.causes);
        self.check_end(number, &run, came, now);
        self.follow(number, came, now);
        let key = &mut self.keys[number];
        // What came meanwhile stands in line from now on, as one.
        let priority = key.pending.iter().map(|due| due.priority).max();
        for due in &mut key.pending {
            due.joined = priority.map(|priority| (now, now + head_start(priority)));
        }
        let ranks = run.due.iter().filter_map(|due| due.joined).collect();
        self.passes.push(Pass { key: number, started: run.at, ended: now, ranks });
    }

    /// How and when the pass ended, and what was said of it.
    fn check_end(&self, number: usize, run: &Run, came: &Came, now: Instant) {
        let behaviour = self.script.behaviour(number, run.nth);
        let planned = run.at + behaviour.takes;
        let (at, end) = match behaviour.end {
            End::Hang => (run.at + TIMEOUT, End::Hang),
            End::UntilCancelled => {
                let warned = run.at + TIMEOUT - WARNING;
                let asked = [run.asked, self.shutdown].into_iter().flatten().min();
                (asked.map_or(warned, |asked| asked.max(run.at).min(warned)), End::Await)
            }
            end => (planned, end),
        };
        let drained = self.shutdown.zip(self.script.settings.shutdown);
        let drained = drained.map(|(at, (_, drain))| at + drain);
        if let Some(came) = came.end {
            assert_eq!((came, now), (end, at), "key {number}, pass {}", run.nth);
            assert!(run.is_dropped && run.is_noted, "an outcome before the end of its pass");
        } else {
            assert_eq!(Some(now), drained, "a pass was cut off before the end of the drain");
            assert!(at >= now || !run.is_noted, "a pass was cut off although it had ended");
        }
        assert!(drained.is_none_or(|drained| now <= drained), "the drain goes on for ever");
        assert_eq!(came.worked, now - run.at);
        let since = run.due.iter().map(|due| due.since).min();
        assert_eq!(since.map(|since| run.at - since), Some(came.waited));
    }

    /// What follows from the end of a pass.
    fn follow(&mut self, number: usize, came: &Came, now: Instant) {
        let policies = self.script.settings.policies();
        let key = &mut self.keys[number];
        match came.end {
            None => {
                assert_eq!(came.next_retry, None, "nobody is left to retry it");
                key.retry_at = None;
                return;
            }
            Some(End::Await | End::UntilCancelled) => key.succeed(None),
            Some(End::Requeue(delay)) => key.succeed(Some(now + delay)),
            Some(End::Fail(ErrorPolicy::Retry)) => key.fail(policies.retry, came.next_retry, now),
            Some(End::Fail(ErrorPolicy::RetryAfter(delay))) => {
                key.failures += 1;
                key.retry_at = Some(now + delay);
            }
            Some(End::Fail(ErrorPolicy::Terminal)) => {
                let wake_at = key.wake_at;
                key.succeed(None);
                let look = policies.terminal.map(|delay| now + delay);
                key.wake_at = [wake_at, look].into_iter().flatten().min();
            }
            Some(End::Fail(ErrorPolicy::Unknown) | End::PanicAtOnce | End::Panic | End::Hang) => {
                key.fail(policies.unknown, came.next_retry, now);
            }
        }
        assert_eq!(came.next_retry, key.retry_at, "the retry of key {number}");
    }

    fn shut_down(&mut self, now: Instant) {
        self.shutdown = Some(now);
    }

    /// Whatever is left at the end was cut off by the shutdown, and can be seen.
    fn check_rest(&self) {
        let snapshot = &self.course.snapshot;
        for (number, key) in self.keys.iter().enumerate() {
            assert!(key.run.is_none(), "a pass of key {number} has no outcome");
            let is_waiting = snapshot.waiting.iter().any(|(key, _)| *key == number);
            // What a key owes itself at the very instant of the shutdown may be dropped by a success.
            let is_owed = |due: &Due| {
                let is_named = matches!(due.trigger, Trigger::Caller(_));
                is_named || self.shutdown.is_none_or(|at| due.since < at)
            };
            let is_left = key.pending.iter().any(is_owed) || key.remind_at.is_some();
            let is_shown = is_waiting || snapshot.queued.contains(&number);
            assert!(!is_left || is_shown, "something was lost of key {number}");
            if self.shutdown.is_none() {
                let is_idle = !is_left && key.wake_at.is_none() && key.retry_at.is_none();
                assert!(is_idle, "key {number} rests although there is something to do");
            }
        }
    }
}

impl Key {
    fn push(&mut self, trigger: Trigger<u32>, priority: Priority, since: Instant) {
        let joined = Some((since, since + head_start(priority))).filter(|_| self.run.is_none());
        self.pending.push(Due { trigger, priority, since, joined });
    }

    fn begin(&mut self, now: Instant) {
        assert!(!self.pending.is_empty(), "a pass without a cause");
        let due = std::mem::take(&mut self.pending);
        let (nth, at, attempt) = (self.passes, now, self.failures);
        self.passes += 1;
        let (is_noted, is_dropped) = (false, false);
        self.run = Some(Run { nth, at, due, attempt, is_noted, is_dropped, asked: None });
    }

    fn succeed(&mut self, wake_at: Option<Instant>) {
        (self.failures, self.step, self.retry_at, self.wake_at) = (0, 0, None, wake_at);
    }

    /// Only a failure after the delay before was waited out draws another one, which is at most
    /// the ceiling of its step.
    fn fail(&mut self, backoff: Backoff, next_retry: Option<Instant>, now: Instant) {
        self.failures += 1;
        if self.retry_at.is_none_or(|at| at <= now) {
            let drawn = next_retry.map(|at| at.saturating_duration_since(now));
            assert!(drawn <= Some(backoff.ceiling(self.step)), "beyond the ceiling: {drawn:?}");
            self.step += 1;
            self.retry_at = next_retry;
        }
        assert!(self.retry_at.is_some(), "a failure without a retry");
    }
}

/// A pass is told of everything that was due, once.
fn check_told(run: &Run, told: &Told, limit: usize) {
    let mut due: Vec<_> = run.due.iter().map(|due| (due.since, &due.trigger)).collect();
    let omitted = due.len().saturating_sub(limit);
    assert_eq!((told.omitted, told.attempt), (omitted as u64, run.attempt));
    assert_eq!(told.causes.len(), due.len() - omitted, "{told:?} of {run:?}");
    assert!(told.causes.is_sorted_by_key(|cause| cause.added), "the oldest comes first");
    for cause in &told.causes {
        let is_it = |(since, trigger): &(Instant, &Trigger<u32>)| {
            // For retries and wake-ups it is the deadline that counts.
            let is_deadline = matches!(cause.trigger, Trigger::Caller(_)) || *since == cause.added;
            *trigger == &cause.trigger && is_deadline
        };
        let place = due.iter().position(is_it);
        let place = place.unwrap_or_else(|| panic!("nobody named {cause:?} for {run:?}"));
        assert!(cause.added <= run.at);
        due.swap_remove(place);
    }
}

pub(crate) fn head_start(priority: Priority) -> Duration {
    match priority {
        Priority::User => Duration::ZERO,
        Priority::Event => AGING,
        Priority::Retry => AGING * 2,
        Priority::Resync => AGING * 3,
    }
}
