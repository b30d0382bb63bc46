//! Keys that run too often are reported with what sets them off.

use tokio::time::Instant;
use trueup_reconciler::runtime::{HotLoop, HotLoopLimit, Limits, Next, Policies, Priority};

use super::support::{Keys, add, limits, millis, queue_with, seconds};

/// Eight passes within ten seconds are too many.
fn watched(passes: u32) -> Keys {
    let hot_loop = HotLoopLimit { passes, within: seconds(10) };
    queue_with(Limits { hot_loop, ..limits(1) }, Policies::default())
}

/// Runs a key that wakes itself after each of so many passes; what was reported at which.
fn wake_itself(queue: &mut Keys, passes: u32, start: Instant) -> Vec<(u32, HotLoop)> {
    let mut reports = Vec::new();
    queue.add(add("restless", 0, Priority::Event), start);
    for pass in 1..=passes {
        let now = start + millis(100) * pass;
        let Some(run) = queue.start(now) else { panic!("it does not wake itself") };
        reports.extend(run.hot_loop.as_deref().map(|hot| (pass, *hot)));
        queue.finish(run.ticket, Ok(Next::requeue_after(millis(100))), now);
    }
    reports
}

#[test]
fn a_key_that_wakes_itself_is_reported_once_in_each_window_and_why() {
    let mut queue = watched(8);
    let reports = wake_itself(&mut queue, 220, Instant::now());
    assert_eq!(reports.iter().map(|(pass, _)| *pass).collect::<Vec<_>>(), [8, 108, 208]);
    for (_, hot) in reports {
        assert_eq!(hot.passes, 8);
        assert!(hot.by_wake_up >= 4, "{hot:?}");
        assert_eq!((hot.by_user, hot.by_event, hot.by_retry, hot.by_resync), (0, 0, 0, 0));
    }
    assert_eq!(queue.stats(Instant::now()).hot_loops, 3);
}

#[test]
fn each_kind_of_cause_counts_once_a_pass() {
    let (mut queue, now) = (watched(8), Instant::now());
    let mut reported = None;
    for _ in 0..8 {
        for priority in [Priority::User, Priority::Event, Priority::Event] {
            queue.add(add("busy", 0, priority), now);
        }
        let run = queue.start(now).unwrap();
        reported = reported.or(run.hot_loop);
        queue.finish(run.ticket, Ok(Next::await_change()), now);
    }
    let hot = reported.unwrap();
    assert_eq!((hot.by_user, hot.by_wake_up), (hot.by_event, 0));
    assert!((4..=8).contains(&hot.by_user), "{hot:?}");
}

#[test]
fn what_is_spread_over_keys_or_time_is_not_reported() {
    let (mut queue, start) = (watched(8), Instant::now());
    for turn in 0..200_u32 {
        let now = start + seconds(2) * turn;
        for key in ["a", "b", "c"] {
            queue.add(add(key, 0, Priority::Event), now);
            let run = queue.start(now).unwrap();
            assert!(run.hot_loop.is_none());
            queue.finish(run.ticket, Ok(Next::await_change()), now);
        }
    }
    assert_eq!(queue.stats(start).hot_loops, 0);
}

#[test]
fn a_limit_of_zero_passes_turns_the_detector_off() {
    assert_eq!(wake_itself(&mut watched(0), 100, Instant::now()), []);
}
