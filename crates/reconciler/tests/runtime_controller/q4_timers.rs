//! Reminders, retries and wake-ups come at their own times and leave each other alone.

use std::sync::Arc;
use std::time::Duration;

use trueup_reconciler::runtime::{Backoff, ErrorPolicy, Next, Priority, Trigger};

use super::support::{
    Asked, Key, Log, at, controller, expect_quiet, next, numbers, retry, seconds, takes, triggers,
};

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
