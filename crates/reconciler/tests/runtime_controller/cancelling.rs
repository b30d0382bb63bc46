//! Passes that are asked to end early: by a handle, before their deadline, and at the shutdown.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{self, BoxFuture};
use futures::{FutureExt, StreamExt, stream};
use tokio::time::sleep;
use trueup_reconciler::runtime::{Next, PassResult, Priority};

use super::support::{
    Asked, Log, at, controller, expect_quiet, next, numbers, retry, seconds, takes,
};

/// A reconcile that goes on until it is asked to end, and then takes as long to clean up.
fn listens(
    cleaning: Duration,
) -> impl Fn(Asked, Arc<Log>) -> BoxFuture<'static, Result<Next, &'static str>> {
    move |request, log| {
        async move {
            let _running = log.enter(request.key);
            request.cancelled().await;
            assert!(request.is_cancelled() && request.clone().is_cancelled());
            log.enter("told");
            sleep(cleaning).await;
            Err("was asked to end")
        }
        .boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_cancelled_by_a_handle_ends_by_itself_with_its_own_result() {
    let log = Log::new();
    let controller = controller().watches(stream::iter(["a", "b"]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(listens(seconds(2)), retry, Arc::clone(&log));
    let cancel = async {
        sleep(seconds(5)).await;
        assert!(!handle.cancel(&"nobody"));
        assert!(handle.cancel(&"a"), "it runs");
        assert!(handle.cancel(&"a"), "it still does");
        sleep(seconds(1)).await;
        assert!(handle.cancel(&"a"), "it was told, and has not ended");
    };
    let (outcome, ()) = future::join(next(&mut outcomes), cancel).await;
    assert_eq!((outcome.key, log.elapsed()), ("a", 7));
    assert!(matches!(outcome.result, PassResult::Failed("was asked to end", _)));
    assert!(outcome.next_retry.is_some());
    assert_eq!(log.starts(), [("a", 0), ("b", 0), ("told", 5)], "b was not told");
    assert!(!handle.cancel(&"a"), "it waits for its retry");
    assert_eq!(handle.snapshot().running, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_does_not_listen_goes_on() {
    let controller = controller().watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(takes(seconds(30)), retry, Log::new());
    let cancel = async {
        sleep(seconds(5)).await;
        assert!(handle.cancel(&"a"));
    };
    let (outcome, ()) = future::join(next(&mut outcomes), cancel).await;
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.work_duration, seconds(30));
    expect_quiet(&mut outcomes).await;
}

#[tokio::test(start_paused = true)]
async fn only_the_pass_under_way_is_cancelled_and_none_that_follows() {
    let log = Log::new();
    let controller = controller().concurrency(1).timeout(seconds(60)).timeout_warning(seconds(0));
    let handle = controller.handle();
    handle.enqueue("a", 0, Priority::Event);
    assert!(!handle.cancel(&"a"), "it is only queued");
    let mut outcomes = controller.run(listens(seconds(1)), retry, Arc::clone(&log));
    let cancel = async {
        sleep(seconds(5)).await;
        handle.enqueue("a", 1, Priority::Event);
        assert!(handle.cancel(&"a"));
        assert!(handle.cancel(&"a"));
    };
    let (first, ()) = future::join(next(&mut outcomes), cancel).await;
    assert!(matches!(first.result, PassResult::Failed("was asked to end", _)));
    assert_eq!(log.elapsed(), 6, "what came before the pass did not count");
    let look_again = async {
        sleep(seconds(5)).await;
        // The controller has a look at everything, and finds nothing to cancel.
        handle.enqueue("b", 2, Priority::Event);
    };
    let (second, ()) = future::join(next(&mut outcomes), look_again).await;
    assert!(matches!(second.result, PassResult::TimedOut), "nobody cancelled this one");
    assert_eq!((second.key, log.elapsed(), numbers(&second)), ("a", 66, vec![1]));
}

#[tokio::test(start_paused = true)]
async fn a_pass_is_warned_before_its_deadline_and_its_own_result_counts_if_it_ends_in_time() {
    let log = Log::new();
    let controller = controller()
        .timeout(seconds(30))
        .timeout_warning(seconds(5))
        .watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let mut outcomes = controller.run(listens(seconds(3)), retry, Arc::clone(&log));
    let outcome = next(&mut outcomes).await;
    assert!(matches!(outcome.result, PassResult::Failed("was asked to end", _)));
    assert_eq!(outcome.work_duration, seconds(28));
    assert_eq!(log.starts(), [("a", 0), ("told", 25)]);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_was_warned_and_does_not_end_in_time_is_dropped_at_its_deadline() {
    let log = Log::new();
    let controller = controller()
        .timeout(seconds(30))
        .timeout_warning(seconds(5))
        .watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let mut outcomes = controller.run(listens(seconds(6)), retry, Arc::clone(&log));
    let outcome = next(&mut outcomes).await;
    assert!(matches!(outcome.result, PassResult::TimedOut));
    assert_eq!(outcome.work_duration, seconds(30));
    assert_eq!(log.starts(), [("a", 0), ("told", 25)]);
    assert_eq!(log.state(|state| state.running["a"]), 0, "the future is gone before the report");
}

#[tokio::test(start_paused = true)]
async fn a_warning_longer_than_the_timeout_comes_at_the_start() {
    let log = Log::new();
    let controller = controller()
        .timeout(seconds(3))
        .timeout_warning(seconds(5))
        .watches(at(&[(1, "a")]), |key| [(key, 0)]);
    let mut outcomes = controller.run(listens(seconds(2)), retry, Arc::clone(&log));
    let outcome = next(&mut outcomes).await;
    assert!(matches!(outcome.result, PassResult::Failed(..)));
    assert_eq!(log.starts(), [("a", 1), ("told", 1)]);
}

#[tokio::test(start_paused = true)]
async fn at_the_shutdown_all_passes_are_asked_to_end_and_have_the_drain_to_do_so() {
    let log = Log::new();
    let keys = ["a", "b", "c"];
    let controller = controller()
        .watches(stream::iter(keys), |key| [(key, 0)])
        .graceful_shutdown_on(sleep(seconds(5)))
        .drain_timeout(seconds(20));
    let outcomes: Vec<_> =
        controller.run(listens(seconds(4)), retry, Arc::clone(&log)).collect().await;
    assert_eq!((outcomes.len(), log.elapsed()), (3, 9), "nobody waits for the end of the drain");
    for outcome in outcomes {
        assert!(matches!(outcome.result, PassResult::Failed("was asked to end", _)));
    }
    assert_eq!(log.starts().iter().filter(|start| **start == ("told", 5)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_is_asked_before_it_was_first_polled_finds_out_at_once() {
    let log = Log::new();
    let controller = controller().watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(listens(seconds(0)), retry, Arc::clone(&log));
    // One poll starts the pass as a task, which has not had its turn yet.
    assert!(outcomes.next().now_or_never().is_none());
    let first = tokio::task::yield_now();
    assert!(outcomes.next().now_or_never().is_none());
    assert!(handle.cancel(&"a"));
    first.await;
    let outcome = next(&mut outcomes).await;
    assert!(matches!(outcome.result, PassResult::Failed("was asked to end", _)));
    assert_eq!(log.elapsed(), 0);
}
