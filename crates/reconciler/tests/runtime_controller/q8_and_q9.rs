//! Whatever ends a pass frees its key; and the end of the controller itself.

use std::sync::Arc;

use futures::{StreamExt, future, stream};
use tokio::time::{sleep, timeout};
use trueup_reconciler::runtime::{Enqueued, ErrorPolicy, Next, PassResult, Priority};

use super::support::{Asked, Key, Log, at, controller, next, numbers, retry, seconds, takes};

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
