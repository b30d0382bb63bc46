//! Where keys come from, and how the stream takes them in.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, future, stream};
use tokio::time::sleep;
use trueup_reconciler::runtime::Priority;

use super::support::{Log, at, controller, expect_quiet, next, retry, seconds, takes};

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
