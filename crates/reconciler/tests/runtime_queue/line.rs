//! The line of one owner: urgency, aging, merging, and the tickets of runs.

use std::time::Duration;

use tokio::time::Instant;
use trueup_reconciler::runtime::{Enqueued, ErrorPolicy, Next, Policies, Priority, Trigger};

use super::support::{Keys, add, limits, queue, queue_with, run_all, seconds, triggers};

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
    assert_eq!(queue.snapshot(now).queued, order);
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
    assert_eq!(queue.snapshot(before).queued, ["user", "old"]);
    let user = queue.start(before).unwrap();
    assert_eq!(user.key, "user");
    queue.finish(user.ticket, Ok(Next::await_change()), before);
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
    assert_eq!(triggers(&request), [1, 2, 3, 4].map(Trigger::Caller));
    assert_eq!((request.key, request.omitted, queue.stats(start).omitted), ("a", 2, 2));
    assert_eq!(request.queue_duration, seconds(5), "it was ready since the first cause");
}

#[test]
fn what_is_added_during_a_run_stands_in_line_from_the_end_of_the_run_on() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    let run = queue.start(start).unwrap();
    queue.add(add("a", 1, Priority::Event), start + seconds(1));
    queue.add(add("b", 2, Priority::Event), start + seconds(2));
    assert_eq!(queue.snapshot(start + seconds(2)).queued, ["b", "a"]);
    queue.finish(run.ticket, Ok(Next::await_change()), start + seconds(3));
    let b = queue.start(start + seconds(3)).unwrap();
    assert_eq!(b.key, "b", "a had its turn, and b has waited all the time");
    queue.finish(b.ticket, Ok(Next::await_change()), start + seconds(4));
    let a = queue.start(start + seconds(4)).unwrap();
    assert_eq!((a.key, a.queue_duration), ("a", seconds(3)));
}

#[test]
fn finishing_a_key_that_does_not_run_changes_nothing() {
    let (mut queue, mut other, now) = (queue(1), queue(2), Instant::now());
    let mut tickets = ["x", "y"].map(|key| {
        other.add(add(key, 0, Priority::Event), now);
        other.start(now).unwrap().ticket
    });
    tickets.reverse();
    let [second, first] = tickets;
    assert!(queue.finish(second, Err(ErrorPolicy::Retry), now).is_none(), "nothing is there");
    queue.add(add("a", 0, Priority::Event), now);
    assert_eq!(queue.key(&first), Some(&"a"), "the tickets of two queues look alike");
    assert!(queue.finish(first, Err(ErrorPolicy::Retry), now).is_none(), "it does not run");
    assert_eq!(queue.start(now).unwrap().attempt, 0);
}

#[test]
fn what_runs_is_measured_until_it_ends() {
    let (mut queue, start) = (queue(2), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    queue.add(add("b", 0, Priority::Event), start);
    let a = queue.start(start).unwrap();
    let b = queue.start(start + seconds(3)).unwrap();
    let durations = |queue: &Keys, second| {
        let stats = queue.stats(start + seconds(second));
        (stats.unfinished_work, stats.longest_running)
    };
    assert_eq!(queue.key(&a.ticket), Some(&"a"));
    assert_eq!(durations(&queue, 10), (seconds(17), seconds(10)));
    queue.finish(a.ticket, Ok(Next::await_change()), start + seconds(10));
    assert_eq!(durations(&queue, 10), (seconds(7), seconds(7)));
    queue.finish(b.ticket, Ok(Next::await_change()), start + seconds(12));
    assert_eq!(durations(&queue, 20), (Duration::ZERO, Duration::ZERO));
}

#[test]
fn a_snapshot_of_many_keys_is_a_walk() {
    let (mut queue, now) = (queue_with(limits(1), Policies::default()), Instant::now());
    for key in 0..50_000_u32 {
        queue.add(add(key, 0, Priority::Event), now);
    }
    // Were each key looked for among the rest, this would take minutes.
    assert!(queue.snapshot(now).queued.into_iter().eq(0..50_000));
}
