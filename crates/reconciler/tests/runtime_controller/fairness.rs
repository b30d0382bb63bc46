//! Owners, the rate limit and hot loops, as the controller's settings.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use tokio::time::sleep;
use trueup_reconciler::runtime::{HotLoopLimit, Next, Owner, Priority, RateLimit};

use super::support::{Asked, Key, Log, at, controller, expect_quiet, next, retry, seconds, takes};

const MANY: [Key; 6] = ["m1", "m2", "m3", "m4", "m5", "m6"];

/// The first letter of a key says whose it is.
fn owner(key: &Key) -> Owner {
    Owner::new(&key[..1])
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[tokio::test(start_paused = true)]
async fn owners_take_turns_however_many_keys_each_has() {
    let log = Log::new();
    let controller = controller()
        .concurrency(1)
        .fair_between(owner)
        .watches(stream::iter([MANY.as_slice(), &["f1"], &["g1", "g2"]]), |keys: &[Key]| {
            keys.iter().map(|key| (*key, 0)).collect::<Vec<_>>()
        });
    let mut outcomes = controller.run(takes(seconds(1)), retry, Arc::clone(&log));
    let mut order = Vec::new();
    for _ in 0..9 {
        order.push(next(&mut outcomes).await.key);
    }
    assert_eq!(order, ["m1", "f1", "g1", "m2", "g2", "m3", "m4", "m5", "m6"]);
    expect_quiet(&mut outcomes).await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_at_its_limit_leaves_room_and_goes_on_when_one_of_its_passes_ends() {
    let log = Log::new();
    let controller = controller()
        .concurrency(3)
        .fair_between(owner)
        .concurrency_per_owner(2)
        .watches(stream::iter(MANY), |key| [(key, 0)])
        .watches(at(&[(4, "f1")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(takes(seconds(10)), retry, Arc::clone(&log));
    let look = async {
        sleep(seconds(1)).await;
        assert_eq!(handle.snapshot().running, ["m1", "m2"]);
        assert_eq!(handle.snapshot().queued, ["m3", "m4", "m5", "m6"]);
    };
    let (_, ()) = futures::future::join(next(&mut outcomes), look).await;
    for _ in 1..7 {
        next(&mut outcomes).await;
    }
    let expected =
        [("m1", 0), ("m2", 0), ("f1", 4), ("m3", 10), ("m4", 10), ("m5", 20), ("m6", 20)];
    assert_eq!(log.starts(), expected);
    assert_eq!(handle.stats().owners, 0);
}

#[tokio::test(start_paused = true)]
async fn starts_are_paced_by_the_rate_limit() {
    let controller = controller()
        .rate_limit(RateLimit::per_second(10, 3))
        .watches(stream::iter(MANY), |key| [(key, 0)]);
    let handle = controller.handle();
    let mut outcomes = controller.run(takes(Duration::ZERO), retry, Log::new());
    let mut waited = Vec::new();
    for _ in MANY {
        waited.push(next(&mut outcomes).await.queue_duration);
    }
    assert_eq!(waited, [0, 0, 0, 100, 200, 300].map(millis));
    // After a pause the burst is full again.
    sleep(seconds(60)).await;
    for key in MANY {
        handle.enqueue(key, 0, Priority::Event);
    }
    for waits in [0, 0, 0, 100, 200, 300] {
        assert_eq!(next(&mut outcomes).await.queue_duration, millis(waits));
    }
    expect_quiet(&mut outcomes).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_wakes_itself_is_reported_as_a_hot_loop_and_why() {
    let controller = controller()
        .hot_loop(HotLoopLimit { passes: 10, within: seconds(5) })
        .watches(stream::iter(["restless", "quiet"]), |key| [(key, 0)]);
    let handle = controller.handle();
    // What the pass itself is told, it hands back as its wake-up.
    let reconcile = async |request: Asked, _: Arc<Log>| {
        let is_told = request.hot_loop.is_some();
        Ok::<_, &str>(match request.key {
            "restless" => Next::requeue_after(if is_told { millis(51) } else { millis(50) }),
            _ => Next::requeue_after(seconds(3)),
        })
    };
    let mut outcomes = controller.run(reconcile, retry, Log::new());
    let mut reports = Vec::new();
    for _ in 0..150 {
        let outcome = next(&mut outcomes).await;
        let trueup_reconciler::runtime::PassResult::Ok(answer) = &outcome.result else {
            panic!("nothing fails here")
        };
        let is_told = answer.wake_up() == Some(millis(51));
        assert_eq!(outcome.hot_loop.is_some(), is_told, "the pass knows what its outcome says");
        reports.extend(outcome.hot_loop.map(|hot| (outcome.key, *hot)));
    }
    // Some 145 passes of the one key within seven seconds, which is one window and a half.
    assert_eq!(reports.len(), 2, "{reports:?}");
    for (key, hot) in reports {
        assert_eq!((key, hot.passes, hot.by_event, hot.by_retry), ("restless", 10, 0, 0));
        assert!(hot.by_wake_up >= 5, "{hot:?}");
        assert!(hot.took <= seconds(5));
    }
    assert_eq!(handle.stats().hot_loops, 2);
}
