//! Failures in a row: what lengthens the backoff and what ends it.

use std::sync::Arc;
use std::time::Duration;

use futures::future;
use tokio::time::{Instant, sleep};
use trueup_reconciler::runtime::{Backoff, Controller, ErrorPolicy, Next, PassResult, Trigger};

use super::support::{
    Asked, Key, Log, at, controller, expect_quiet, next, numbers, retry, seconds, triggers,
};

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
