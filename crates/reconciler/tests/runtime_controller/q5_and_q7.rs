//! No key starves, and the places for passes are used and not exceeded.

use std::sync::Arc;

use futures::stream;
use tokio::time::sleep;
use trueup_reconciler::runtime::Priority;

use super::support::{Log, at, controller, next, retry, seconds, takes};

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
