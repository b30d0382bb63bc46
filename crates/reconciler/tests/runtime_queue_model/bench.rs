//! The queue and the model side by side, and the accounts of what went in and came out.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use trueup_reconciler::runtime::{
    Add, ErrorPolicy, Next, Owner, Priority, Queue, RetryState, Ticket, Trigger,
};

use super::model::{Key, Model};
use super::operations::{KEYS, OWNERS, Operation, Settings};

pub(crate) struct Bench {
    queue: Queue<usize, u32>,
    model: Model,
    concurrency: usize,
    now: Instant,
    /// The latest instant that the queue has been told.
    seen: Instant,
    tickets: Vec<(usize, Ticket)>,
    causes: u32,
    delivered: BTreeSet<u32>,
    /// How many causes were accepted, and how many came out.
    accepted: u64,
    handed_out: u64,
    hot_loops: u64,
}

impl Bench {
    pub(crate) fn new(settings: &Settings) -> Self {
        let rng = fastrand::Rng::with_seed(settings.seed);
        let mut queue = Queue::new(settings.limits, settings.policies, rng.clone());
        if settings.has_owners {
            queue.set_owner(|key| Owner::new(key % OWNERS));
        }
        let now = Instant::now();
        // The queue's time begins.
        queue.start(now);
        Self {
            queue,
            model: Model::new(settings, rng),
            concurrency: settings.limits.concurrency,
            now,
            seen: now,
            tickets: Vec::new(),
            causes: 0,
            delivered: BTreeSet::new(),
            accepted: 0,
            handed_out: 0,
            hot_loops: 0,
        }
    }

    pub(crate) fn apply(&mut self, operation: &Operation) {
        let now = self.now;
        match *operation {
            Operation::Add { key, priority, stale } => self.add((key, priority), None, stale),
            Operation::AddLater { key, priority, delay, stale } => {
                self.add((key, priority), Some(delay), stale);
            }
            Operation::Start => self.start(),
            Operation::Finish { nth, verdict } => self.finish(nth, verdict),
            Operation::Reset { key } => {
                self.seen = now;
                self.queue.reset_backoff(&key, now);
                self.model.reset(key, now);
            }
            Operation::Restore { key, failures, step, delay } => {
                let state = RetryState { failures, step, retry_in: Duration::from_millis(delay) };
                self.seen = if failures > 0 { now } else { self.seen };
                self.queue.restore_backoff(key, state, now);
                self.model.restore(key, state, now);
            }
            Operation::Advance { by } => self.now += Duration::from_millis(by),
            Operation::Close => {
                self.queue.close();
                self.model.closed = true;
            }
        }
    }

    /// Compares everything that the queue tells with what the model knows.
    pub(crate) fn check(&self) {
        let (stats, model) = (self.queue.stats(self.now), &self.model);
        let count =
            |condition: fn(&Key) -> bool| model.keys.iter().filter(|key| condition(key)).count();
        assert_eq!(stats.queued, count(Key::is_pending));
        assert_eq!(Some(stats.queued as u64), stats.adds.checked_sub(stats.gets));
        assert_eq!(stats.running, count(Key::is_running));
        assert!(stats.running <= self.concurrency);
        assert_eq!(stats.known, count(Key::is_known));
        assert_eq!(stats.waiting, count(|key| key.deadline().is_some()));
        assert_eq!(stats.owners, model.owners());
        assert_eq!((stats.retries, stats.hot_loops), (model.retries, self.hot_loops));
        let runs = || model.keys.iter().filter_map(|key| Some(self.now - key.running_since?));
        assert_eq!(stats.unfinished_work, runs().sum());
        assert_eq!(stats.longest_running, runs().max().unwrap_or_default());
        self.check_deadline();
        self.check_names();
    }

    /// Lets everything succeed until nothing is left. That takes no more than a retry, a wake-up and
    /// a reminder of each key, beside what is in line.
    pub(crate) fn run_dry(&mut self) {
        for _ in 0..8 * KEYS {
            while !self.tickets.is_empty() {
                self.finish(0, Ok(Next::await_change()));
                self.check();
            }
            if self.queue.is_closed() || self.queue.stats(self.now).known == 0 {
                break;
            }
            self.apply(&Operation::Advance { by: 300 });
            self.apply(&Operation::Start);
            self.check();
        }
        if self.queue.is_closed() {
            return;
        }
        let stats = self.queue.stats(self.now);
        assert_eq!((stats.queued, stats.running, stats.waiting), (0, 0, 0));
        assert_eq!((stats.known, stats.owners), (0, 0));
        assert_eq!(stats.adds, stats.gets);
        assert_eq!(self.handed_out, self.accepted + self.model.fired);
    }

    fn add(&mut self, (key, priority): (usize, Priority), delay: Option<u64>, stale: u64) {
        let cause = self.causes;
        self.causes += 1;
        // What is for later is for later than the latest that was seen, whoever says so.
        let is_confused = delay.is_some_and(|delay| delay <= stale);
        let stale = if self.model.closed || is_confused { 0 } else { stale };
        let add = Add { key, cause, priority };
        let believed = self.now.checked_sub(Duration::from_millis(stale)).unwrap_or(self.now);
        // Time that runs backwards stands still.
        self.seen = self.seen.max(believed);
        let at = believed + Duration::from_millis(delay.unwrap_or_default());
        let answer = match delay {
            None => self.queue.add(add, believed),
            Some(_) => self.queue.add_at(add, at, believed),
        };
        self.accepted += u64::from(!self.model.closed);
        let times = (self.seen, believed);
        assert_eq!(answer, self.model.add(key, (cause, priority), at, times));
    }

    fn start(&mut self) {
        self.seen = self.now;
        let start = self.queue.start(self.now);
        self.model.start(start.as_ref(), self.now);
        let Some(start) = start else { return };
        self.handed_out += start.causes.len() as u64 + start.omitted;
        self.hot_loops += u64::from(start.hot_loop.is_some());
        for cause in &start.causes {
            if let Trigger::Caller(number) = cause.trigger {
                assert!(self.delivered.insert(number), "cause {number} was handed out twice");
            }
        }
        assert_eq!(self.queue.key(&start.ticket), Some(&start.key));
        self.tickets.push((start.key, start.ticket));
    }

    fn finish(&mut self, nth: usize, verdict: Result<Next, ErrorPolicy>) {
        if self.tickets.is_empty() {
            return;
        }
        self.seen = self.now;
        let (key, ticket) = self.tickets.swap_remove(nth % self.tickets.len());
        let finish = self.queue.finish(ticket, verdict, self.now);
        let finish = finish.map(|finish| (finish.key, finish.retry_at));
        assert_eq!(finish, Some((key, self.model.finish(key, verdict, self.now))));
    }

    /// The limit's opening is named only while something waits for it, and may be past if nobody
    /// has tried yet.
    fn check_deadline(&self) {
        let opening = self.model.opens_at().filter(|_| self.model.could_start());
        let timer = self.model.keys.iter().filter_map(Key::deadline).min();
        let named = self.queue.next_deadline();
        if self.model.closed {
            assert_eq!(named, None);
        } else if opening.is_some_and(|at| at <= self.now) {
            assert!(named <= timer.or(named));
        } else {
            assert_eq!(named, [timer, opening].into_iter().flatten().min());
        }
    }

    fn check_names(&self) {
        let snapshot = self.queue.snapshot(self.now);
        let queued: BTreeSet<usize> = snapshot.queued.iter().copied().collect();
        assert_eq!(queued.len(), snapshot.queued.len(), "a key is queued twice");
        for (number, key) in self.model.keys.iter().enumerate() {
            assert_eq!(queued.contains(&number), key.is_pending());
            assert_eq!(snapshot.running.contains(&number), key.is_running());
            let waits = snapshot.waiting.iter().find(|(other, _)| *other == number);
            assert_eq!(waits.map(|(_, at)| *at), key.deadline());
            let state = self
                .queue
                .state(&number)
                .map(|state| (state.queued, state.running, state.failures, state.due));
            let expected = (key.is_pending(), key.is_running(), key.failures, key.deadline());
            assert_eq!(state, key.is_known().then_some(expected));
        }
        let since = |key: &usize| self.model.keys[*key].running_since;
        assert!(snapshot.running.is_sorted_by_key(since), "the oldest comes first");
    }
}
