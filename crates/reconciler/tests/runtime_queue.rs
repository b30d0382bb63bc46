//! The queue on hand-made instants: the order of the line, merging and timers, case by case.
//!
//! What holds for every sequence of operations is in `runtime_queue_model.rs`.

use std::time::Duration;

use tokio::time::Instant;
use trueup_reconciler::runtime::{
    Add, Backoff, Enqueued, ErrorPolicy, Limits, Next, Priority, Queue, Trigger,
};

type Keys = Queue<&'static str, u32>;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn queue(concurrency: usize) -> Keys {
    let limits = Limits { concurrency, causes: 4, aging: seconds(10) };
    let backoff = Backoff::exponential(seconds(8), seconds(60));
    Queue::new(limits, backoff, fastrand::Rng::with_seed(3))
}

fn add(key: &'static str, cause: u32, priority: Priority) -> Add<&'static str, u32> {
    Add { key, cause, priority }
}

/// Starts and finishes whatever is ready, and returns the keys in the order in which they ran.
fn run_all(queue: &mut Keys, now: Instant) -> Vec<&'static str> {
    let mut order = Vec::new();
    while let Some(request) = queue.start(now) {
        queue.finish(&request.key, Ok(Next::await_change()), now);
        order.push(request.key);
    }
    order
}

#[test]
fn urgent_keys_go_first_and_equals_in_the_order_of_their_arrival() {
    let (mut queue, now) = (queue(1), Instant::now());
    for (key, priority) in [
        ("resync 1", Priority::Resync),
        ("retry", Priority::Retry),
        ("event 1", Priority::Event),
        ("resync 2", Priority::Resync),
        ("user", Priority::User),
        ("event 2", Priority::Event),
    ] {
        queue.add(add(key, 0, priority), now);
    }
    let order = ["user", "event 1", "event 2", "retry", "resync 1", "resync 2"];
    assert_eq!(queue.snapshot().queued, order);
    assert_eq!(run_all(&mut queue, now), order);
}

#[test]
fn a_more_urgent_cause_moves_a_key_forward_and_a_less_urgent_one_never_back() {
    let (mut queue, now) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), now);
    queue.add(add("b", 1, Priority::Resync), now);
    assert_eq!(queue.add(add("b", 2, Priority::User), now), Enqueued::Merged);
    assert_eq!(queue.add(add("b", 3, Priority::Resync), now), Enqueued::Merged);
    assert_eq!(run_all(&mut queue, now), ["b", "a"]);
}

#[test]
fn a_key_that_has_waited_three_aging_intervals_goes_before_anything_new() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("old", 0, Priority::Resync), start);
    let before = start + seconds(29);
    queue.add(add("user", 1, Priority::User), before);
    assert_eq!(queue.snapshot().queued, ["user", "old"]);
    assert_eq!(queue.start(before).map(|request| request.key), Some("user"));
    queue.finish(&"user", Ok(Next::await_change()), before);
    let after = start + seconds(31);
    queue.add(add("user", 2, Priority::User), after);
    assert_eq!(run_all(&mut queue, after), ["old", "user"]);
}

#[test]
fn causes_come_oldest_first_and_beyond_the_bound_they_are_counted_but_still_urgent() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add_at(add("a", 0, Priority::Event), start + seconds(5), start);
    for number in 1..=4 {
        let at = start + seconds(u64::from(number));
        queue.add(add("a", number, Priority::Resync), at);
    }
    queue.add(add("b", 9, Priority::Event), start + seconds(5));
    queue.add(add("a", 5, Priority::User), start + seconds(5));
    let request = queue.start(start + seconds(6)).unwrap();
    // The reminder (0) and the user (5) came when four were there already.
    let triggers: Vec<_> = request.causes.iter().map(|cause| cause.trigger.clone()).collect();
    assert_eq!(triggers, [1, 2, 3, 4].map(Trigger::Caller));
    assert_eq!((request.key, request.omitted, queue.stats().omitted), ("a", 2, 2));
    assert_eq!(request.queue_duration, seconds(5), "it was ready since the first cause");
}

#[test]
fn the_next_deadline_is_the_earliest_timer_and_none_once_closed() {
    let (mut queue, start) = (queue(1), Instant::now());
    assert_eq!(queue.next_deadline(), None);
    queue.add_at(add("a", 0, Priority::Event), start + seconds(20), start);
    queue.add_at(add("b", 1, Priority::Event), start + seconds(10), start);
    assert_eq!(queue.next_deadline(), Some(start + seconds(10)));
    assert!(queue.start(start + seconds(10) - Duration::from_nanos(1)).is_none());
    assert_eq!(queue.start(start + seconds(10)).map(|request| request.key), Some("b"));
    assert_eq!(queue.next_deadline(), Some(start + seconds(20)));
    queue.close();
    assert_eq!(queue.next_deadline(), None);
    assert_eq!(queue.add(add("c", 2, Priority::User), start), Enqueued::Closed);
}

#[test]
fn a_retry_that_comes_due_during_a_run_is_that_run() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    queue.start(start).unwrap();
    let retry = queue.finish(&"a", Err(ErrorPolicy::RetryAfter(seconds(5))), start);
    assert_eq!(retry, Some(start + seconds(5)));
    queue.add(add("a", 1, Priority::Event), start + seconds(4));
    queue.start(start + seconds(4)).unwrap();
    queue.finish(&"a", Ok(Next::await_change()), start + seconds(6));
    assert!(queue.start(start + seconds(6)).is_none(), "the run was the retry, and succeeded");
    assert_eq!(queue.stats().known, 0);
}

#[test]
fn a_wake_up_that_comes_due_during_a_run_leads_to_another_run() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    queue.start(start).unwrap();
    queue.finish(&"a", Ok(Next::requeue_after(seconds(5))), start);
    queue.add(add("a", 1, Priority::Event), start + seconds(4));
    queue.start(start + seconds(4)).unwrap();
    queue.finish(&"a", Ok(Next::await_change()), start + seconds(6));
    let request = queue.start(start + seconds(6)).unwrap();
    assert_eq!(request.causes[0].trigger, Trigger::WakeUp);
    assert_eq!(request.causes[0].added, start + seconds(5));
}

#[test]
fn a_stored_backoff_is_taken_up_but_never_over_what_is_known() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.restore_backoff("a", 3, start + seconds(7), start);
    assert!(queue.start(start + seconds(6)).is_none());
    let request = queue.start(start + seconds(7)).unwrap();
    assert_eq!((request.attempt, &request.causes[0].trigger), (3, &Trigger::Retry));
    queue.restore_backoff("a", 9, start + seconds(8), start + seconds(7));
    queue.finish(&"a", Err(ErrorPolicy::RetryAfter(seconds(1))), start + seconds(7));
    assert_eq!(queue.start(start + seconds(8)).unwrap().attempt, 4);
}

#[test]
fn a_delay_beyond_what_an_instant_can_hold_is_merely_very_long() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    queue.start(start).unwrap();
    queue.finish(&"a", Ok(Next::requeue_after(Duration::MAX)), start);
    assert!(queue.next_deadline() > Some(start + Duration::from_hours(24 * 365)));
}

#[test]
fn finishing_a_key_that_does_not_run_changes_nothing() {
    let (mut queue, now) = (queue(1), Instant::now());
    assert_eq!(queue.finish(&"a", Err(ErrorPolicy::Retry), now), None);
    queue.add(add("a", 0, Priority::Event), now);
    assert_eq!(queue.finish(&"a", Err(ErrorPolicy::Retry), now), None);
    assert_eq!(queue.start(now).unwrap().attempt, 0);
}
