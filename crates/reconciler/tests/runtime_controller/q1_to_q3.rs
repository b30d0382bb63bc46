//! One key: queued at most once, never running twice, and never forgotten.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use futures::future;
use tokio::time::{sleep, timeout};
use trueup_reconciler::runtime::{Enqueued, Next, Priority};

use super::support::{
    Asked, Key, Log, at, controller, expect_quiet, next, numbers, retry, seconds, takes,
};

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
