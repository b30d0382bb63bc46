//! Failures that outlive the controller: what reaches the store, and what comes back from it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures::{StreamExt, future};
use tokio::time::{Instant, sleep, timeout};
use trueup_reconciler::runtime::{
    Backoff, ErrorPolicy, Next, Priority, RetryState, RetryStore, Trigger,
};

use super::store::{Store, locked};
use super::support::{
    Asked, Key, Keys, Log, at, controller, expect_quiet, next, retry, seconds, takes, triggers,
};

fn remembering(store: &Arc<Store>) -> Keys {
    controller().remember_retries(Arc::clone(store) as Arc<dyn RetryStore<Key>>)
}

/// A reconcile that fails so many times and then succeeds.
fn fails(
    times: u32,
) -> impl Fn(Asked, Arc<Log>) -> future::BoxFuture<'static, Result<Next, &'static str>> {
    move |request, log| {
        Box::pin(async move {
            let _running = log.enter(request.key);
            if request.attempt < times { Err("broken") } else { Ok(Next::await_change()) }
        })
    }
}

fn after(delay: u64) -> impl Fn(&Key, &&'static str, &Arc<Log>) -> ErrorPolicy + Send + Sync {
    move |_, _, _| ErrorPolicy::RetryAfter(seconds(delay))
}

#[tokio::test(start_paused = true)]
async fn failures_are_saved_and_forgotten_after_a_success() {
    let store = Arc::new(Store::default());
    let controller = remembering(&store).watches(at(&[(0, "a"), (0, "healthy")]), |key| [(key, 0)]);
    let reconcile = async |request: Asked, _: Arc<Log>| {
        if request.key == "a" && request.attempt < 2 {
            Err("broken")
        } else {
            Ok(Next::await_change())
        }
    };
    let mut outcomes = controller.run(reconcile, after(10), Log::new());
    for _ in 0..4 {
        next(&mut outcomes).await;
    }
    expect_quiet(&mut outcomes).await;
    assert_eq!(store.calls(), [[("a", 1)], [("a", 2)], [("a", 0)]], "the healthy cost no call");
    assert_eq!(store.saved("a"), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_saved_says_how_long_it_is_until_the_retry() {
    let store = Arc::new(Store::default());
    let controller = remembering(&store)
        .watches(at(&[(0, "a")]), |key| [(key, 0)])
        .graceful_shutdown_on(sleep(seconds(5)));
    let outcomes = controller.run(fails(9), after(100), Log::new());
    assert_eq!(outcomes.count().await, 1);
    let state = RetryState { failures: 1, step: 0, retry_in: seconds(100) };
    assert_eq!(store.saved("a"), Some(state));
}

#[tokio::test(start_paused = true)]
async fn q6_backoff_survives_a_restart_of_the_controller() {
    let store = Arc::new(Store::default());
    let backoff = Backoff::exponential(seconds(1_000), seconds(100_000));
    let log = Log::new();
    let first = remembering(&store)
        .backoff(backoff)
        .watches(at(&[(0, "a")]), |key| [(key, 0)])
        .graceful_shutdown_on(sleep(seconds(5)));
    let mut outcomes = first.run(fails(9), retry, Arc::clone(&log));
    let retry_at = next(&mut outcomes).await.next_retry.unwrap();
    assert!(outcomes.next().await.is_none());
    assert!(retry_at > log.origin + seconds(60), "or the seed is to be changed");

    sleep(seconds(30)).await;
    let second = remembering(&store).backoff(backoff);
    let handle = second.handle();
    let mut outcomes = second.run(fails(9), retry, Arc::clone(&log));
    let retried = next(&mut outcomes).await;
    let late = Instant::now().duration_since(retry_at);
    assert!(late <= Duration::from_millis(2), "it waited for what was left of the delay");
    assert_eq!((retried.attempt, triggers(&retried)), (1, vec![Trigger::Retry]));
    // The next delay is that of the second step.
    let expected = backoff.delay(1, &mut fastrand::Rng::with_seed(11));
    let delay = retried.next_retry.unwrap().duration_since(Instant::now());
    assert!(delay.abs_diff(expected) <= Duration::from_millis(2));
    assert_eq!(handle.state(&"a").unwrap().failures, 2);
}

#[tokio::test(start_paused = true)]
async fn an_event_after_a_restart_runs_the_key_at_once_and_leaves_its_backoff() {
    let store = Arc::new(Store::default());
    let state = RetryState { failures: 3, step: 2, retry_in: seconds(100) };
    locked(&store.saved).insert("a", (state, Instant::now()));
    let controller = remembering(&store).watches(at(&[(10, "a")]), |key| [(key, 7)]);
    let mut outcomes = controller.run(fails(9), retry, Log::new());
    let event = next(&mut outcomes).await;
    assert_eq!((event.attempt, triggers(&event)), (3, vec![Trigger::Caller(7)]));
    let left = event.next_retry.unwrap().duration_since(Instant::now());
    assert!(left.abs_diff(seconds(90)) <= Duration::from_millis(2));
    next(&mut outcomes).await;
    // It was not waited out at the event, and was at the retry.
    let saved = store.saved("a").unwrap();
    assert_eq!((saved.failures, saved.step), (4, 2));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_saved_is_tried_again_together_with_what_came_since() {
    let store = Arc::new(Store { failing: AtomicUsize::new(3), ..Store::default() });
    let times = [(0, "a"), (2, "b"), (4, "a"), (8, "a")];
    let controller = remembering(&store).watches(at(&times), |key| [(key, 0)]);
    let mut outcomes = controller.run(fails(9), after(1_000_000), Log::new());
    for _ in 0..4 {
        next(&mut outcomes).await;
    }
    assert!(timeout(seconds(100), outcomes.next()).await.is_err());
    let mut calls = store.calls();
    for call in &mut calls {
        call.sort_unstable();
    }
    // Failed at 0 s, 1 s and 2 s; and then one call at 3 s, and one for each later failure.
    assert_eq!(calls[..2], [[("a", 1)], [("a", 1)]]);
    assert!(calls.contains(&vec![("a", 1), ("b", 1)]), "{calls:?}");
    assert_eq!(store.saved("a").map(|state| state.failures), Some(3));
    assert_eq!(store.saved("b").map(|state| state.failures), Some(1));
    assert!(calls.len() <= 6, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn changes_during_a_slow_save_merge_into_the_next_one() {
    let store = Arc::new(Store { save_takes: Some(seconds(6)), ..Store::default() });
    let controller = remembering(&store)
        .watches(at(&[(0, "a"), (1, "a"), (2, "a"), (3, "a")]), |key| [(key, 0)]);
    let mut outcomes = controller.run(fails(9), after(1_000_000), Log::new());
    for _ in 0..4 {
        next(&mut outcomes).await;
    }
    assert!(timeout(seconds(100), outcomes.next()).await.is_err());
    assert_eq!(store.calls(), [[("a", 1)], [("a", 4)]]);
    assert_eq!(store.saved("a").map(|state| state.failures), Some(4));
}

#[tokio::test(start_paused = true)]
async fn many_failures_at_once_are_all_saved_in_batches() {
    let store = Arc::new(Store::default());
    let keys: Vec<Key> = (0..700).map(|n| &*format!("key {n}").leak()).collect();
    let controller = remembering(&store).watches(futures::stream::iter(keys), |key| [(key, 0)]);
    let mut outcomes = controller.run(fails(9), after(1_000_000), Log::new());
    for _ in 0..700 {
        next(&mut outcomes).await;
    }
    assert!(timeout(seconds(100), outcomes.next()).await.is_err());
    assert_eq!(locked(&store.saved).len(), 700);
    assert!(store.calls().iter().all(|call| call.len() <= 256));
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_before_the_store_was_asked_and_a_load_that_fails_is_done_without() {
    let load_takes = Some(seconds(3));
    let failing_loads = AtomicUsize::new(usize::MAX);
    let store = Arc::new(Store { load_takes, failing_loads, ..Store::default() });
    let log = Log::new();
    let controller = remembering(&store).watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let mut outcomes = controller.run(takes(seconds(1)), retry, Arc::clone(&log));
    assert_eq!(next(&mut outcomes).await.attempt, 0);
    assert_eq!(log.starts(), [("a", 3)]);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_loaded_is_corrected_once_it_can_be() {
    let store = Arc::new(Store { failing_loads: AtomicUsize::new(3), ..Store::default() });
    let state = RetryState { failures: 30, step: 30, retry_in: seconds(0) };
    for key in ["healthy", "broken", "unnamed"] {
        locked(&store.saved).insert(key, (state, Instant::now()));
    }
    let controller =
        remembering(&store).watches(at(&[(0, "healthy"), (0, "broken")]), |key| [(key, 0)]);
    let reconcile = async |request: Asked, _: Arc<Log>| match request.key {
        "healthy" => Ok(Next::await_change()),
        _ => Err("broken"),
    };
    let mut outcomes = controller.run(reconcile, after(1_000), Log::new());
    for _ in 0..2 {
        assert_eq!(next(&mut outcomes).await.attempt, 0);
    }
    assert!(timeout(seconds(100), outcomes.next()).await.is_err());
    assert_eq!(store.saved("healthy"), None, "or the next start would take it for failing");
    assert_eq!(store.saved("broken").map(|state| state.failures), Some(1));
    assert_eq!(store.saved("unnamed"), None);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_delays_the_start_by_no_more_than_its_deadline() {
    let store = Arc::new(Store { load_takes: Some(seconds(9_999)), ..Store::default() });
    let log = Log::new();
    let controller = remembering(&store).watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let mut outcomes = controller.run(takes(seconds(1)), retry, Arc::clone(&log));
    next(&mut outcomes).await;
    assert_eq!(log.starts(), [("a", 10)]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_due_while_the_store_is_asked_waits_without_spinning() {
    let store = Arc::new(Store { load_takes: Some(seconds(5)), ..Store::default() });
    let log = Log::new();
    let controller = remembering(&store);
    controller.handle().enqueue_after("a", 1, Priority::Event, seconds(1));
    let mut outcomes = controller.run(takes(seconds(1)), retry, Arc::clone(&log));
    let outcome = next(&mut outcomes).await;
    assert_eq!(outcome.queue_duration, seconds(4));
    assert_eq!(log.starts(), [("a", 5)]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_the_store_is_asked_ends_the_controller() {
    let store = Arc::new(Store { load_takes: Some(seconds(8)), ..Store::default() });
    let log = Log::new();
    let controller = remembering(&store)
        .watches(at(&[(0, "a")]), |key| [(key, 0)])
        .graceful_shutdown_on(sleep(seconds(2)));
    let outcomes = controller.run(takes(seconds(1)), retry, Arc::clone(&log));
    assert_eq!(outcomes.count().await, 0);
    assert_eq!(log.elapsed(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_drain_waits_for_what_is_left_to_save() {
    let store = Arc::new(Store { save_takes: Some(seconds(3)), ..Store::default() });
    let log = Log::new();
    let controller = remembering(&store)
        .watches(at(&[(0, "a")]), |key| [(key, 0)])
        .graceful_shutdown_on(sleep(seconds(5)))
        .drain_timeout(seconds(20));
    let reconcile = async |_: Asked, _: Arc<Log>| {
        sleep(seconds(8)).await;
        Err::<Next, _>("broken")
    };
    let outcomes = controller.run(reconcile, after(100), Arc::clone(&log));
    assert_eq!(outcomes.count().await, 1);
    assert_eq!(log.elapsed(), 11);
    assert_eq!(store.saved("a").map(|state| state.failures), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_save_that_hangs_does_not_hold_up_the_end_beyond_the_drain() {
    for failing in [0, usize::MAX] {
        let takes = if failing == 0 { seconds(9_999) } else { seconds(0) };
        let store = Arc::new(Store {
            save_takes: Some(takes),
            failing: AtomicUsize::new(failing),
            ..Store::default()
        });
        let log = Log::new();
        let controller = remembering(&store)
            .watches(at(&[(0, "a")]), |key| [(key, 0)])
            .graceful_shutdown_on(sleep(seconds(5)))
            .drain_timeout(seconds(20));
        let outcomes = controller.run(fails(9), after(100), Arc::clone(&log));
        assert_eq!(outcomes.count().await, 1);
        assert_eq!(log.elapsed(), 25);
        assert!(store.calls().len() > 1, "it was tried again meanwhile");
    }
}
