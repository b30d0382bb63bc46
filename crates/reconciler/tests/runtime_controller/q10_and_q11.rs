//! The accounts: of keys, and of causes.

use std::sync::Arc;

use tokio::time::sleep;
use trueup_reconciler::runtime::{Backoff, Next, Priority};

use super::support::{
    Asked, Log, at, controller, expect_quiet, next, numbers, retry, seconds, takes,
};

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
