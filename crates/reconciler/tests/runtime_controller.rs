//! The controller on a paused clock: its invariants, one or more tests each.
//!
//! Time only moves when everything waits, so that "at 20 s" is exact. A test that would wait for
//! ever fails at a deadline of virtual time instead.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{Stream, StreamExt, future, stream};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use trueup_reconciler::runtime::{
    Backoff, Controller, Enqueued, ErrorPolicy, Next, Outcome, PassResult, Priority, Request,
    Trigger,
};

type Key = &'static str;
type Keys = Controller<Key, u32>;
type Asked = Request<Key, u32>;
type Passed<E = &'static str> = Outcome<Key, u32, E>;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn controller() -> Keys {
    Controller::new("test", fastrand::Rng::with_seed(11))
}

/// A stream that yields each key at its second.
fn at(times: &[(u64, Key)]) -> impl Stream<Item = Key> + Send + use<> {
    let start = Instant::now();
    stream::iter(times.to_vec()).then(move |(second, key)| async move {
        sleep_until(start + seconds(second)).await;
        key
    })
}

/// The next outcome, or a failure of the test after a thousand hours without one.
async fn next<O>(outcomes: &mut (impl Stream<Item = O> + Unpin)) -> O {
    match timeout(seconds(3_600_000), outcomes.next()).await {
        Ok(Some(outcome)) => outcome,
        Ok(None) => panic!("the controller ended"),
        Err(tokio::time::error::Elapsed { .. }) => panic!("no outcome came"),
    }
}

/// Fails the test if any outcome comes within a thousand hours.
async fn expect_quiet<O>(outcomes: &mut (impl Stream<Item = O> + Unpin)) {
    let quiet = timeout(seconds(3_600_000), outcomes.next()).await;
    assert!(quiet.is_err(), "something ran, or the controller ended");
}

fn retry<E>(_key: &Key, _error: &E, _ctx: &Arc<Log>) -> ErrorPolicy {
    ErrorPolicy::Retry
}

/// The caller's causes of a pass.
fn numbers<E>(outcome: &Passed<E>) -> Vec<u32> {
    let number = |trigger: &Trigger<u32>| match trigger {
        Trigger::Caller(number) => Some(*number),
        Trigger::Retry | Trigger::WakeUp => None,
    };
    outcome.causes.iter().filter_map(|cause| number(&cause.trigger)).collect()
}

fn triggers<E>(outcome: &Passed<E>) -> Vec<Trigger<u32>> {
    outcome.causes.iter().map(|cause| cause.trigger.clone()).collect()
}

/// When which pass ran, in seconds since the log was made, and how many did at once.
struct Log {
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    starts: Vec<(Key, u64)>,
    running: HashMap<Key, usize>,
    most_at_once: usize,
    most_of_one_key: usize,
}

impl Log {
    fn new() -> Arc<Self> {
        Arc::new(Self { origin: Instant::now(), state: Mutex::default() })
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn starts(&self) -> Vec<(Key, u64)> {
        self.state(|state| state.starts.clone())
    }

    fn elapsed(&self) -> u64 {
        self.origin.elapsed().as_secs()
    }

    /// Notes a pass from now until the guard is dropped.
    fn enter(self: &Arc<Self>, key: Key) -> Running {
        let second = self.elapsed();
        self.state(|state| {
            state.starts.push((key, second));
            let of_key = state.running.entry(key).or_default();
            *of_key += 1;
            state.most_of_one_key = state.most_of_one_key.max(*of_key);
            state.most_at_once = state.most_at_once.max(state.running.values().sum());
        });
        Running { log: Arc::clone(self), key }
    }
}

struct Running {
    log: Arc<Log>,
    key: Key,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.log.state(|state| {
            if let Some(count) = state.running.get_mut(self.key) {
                *count -= 1;
            }
        });
    }
}

/// A reconcile that takes this long and succeeds.
fn takes(
    duration: Duration,
) -> impl Fn(Asked, Arc<Log>) -> future::BoxFuture<'static, Result<Next, &'static str>> {
    move |request, log| {
        Box::pin(async move {
            let _running = log.enter(request.key);
            sleep(duration).await;
            Ok(Next::await_change())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn q1_a_key_is_queued_at_most_once() {
    let controller = controller().concurrency(1).watches(at(&[(0, "busy")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(takes(seconds(10)), retry, Log::new());
    let adds = async {
        sleep(seconds(1)).await;
        assert_eq!(handle.enqueue("a", 1, Priority::Event), Enqueued::Queued);
        assert_eq!(handle.enqueue("a", 2, Priority::Resync), Enqueued::Merged);
        assert_eq!(handle.enqueue("a", 3, Priority::User), Enqueued::Merged);
        assert_eq!(handle.depth(), 1);
        assert_eq!(handle.snapshot().queued, ["a"]);
        assert_eq!(handle.snapshot().running, ["busy"]);
    };
    let (first, ()) = future::join(next(&mut outcomes), adds).await;
    assert_eq!(first.key, "busy");
    let second = next(&mut outcomes).await;
    assert_eq!((second.key, numbers(&second)), ("a", vec![1, 2, 3]));
    assert_eq!((second.queue_duration, second.work_duration), (seconds(9), seconds(10)));
    expect_quiet(&mut outcomes).await;
}

#[tokio::test(start_paused = true)]
async fn q2_a_key_never_runs_twice_at_once() {
    let log = Log::new();
    let many: Vec<(u64, Key)> =
        (0..100).flat_map(|n| ["a", "b", "c"].map(|key| (3 * n / 5, key))).collect();
    let controller = controller().concurrency(8).watches(at(&many), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(takes(seconds(7)), retry, Arc::clone(&log));
    while handle.stats().gets == 0 || handle.stats().known > 0 {
        next(&mut outcomes).await;
    }
    expect_quiet(&mut outcomes).await;
    assert_eq!(log.state(|state| (state.most_of_one_key, state.most_at_once)), (1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q2_q10_and_q11_hold_when_handles_add_from_several_threads() {
    const PER_TASK: u32 = 2_000;
    let log = Log::new();
    let controller = controller().concurrency(2).cause_limit(usize::MAX);
    let handle = controller.handle();
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(Next::await_change())
    };
    let mut outcomes = controller.run(reconcile, retry, Arc::clone(&log));
    let mut adders = tokio::task::JoinSet::new();
    for task in 0..3 {
        let handle = handle.clone();
        adders.spawn(async move {
            for number in task * PER_TASK..(task + 1) * PER_TASK {
                handle.enqueue(["a", "b", "c"][number as usize % 3], number, Priority::Event);
                if number % 16 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    let mut seen = BTreeSet::new();
    let all = async {
        while seen.len() < 3 * PER_TASK as usize {
            for number in numbers(&next(&mut outcomes).await) {
                assert!(seen.insert(number), "cause {number} was handed out twice");
            }
        }
    };
    assert!(timeout(seconds(30), all).await.is_ok(), "an addition was lost, or its wake-up");
    assert_eq!(log.state(|state| state.most_of_one_key), 1);
    let stats = handle.stats();
    assert_eq!((stats.adds, stats.known, stats.omitted), (stats.gets, 0, 0));
    adders.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn q3_an_add_during_a_run_leads_to_another_run_that_starts_after_it() {
    let log = Log::new();
    let controller = controller().watches(at(&[(0, "a"), (4, "a"), (5, "a")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(takes(seconds(10)), retry, Arc::clone(&log));
    let look = async {
        sleep(seconds(6)).await;
        assert_eq!((handle.snapshot().queued, handle.snapshot().running), (vec!["a"], vec!["a"]));
    };
    let (first, ()) = future::join(next(&mut outcomes), look).await;
    assert_eq!(first.causes.len(), 1);
    let second = next(&mut outcomes).await;
    assert_eq!(second.causes.len(), 2);
    expect_quiet(&mut outcomes).await;
    assert_eq!(log.starts(), [("a", 0), ("a", 10)]);
}

#[tokio::test(start_paused = true)]
async fn q4_the_earliest_deadline_wins_and_nothing_runs_before_it() {
    let log = Log::new();
    let controller = controller();
    let handle = controller.handle();
    handle.enqueue_after("a", 1, Priority::Event, seconds(60));
    handle.enqueue_after("a", 2, Priority::Event, seconds(20));
    handle.enqueue_after("a", 3, Priority::Event, seconds(40));
    let mut outcomes = controller.run(takes(seconds(0)), retry, Arc::clone(&log));
    assert_eq!(numbers(&next(&mut outcomes).await), [1, 2, 3]);
    expect_quiet(&mut outcomes).await;
    assert_eq!(log.starts(), [("a", 20)]);
}

#[tokio::test(start_paused = true)]
async fn q4_a_run_before_its_deadline_leaves_a_reminder_standing() {
    let log = Log::new();
    let controller = controller().watches(at(&[(5, "a")]), |key| [(key, 1)]);
    controller.handle().enqueue_after("a", 2, Priority::Event, seconds(20));
    let mut outcomes = controller.run(takes(seconds(0)), retry, Arc::clone(&log));
    assert_eq!(numbers(&next(&mut outcomes).await), [1]);
    assert_eq!(numbers(&next(&mut outcomes).await), [2]);
    assert_eq!(log.starts(), [("a", 5), ("a", 20)]);
}

#[tokio::test(start_paused = true)]
async fn q4_an_event_during_a_backoff_runs_at_once_and_neither_resets_nor_lengthens_it() {
    let log = Log::new();
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        Err::<Next, _>("still broken")
    };
    // The first delay is drawn from at most 1,000 s and is longer than 3 s with this seed.
    let backoff = Backoff::exponential(seconds(1_000), seconds(100_000));
    let controller = controller()
        .backoff(backoff)
        .watches(at(&[(0, "a"), (1, "a"), (2, "a"), (3, "a")]), |key| [(key, 7)]);
    let mut outcomes = controller.run(reconcile, retry, Arc::clone(&log));
    let first = next(&mut outcomes).await;
    let retry_at = first.next_retry.unwrap();
    assert!(retry_at > log.origin + seconds(3));
    for attempt in 1..=3 {
        let event = next(&mut outcomes).await;
        assert_eq!((event.attempt, numbers(&event)), (attempt, vec![7]));
        assert_eq!(event.next_retry, Some(retry_at));
    }
    let retried = next(&mut outcomes).await;
    assert_eq!((retried.attempt, triggers(&retried)), (4, vec![Trigger::Retry]));
    let expected = retry_at.duration_since(log.origin).as_secs();
    assert!(log.elapsed().abs_diff(expected) <= 1, "the retry came at its own time");
    // The second step of the backoff, not the fifth.
    let mut rng = fastrand::Rng::with_seed(11);
    let delays = [0, 1].map(|step| backoff.delay(step, &mut rng));
    let last = retried.next_retry.unwrap();
    assert!(last.duration_since(retry_at).abs_diff(delays[1]) <= Duration::from_millis(2));
}

#[tokio::test(start_paused = true)]
async fn q4_a_backoff_does_not_swallow_a_wake_up() {
    let log = Log::new();
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        match log.starts().len() {
            1 => Ok(Next::requeue_after(seconds(60))),
            2 | 3 => Err("broken"),
            _ => Ok(Next::await_change()),
        }
    };
    let controller = controller().watches(at(&[(0, "a"), (10, "a")]), |key| [(key, 0)]);
    let late = |_: &Key, _: &&str, _: &Arc<Log>| ErrorPolicy::RetryAfter(seconds(500));
    let mut outcomes = controller.run(reconcile, late, Arc::clone(&log));
    assert_eq!(next(&mut outcomes).await.next_retry, None);
    assert_eq!(next(&mut outcomes).await.next_retry, Some(log.origin + seconds(510)));
    let woken = next(&mut outcomes).await;
    assert_eq!((log.elapsed(), triggers(&woken)), (60, vec![Trigger::WakeUp]));
    let retried = next(&mut outcomes).await;
    assert_eq!((log.elapsed(), triggers(&retried)), (560, vec![Trigger::Retry]));
    expect_quiet(&mut outcomes).await;
}

#[tokio::test(start_paused = true)]
async fn q4_a_wake_up_is_no_retry_and_the_latest_success_decides_about_it() {
    let log = Log::new();
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        Ok::<_, &str>(match log.starts().len() {
            1 | 2 => Next::requeue_after(seconds(60)),
            _ => Next::await_change(),
        })
    };
    let times = [(0, "a"), (30, "a"), (95, "a")];
    let controller = controller().watches(at(&times), |key| [(key, 0)]);
    let mut outcomes = controller.run(reconcile, retry, Arc::clone(&log));
    for _ in 0..4 {
        assert_eq!(next(&mut outcomes).await.attempt, 0);
    }
    expect_quiet(&mut outcomes).await;
    assert_eq!(log.starts(), [("a", 0), ("a", 30), ("a", 90), ("a", 95)]);
}

#[tokio::test(start_paused = true)]
async fn q5_a_resync_is_served_although_users_keep_every_place_busy() {
    let log = Log::new();
    let flood = stream::unfold(0_u64, |turn| async move {
        sleep(seconds(1)).await;
        Some((["u", "v", "w"], turn + 1))
    });
    let controller = controller()
        .concurrency(1)
        .aging(seconds(5))
        .watches(flood, |users| users.map(|user| (user, 1, Priority::User)))
        .watches(at(&[(3, "quiet")]), |key| [(key, 2, Priority::Resync)]);
    let mut outcomes = controller.run(takes(seconds(1)), retry, Arc::clone(&log));
    let mut outcome = next(&mut outcomes).await;
    while outcome.key != "quiet" {
        assert!(log.elapsed() < 60, "the resync starves");
        outcome = next(&mut outcomes).await;
    }
    // Three aging intervals, and then those three who were in line.
    assert!(outcome.queue_duration >= seconds(10), "users went first for a while");
    assert!(outcome.queue_duration <= seconds(15 + 4));
}

#[tokio::test(start_paused = true)]
async fn q6_backoff_is_exponential_capped_and_jittered_and_repeats_with_its_seed() {
    async fn delays(seed: u64) -> Vec<Duration> {
        let backoff = Backoff::exponential(seconds(1), seconds(8));
        let controller = Controller::new("test", fastrand::Rng::with_seed(seed))
            .backoff(backoff)
            .watches(at(&[(0, "a")]), |key| [(key, 0)]);
        let reconcile = async |_: Asked, _: Arc<Log>| Err::<Next, _>("broken");
        let mut outcomes = controller.run(reconcile, retry, Log::new());
        let mut delays = Vec::new();
        for attempt in 0..40 {
            let outcome = next(&mut outcomes).await;
            assert_eq!(outcome.attempt, attempt);
            let delay = outcome.next_retry.unwrap().duration_since(Instant::now());
            assert!(delay <= backoff.ceiling(attempt), "attempt {attempt} waits {delay:?}");
            delays.push(delay);
        }
        delays
    }
    let run = delays(5).await;
    let (low, high) = (seconds(2), seconds(6));
    assert!(run.iter().skip(3).any(|delay| *delay < low), "no jitter at the low end");
    assert!(run.iter().skip(3).any(|delay| *delay > high), "the backoff does not grow");
    assert_eq!(run, delays(5).await);
    assert_ne!(run, delays(6).await);
}

#[tokio::test(start_paused = true)]
async fn q6_a_success_resets_the_backoff() {
    let reconcile = async |_: Asked, log: Arc<Log>| {
        let _running = log.enter("a");
        if log.starts().len() == 4 { Ok(Next::await_change()) } else { Err("broken") }
    };
    let controller = controller()
        .backoff(Backoff::exponential(seconds(1), seconds(64)))
        .watches(at(&[(0, "a"), (1_000, "a")]), |key| [(key, 0)]);
    let mut outcomes = controller.run(reconcile, retry, Log::new());
    for attempt in [0, 1, 2, 3] {
        assert_eq!(next(&mut outcomes).await.attempt, attempt);
    }
    let later = next(&mut outcomes).await;
    assert_eq!((later.attempt, numbers(&later)), (0, vec![0]));
    assert!(later.next_retry.unwrap().duration_since(Instant::now()) <= seconds(1));
}

#[tokio::test(start_paused = true)]
async fn q6_reset_backoff_brings_the_retry_forward_and_starts_the_count_again() {
    let log = Log::new();
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        Err::<Next, _>("broken")
    };
    let late = |_: &Key, _: &&str, _: &Arc<Log>| ErrorPolicy::RetryAfter(seconds(500));
    let controller = controller().watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(reconcile, late, Arc::clone(&log));
    next(&mut outcomes).await;
    let reset = async {
        sleep(seconds(30)).await;
        handle.reset_backoff(&"a");
        handle.reset_backoff(&"nobody");
    };
    let (again, ()) = future::join(next(&mut outcomes), reset).await;
    assert_eq!((again.attempt, triggers(&again)), (0, vec![Trigger::Retry]));
    assert_eq!(log.starts(), [("a", 0), ("a", 30)]);
}

#[tokio::test(start_paused = true)]
async fn q6_a_terminal_error_waits_for_a_change_and_forgets_the_failures() {
    let reconcile = async |_: Asked, _: Arc<Log>| Err::<Next, _>("never");
    let terminal = |_: &Key, _: &&str, _: &Arc<Log>| ErrorPolicy::Terminal;
    let controller = controller().watches(at(&[(0, "a"), (9, "a")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(reconcile, terminal, Log::new());
    for _ in 0..2 {
        let outcome = next(&mut outcomes).await;
        assert_eq!((outcome.attempt, outcome.next_retry), (0, None));
        assert!(matches!(outcome.result, PassResult::Failed("never", ErrorPolicy::Terminal)));
    }
    expect_quiet(&mut outcomes).await;
    assert_eq!(handle.stats().known, 0);
}

#[tokio::test(start_paused = true)]
async fn q7_at_most_n_passes_are_in_flight() {
    let log = Log::new();
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let controller =
        controller().concurrency(3).watches(stream::iter([keys]), |keys| keys.map(|key| (key, 0)));
    let mut outcomes = controller.run(takes(seconds(5)), retry, Arc::clone(&log));
    for _ in keys {
        next(&mut outcomes).await;
    }
    assert_eq!(log.state(|state| state.most_at_once), 3);
    assert_eq!(log.elapsed(), 15, "three rounds: the places were used");
}

#[tokio::test(start_paused = true)]
async fn q8_a_panic_anywhere_in_a_pass_releases_the_key_and_is_retried() {
    // Not async, so that the first panic comes before there is a future.
    fn reconcile(
        request: Asked,
        log: Arc<Log>,
    ) -> future::BoxFuture<'static, Result<Next, &'static str>> {
        assert!(request.attempt != 0, "before the future");
        Box::pin(async move {
            let _running = log.enter(request.key);
            let attempt = request.attempt;
            drop(request);
            tokio::task::yield_now().await;
            match attempt {
                1 => panic!("within the {}", "future"),
                2 => Err("broken"),
                _ => Ok(Next::await_change()),
            }
        })
    }
    fn on_error(_: &Key, _: &&str, _: &Arc<Log>) -> ErrorPolicy {
        panic!("within on_error")
    }
    let controller = controller().watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(reconcile, on_error, Log::new());
    for (attempt, said) in
        [(0, "before the future"), (1, "within the future"), (2, "within on_error")]
    {
        let outcome = next(&mut outcomes).await;
        assert_eq!(outcome.attempt, attempt);
        assert!(outcome.next_retry.is_some());
        assert!(handle.snapshot().running.is_empty());
        let PassResult::Panicked(message) = outcome.result else { panic!("no panic reported") };
        assert_eq!(message, said);
    }
    assert!(next(&mut outcomes).await.result.is_ok());
    assert_eq!(handle.stats().known, 0);
}

#[tokio::test(start_paused = true)]
async fn q8_a_pass_that_runs_out_of_time_is_dropped_released_and_retried() {
    let log = Log::new();
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        if request.attempt == 0 {
            future::pending::<()>().await;
        }
        Ok::<_, &str>(Next::await_change())
    };
    let controller = controller().timeout(seconds(30)).watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let mut outcomes = controller.run(reconcile, retry, Arc::clone(&log));
    let late = next(&mut outcomes).await;
    assert!(matches!(late.result, PassResult::TimedOut));
    assert_eq!(late.work_duration, seconds(30));
    assert!(late.next_retry.is_some());
    assert_eq!(log.state(|state| state.running["a"]), 0, "the future is gone before the report");
    let retried = next(&mut outcomes).await;
    assert!(retried.result.is_ok());
    assert_eq!(retried.attempt, 1);
}

#[tokio::test(start_paused = true)]
async fn q9_after_shutdown_nothing_starts_and_the_drain_waits_for_what_runs() {
    let log = Log::new();
    let controller = controller()
        .concurrency(1)
        .watches(at(&[(0, "a"), (1, "b"), (6, "c")]), |key| [(key, 0)])
        .graceful_shutdown_on(sleep(seconds(5)));
    let handle = controller.handle();
    handle.enqueue_after("d", 1, Priority::User, seconds(7));
    let outcomes: Vec<_> =
        controller.run(takes(seconds(10)), retry, Arc::clone(&log)).collect().await;
    assert_eq!(log.elapsed(), 10);
    assert_eq!(outcomes.len(), 1);
    assert!(outcomes[0].result.is_ok());
    assert_eq!(log.starts(), [("a", 0)]);
    assert_eq!(handle.snapshot().queued, ["b"], "what never ran can be seen");
    assert_eq!(handle.enqueue("e", 2, Priority::User), Enqueued::Closed);
    assert_eq!(handle.enqueue_after("e", 2, Priority::User, seconds(1)), Enqueued::Closed);
}

#[tokio::test(start_paused = true)]
async fn q9_draining_ends_at_its_deadline_and_reports_what_was_cut() {
    let log = Log::new();
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        match request.key {
            "quick" => sleep(seconds(8)).await,
            _ => future::pending().await,
        }
        Ok::<_, &str>(Next::await_change())
    };
    let keys = ["stuck 1", "quick", "stuck 2"];
    let controller = controller()
        .watches(stream::iter(keys), |key| [(key, 4)])
        .graceful_shutdown_on(sleep(seconds(5)))
        .drain_timeout(seconds(20));
    let handle = controller.handle();
    let mut outcomes = controller.run(reconcile, retry, Arc::clone(&log));
    let drained = next(&mut outcomes).await;
    assert_eq!((drained.key, log.elapsed()), ("quick", 8));
    for key in ["stuck 1", "stuck 2"] {
        let cut = next(&mut outcomes).await;
        assert_eq!((cut.key, log.elapsed(), numbers(&cut)), (key, 25, vec![4]));
        assert!(matches!(cut.result, PassResult::Cancelled));
        assert_eq!((cut.work_duration, cut.next_retry), (seconds(25), None));
    }
    assert!(outcomes.next().await.is_none());
    assert!(outcomes.next().await.is_none(), "the end is the end");
    assert!(handle.snapshot().running.is_empty());
    tokio::task::yield_now().await;
    assert_eq!(log.state(|state| state.running.values().sum::<usize>()), 0, "the tasks are gone");
}

#[tokio::test(start_paused = true)]
async fn q9_the_sources_are_let_go_at_the_shutdown() {
    let held = Arc::new(());
    let holder = Arc::clone(&held);
    let endless = stream::pending::<Key>().chain(stream::once(async move {
        drop(holder);
        "never"
    }));
    let controller = controller()
        .watches(endless, |key| [(key, 0)])
        .watches(at(&[(0, "a")]), |key| [(key, 0)])
        .graceful_shutdown_on(sleep(seconds(5)));
    let mut outcomes = controller.run(takes(seconds(10)), retry, Log::new());
    assert_eq!(Arc::strong_count(&held), 2);
    next(&mut outcomes).await;
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test(start_paused = true)]
async fn q9_dropping_the_stream_aborts_the_passes_and_closes_the_handles() {
    let log = Log::new();
    let controller = controller().watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(takes(seconds(100)), retry, Arc::clone(&log));
    assert!(timeout(seconds(5), outcomes.next()).await.is_err());
    assert_eq!(handle.snapshot().running, ["a"]);
    drop(outcomes);
    tokio::task::yield_now().await;
    assert_eq!(log.state(|state| state.running["a"]), 0);
    assert!(handle.snapshot().running.is_empty());
    assert_eq!(handle.enqueue("a", 1, Priority::User), Enqueued::Closed);
}

#[tokio::test(start_paused = true)]
async fn q10_depth_is_adds_minus_gets_and_nothing_is_kept_when_idle() {
    let keys = ["a", "b", "c", "d", "e"];
    let mut rng = fastrand::Rng::with_seed(99);
    let many: Vec<_> = (0..200).map(|n| (n / 4, keys[rng.usize(0..5)])).collect();
    let controller = controller()
        .concurrency(2)
        .backoff(Backoff::exponential(seconds(1), seconds(4)))
        .watches(at(&many), |key| [(key, 0)]);
    let handle = controller.handle();
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        sleep(seconds(1)).await;
        match log.starts().len() % 4 {
            0 => Err("broken"),
            1 if log.elapsed() < 100 => Ok(Next::requeue_after(seconds(3))),
            _ => Ok(Next::await_change()),
        }
    };
    let mut outcomes = controller.run(reconcile, retry, Log::new());
    let mut finished = 0;
    while handle.stats().known > 0 || finished == 0 {
        next(&mut outcomes).await;
        finished += 1;
        let stats = handle.stats();
        assert_eq!(stats.adds.checked_sub(stats.gets), Some(stats.queued as u64));
        assert_eq!(handle.depth(), stats.queued);
        assert_eq!(stats.gets, finished + stats.running as u64);
    }
    expect_quiet(&mut outcomes).await;
    let stats = handle.stats();
    assert_eq!((stats.adds, stats.queued, stats.running), (stats.gets, 0, 0));
    assert_eq!((stats.waiting, stats.known), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn q11_every_cause_is_attached_to_exactly_one_pass_and_the_merged_ones_are_all_kept() {
    let keys = ["a", "b", "c"];
    let mut rng = fastrand::Rng::with_seed(4);
    let many: Vec<_> = (0..300).map(|n| (n / 6, keys[rng.usize(0..3)])).collect();
    let mut number = 0;
    let controller = controller().concurrency(2).watches(at(&many), move |key| {
        number += 1;
        [(key, number)]
    });
    // Every other pass fails or panics: the causes were delivered all the same, and once.
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        sleep(seconds(2)).await;
        match log.starts().len() % 3 {
            0 => Err("broken"),
            1 => panic!("broken badly"),
            _ => Ok(Next::await_change()),
        }
    };
    let handle = controller.handle();
    let mut outcomes = controller.run(reconcile, retry, Log::new());
    let mut seen = Vec::new();
    while seen.len() < many.len() || handle.stats().known > 0 {
        seen.extend(numbers(&next(&mut outcomes).await));
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=300).collect::<Vec<u32>>());
}

#[tokio::test(start_paused = true)]
async fn q11_beyond_the_bound_causes_are_counted() {
    let controller = controller();
    let handle = controller.handle();
    for number in 0..100 {
        handle.enqueue("a", number, Priority::Event);
    }
    let mut outcomes = controller.run(takes(seconds(1)), retry, Log::new());
    let outcome = next(&mut outcomes).await;
    assert_eq!(numbers(&outcome), (0..64).collect::<Vec<_>>());
    assert_eq!((outcome.omitted, handle.stats().omitted), (36, 36));
}

#[tokio::test(start_paused = true)]
async fn a_resync_lists_at_once_and_at_every_interval_and_a_slow_list_is_dropped() {
    let log = Log::new();
    let mut round = 0;
    let controller = controller().resync(seconds(30), move || {
        round += 1;
        let slow = round == 2;
        async move {
            if slow {
                future::pending::<()>().await;
            }
            vec![("a", round), ("b", round)]
        }
    });
    let mut outcomes = controller.run(takes(seconds(0)), retry, Arc::clone(&log));
    for _ in 0..6 {
        let outcome = next(&mut outcomes).await;
        assert_eq!(outcome.causes[0].priority, Priority::Resync);
    }
    let seconds: Vec<_> = log.starts().into_iter().map(|(_, second)| second).collect();
    assert_eq!(seconds, [0, 0, 60, 60, 90, 90]);
}

#[tokio::test(start_paused = true)]
async fn resyncs_that_were_missed_while_nobody_polled_are_not_made_up_for() {
    let log = Log::new();
    let controller = controller().resync(seconds(30), async || [("a", 0)]);
    let mut outcomes = controller.run(takes(seconds(0)), retry, Arc::clone(&log));
    next(&mut outcomes).await;
    sleep(seconds(200)).await;
    next(&mut outcomes).await;
    next(&mut outcomes).await;
    assert_eq!(log.starts(), [("a", 0), ("a", 200), ("a", 230)]);
}

#[tokio::test(start_paused = true)]
async fn a_source_may_name_no_key_or_several_and_its_end_does_not_end_the_controller() {
    let log = Log::new();
    let controller = controller()
        .watches(stream::iter([0_usize, 2]), |count| {
            [("a", 1), ("b", 2)].into_iter().take(count).collect::<Vec<_>>()
        })
        .watches(at(&[(50, "c")]), |key| Some((key, 3, Priority::User)));
    let mut outcomes = controller.run(takes(seconds(1)), retry, Arc::clone(&log));
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(next(&mut outcomes).await.key);
    }
    expect_quiet(&mut outcomes).await;
    assert_eq!(keys, ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_with_more_items_than_are_taken_in_at_once_is_read_to_its_end() {
    let items = stream::iter(0..1_000);
    let controller = controller().watches(items, |item| (item == 999).then_some(("last", 0)));
    let mut outcomes = controller.run(takes(Duration::ZERO), retry, Log::new());
    assert_eq!(next(&mut outcomes).await.key, "last");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_always_ready_does_not_hold_up_the_passes() {
    let endless = stream::repeat("a");
    let controller = controller().watches(endless, |key| [(key, 0)]);
    let mut outcomes = controller.run(takes(Duration::ZERO), retry, Log::new());
    for _ in 0..100 {
        assert_eq!(outcomes.next().await.map(|outcome| outcome.key), Some("a"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_pass_comes_out_before_the_next_pass_of_its_key_starts() {
    let log = Log::new();
    let controller = controller().watches(at(&[(0, "a"), (1, "a")]), |key| [(key, 0)]);
    let mut outcomes = controller.run(takes(seconds(5)), retry, Arc::clone(&log));
    next(&mut outcomes).await;
    assert_eq!(log.starts().len(), 1);
    next(&mut outcomes).await;
    assert_eq!(log.starts().len(), 2);
}
