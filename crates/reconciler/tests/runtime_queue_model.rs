//! The queue against a naive model of it: any sequence of operations gives the same answers.
//!
//! The model keeps a flat record per key and scans them all for each question. It has no line, no
//! timer set and no clean-up, which are what can go wrong in the real one. Ties between keys that
//! are due at the same instant are left open.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;
use trueup_reconciler::runtime::{
    Add, Backoff, Enqueued, ErrorPolicy, Limits, Next, Priority, Queue, Request, Trigger,
};

const KEYS: usize = 5;
const LIMITS: Limits = Limits { concurrency: 2, causes: 3, aging: Duration::from_millis(40) };

#[derive(Clone, Debug)]
enum Op {
    Add { key: usize, priority: Priority },
    AddLater { key: usize, priority: Priority, delay: u64 },
    Start,
    Finish { key: usize, verdict: Result<Next, ErrorPolicy> },
    Reset { key: usize },
    Restore { key: usize, failures: u32, delay: u64 },
    Advance { by: u64 },
    Close,
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..KEYS;
    let delay = 0..120_u64;
    let priority = prop::sample::select(vec![
        Priority::User,
        Priority::Event,
        Priority::Retry,
        Priority::Resync,
    ]);
    let wait = delay.clone().prop_map(Duration::from_millis);
    let verdict = prop_oneof![
        2 => Just(Ok(Next::await_change())),
        2 => wait.clone().prop_map(|wait| Ok(Next::requeue_after(wait))),
        4 => Just(Err(ErrorPolicy::Retry)),
        1 => wait.prop_map(|wait| Err(ErrorPolicy::RetryAfter(wait))),
        1 => Just(Err(ErrorPolicy::Terminal)),
    ];
    prop_oneof![
        60 => (key.clone(), priority.clone()).prop_map(|(key, priority)| Op::Add { key, priority }),
        30 => (key.clone(), priority, delay.clone())
            .prop_map(|(key, priority, delay)| Op::AddLater { key, priority, delay }),
        80 => Just(Op::Start),
        80 => (key.clone(), verdict).prop_map(|(key, verdict)| Op::Finish { key, verdict }),
        10 => key.clone().prop_map(|key| Op::Reset { key }),
        10 => (key, 0..4_u32, delay)
            .prop_map(|(key, failures, delay)| Op::Restore { key, failures, delay }),
        60 => (0..50_u64).prop_map(|by| Op::Advance { by }),
        1 => Just(Op::Close),
    ]
}

/// A cause in the model: what it is, when it was added, and where it puts its key in line.
#[derive(Clone, Debug)]
struct Due {
    trigger: Trigger<u32>,
    priority: Priority,
    added: Instant,
    since: Instant,
}

impl Due {
    fn rank(&self) -> Instant {
        let steps = match self.priority {
            Priority::User => 0,
            Priority::Event => 1,
            Priority::Retry => 2,
            Priority::Resync => 3,
        };
        self.since + LIMITS.aging * steps
    }
}

#[derive(Clone, Debug, Default)]
struct Key {
    running: bool,
    pending: Vec<Due>,
    reminder: Vec<Due>,
    reminder_at: Option<Instant>,
    wake_at: Option<Instant>,
    retry_at: Option<Instant>,
    failures: u32,
    step: u32,
}

impl Key {
    fn deadline(&self) -> Option<Instant> {
        let retry = if self.running { None } else { self.retry_at };
        [retry, self.wake_at, self.reminder_at].into_iter().flatten().min()
    }

    fn known(&self) -> bool {
        self.running || !self.pending.is_empty() || self.deadline().is_some()
    }
}

struct Model {
    keys: Vec<Key>,
    backoff: Backoff,
    rng: fastrand::Rng,
    closed: bool,
    /// How many retries and wake-ups have come due: causes that nobody added.
    fired: u64,
}

impl Model {
    /// Lets everything become due that is due by now, unless the queue is closed.
    fn fire(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        let due = |at: &mut Instant| *at <= now;
        for key in &mut self.keys {
            let retry = if key.running { None } else { key.retry_at.take_if(due) };
            let timed = [(Trigger::Retry, retry), (Trigger::WakeUp, key.wake_at.take_if(due))];
            for (trigger, at) in timed {
                self.fired += u64::from(at.is_some());
                key.pending.extend(at.map(|at| Due {
                    trigger,
                    priority: Priority::Retry,
                    added: at,
                    since: at,
                }));
            }
            if let Some(at) = key.reminder_at.take_if(due) {
                let reminded = key.reminder.drain(..).map(|due| Due { since: at, ..due });
                key.pending.extend(reminded);
            }
        }
    }

    fn finish(
        &mut self,
        key: usize,
        verdict: Result<Next, ErrorPolicy>,
        now: Instant,
    ) -> Option<Instant> {
        self.fire(now);
        let key = &mut self.keys[key];
        if !key.running {
            return None;
        }
        key.running = false;
        match verdict {
            Ok(next) => {
                key.wake_at = next.wake_up().map(|delay| now + delay);
                (key.failures, key.step, key.retry_at) = (0, 0, None);
            }
            Err(ErrorPolicy::Retry) => {
                key.failures += 1;
                let waited_out = key.retry_at.is_none_or(|at| at <= now);
                if waited_out {
                    key.retry_at = Some(now + self.backoff.delay(key.step, &mut self.rng));
                    key.step += 1;
                }
            }
            Err(ErrorPolicy::RetryAfter(delay)) => {
                key.failures += 1;
                key.retry_at = Some(now + delay);
            }
            Err(ErrorPolicy::Terminal) => (key.failures, key.step, key.retry_at) = (0, 0, None),
        }
        key.retry_at
    }

    /// Checks the queue's choice and follows it.
    fn start(&mut self, request: Option<&Request<usize, u32>>, now: Instant) {
        if self.closed {
            assert!(request.is_none(), "something started after the close");
            return;
        }
        self.fire(now);
        let running = self.keys.iter().filter(|key| key.running).count();
        let in_line = self.keys.iter().filter(|key| !key.running && running < LIMITS.concurrency);
        let first = in_line.flat_map(|key| key.pending.iter().map(Due::rank)).min();
        let Some(request) = request else {
            assert_eq!(first, None, "the queue held a key back");
            return;
        };
        let key = &mut self.keys[request.key];
        assert!(!key.running, "a key runs twice at once");
        let causes: Vec<Due> = key.pending.drain(..).collect();
        assert_eq!(causes.iter().map(Due::rank).min(), first, "somebody else was first");
        let omitted = causes.len().saturating_sub(LIMITS.causes);
        assert_eq!(request.omitted, omitted as u64);
        let since = causes.iter().map(|due| due.since).min();
        assert_eq!(since.map(|since| now - since), Some(request.queue_duration));
        let mut kept: Vec<_> = causes.into_iter().take(LIMITS.causes).collect();
        kept.sort_by_key(|due| due.added);
        let kept: Vec<_> =
            kept.into_iter().map(|due| (due.trigger, due.priority, due.added)).collect();
        let given: Vec<_> = request
            .causes
            .iter()
            .map(|cause| (cause.trigger.clone(), cause.priority, cause.added))
            .collect();
        assert_eq!(given, kept);
        assert_eq!(request.attempt, key.failures);
        key.running = true;
    }
}

/// The queue, the model, and the accounts of what went in and came out.
struct Bench {
    queue: Queue<usize, u32>,
    model: Model,
    now: Instant,
    causes: u32,
    delivered: BTreeSet<u32>,
    accepted: u64,
    handed_out: u64,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let backoff = Backoff::exponential(Duration::from_millis(20), Duration::from_millis(100));
        let rng = fastrand::Rng::with_seed(seed);
        Self {
            queue: Queue::new(LIMITS, backoff, rng.clone()),
            model: Model {
                keys: vec![Key::default(); KEYS],
                backoff,
                rng,
                closed: false,
                fired: 0,
            },
            now: Instant::now(),
            causes: 0,
            delivered: BTreeSet::new(),
            accepted: 0,
            handed_out: 0,
        }
    }

    fn apply(&mut self, op: &Op) {
        let now = self.now;
        let later = |ms: u64| now + Duration::from_millis(ms);
        match *op {
            Op::Add { key, priority } => self.add(key, priority, now),
            Op::AddLater { key, priority, delay } => self.add(key, priority, later(delay)),
            Op::Start => self.start(),
            Op::Finish { key, verdict } => {
                let retry = self.queue.finish(&key, verdict, now);
                assert_eq!(retry, self.model.finish(key, verdict, now));
            }
            Op::Reset { key } => {
                self.queue.reset_backoff(&key, now);
                self.model.fire(now);
                let state = &mut self.model.keys[key];
                (state.failures, state.step) = (0, 0);
                state.retry_at = state.retry_at.filter(|_| !state.running).map(|_| now);
                self.model.fire(now);
            }
            Op::Restore { key, failures, delay } => {
                self.queue.restore_backoff(key, failures, later(delay), now);
                if !self.model.closed && failures > 0 {
                    self.model.fire(now);
                    let state = &mut self.model.keys[key];
                    if !state.running && state.failures == 0 {
                        (state.failures, state.step) = (failures, failures);
                        state.retry_at = Some(later(delay));
                    }
                }
            }
            Op::Advance { by } => self.now = later(by),
            Op::Close => {
                self.queue.close();
                self.model.closed = true;
            }
        }
    }

    fn add(&mut self, key: usize, priority: Priority, at: Instant) {
        let now = self.now;
        let cause = self.causes;
        self.causes += 1;
        let add = Add { key, cause, priority };
        let answer =
            if at == now { self.queue.add(add, now) } else { self.queue.add_at(add, at, now) };
        if self.model.closed {
            assert_eq!(answer, Enqueued::Closed);
            return;
        }
        self.accepted += 1;
        self.model.fire(now);
        let key = &mut self.model.keys[key];
        let due = Due { trigger: Trigger::Caller(cause), priority, added: now, since: now };
        let place = if at == now { &mut key.pending } else { &mut key.reminder };
        let expected = if place.is_empty() { Enqueued::Queued } else { Enqueued::Merged };
        place.push(due);
        if at > now {
            key.reminder_at = Some(key.reminder_at.map_or(at, |earlier| earlier.min(at)));
        }
        assert_eq!(answer, expected);
    }

    fn start(&mut self) {
        let request = self.queue.start(self.now);
        self.model.start(request.as_ref(), self.now);
        if let Some(request) = &request {
            self.handed_out += request.causes.len() as u64 + request.omitted;
        }
        for cause in request.iter().flat_map(|request| request.causes.iter()) {
            if let Trigger::Caller(number) = cause.trigger {
                assert!(self.delivered.insert(number), "cause {number} was handed out twice");
            }
        }
    }

    fn check(&self) {
        let stats = self.queue.stats();
        let count = |condition: fn(&Key) -> bool| {
            self.model.keys.iter().filter(|key| condition(key)).count()
        };
        assert_eq!(stats.queued, count(|key| !key.pending.is_empty()));
        assert_eq!(stats.queued as u64, stats.adds - stats.gets);
        assert_eq!(stats.running, count(|key| key.running));
        assert!(stats.running <= LIMITS.concurrency);
        assert_eq!(stats.known, count(Key::known));
        assert_eq!(stats.waiting, count(|key| key.deadline().is_some()));
        let deadline = self.model.keys.iter().filter_map(Key::deadline).min();
        assert_eq!(self.queue.next_deadline(), deadline.filter(|_| !self.model.closed));

        let snapshot = self.queue.snapshot();
        let queued: BTreeSet<usize> = snapshot.queued.iter().copied().collect();
        assert_eq!(queued.len(), snapshot.queued.len(), "a key is queued twice");
        for (number, key) in self.model.keys.iter().enumerate() {
            assert_eq!(queued.contains(&number), !key.pending.is_empty());
            assert_eq!(snapshot.running.contains(&number), key.running);
        }
    }

    /// Lets everything succeed until nothing is left.
    fn run_dry(&mut self) {
        let bound = 4 * KEYS;
        for _ in 0..bound {
            for key in 0..KEYS {
                self.apply(&Op::Finish { key, verdict: Ok(Next::await_change()) });
                self.check();
                self.apply(&Op::Start);
                self.check();
            }
            self.apply(&Op::Advance { by: 1_000 });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_queue_answers_as_the_model_does_and_runs_dry(
        seed in any::<u64>(),
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut bench = Bench::new(seed);
        for op in &ops {
            bench.apply(op);
            bench.check();
        }
        bench.run_dry();
        if !bench.model.closed {
            let stats = bench.queue.stats();
            prop_assert_eq!((stats.queued, stats.running), (0, 0));
            prop_assert_eq!((stats.waiting, stats.known), (0, 0));
            prop_assert_eq!(stats.adds, stats.gets);
            prop_assert_eq!(bench.handed_out, bench.accepted + bench.model.fired);
        }
    }
}
