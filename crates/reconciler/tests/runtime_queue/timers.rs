//! Reminders, retries and wake-ups: when they come due, and what a run does to them.

use std::time::Duration;

use tokio::time::Instant;
use trueup_reconciler::runtime::{Enqueued, ErrorPolicy, Next, Priority, RetryState, Trigger};

use super::support::{add, queue, run_all, run_one, seconds, triggers};

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
    let retry = run_one(&mut queue, Err(ErrorPolicy::RetryAfter(seconds(5))), start);
    assert_eq!(retry, Some(("a", Some(start + seconds(5)))));
    queue.add(add("a", 1, Priority::Event), start + seconds(4));
    let run = queue.start(start + seconds(4)).unwrap();
    queue.finish(run.ticket, Ok(Next::await_change()), start + seconds(6));
    assert!(queue.start(start + seconds(6)).is_none(), "the run was the retry, and succeeded");
    assert_eq!(queue.stats(start).known, 0);
}

#[test]
fn a_wake_up_that_comes_due_during_a_run_leads_to_another_run() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    run_one(&mut queue, Ok(Next::requeue_after(seconds(5))), start);
    queue.add(add("a", 1, Priority::Event), start + seconds(4));
    let run = queue.start(start + seconds(4)).unwrap();
    queue.finish(run.ticket, Ok(Next::await_change()), start + seconds(6));
    let request = queue.start(start + seconds(6)).unwrap();
    assert_eq!(request.causes[0].trigger, Trigger::WakeUp);
    assert_eq!(request.causes[0].added, start + seconds(5));
}

#[test]
fn timers_that_nobody_looked_after_for_a_while_fire_in_the_order_of_their_deadlines() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    run_one(&mut queue, Ok(Next::requeue_after(seconds(9))), start);
    queue.add_at(add("a", 1, Priority::Retry), start + seconds(3), start);
    queue.add_at(add("b", 2, Priority::Retry), start + seconds(6), start);
    let a = queue.start(start + seconds(20)).unwrap();
    assert_eq!((a.key, a.queue_duration), ("a", seconds(17)), "it was ready since 3 s");
    assert_eq!(triggers(&a), [Trigger::Caller(1), Trigger::WakeUp]);
    queue.finish(a.ticket, Ok(Next::await_change()), start + seconds(20));
    assert_eq!(run_all(&mut queue, start + seconds(20)), ["b"]);
}

#[test]
fn the_timers_of_one_key_do_not_put_it_behind_others_that_came_due_between_them() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    run_one(&mut queue, Ok(Next::requeue_after(seconds(3))), start);
    queue.add(add("a", 0, Priority::Event), start);
    run_one(&mut queue, Err(ErrorPolicy::RetryAfter(seconds(9))), start);
    queue.add_at(add("b", 1, Priority::Retry), start + seconds(6), start);
    let a = queue.start(start + seconds(20)).unwrap();
    assert_eq!((a.key, a.queue_duration), ("a", seconds(17)), "it was ready since 3 s");
    assert_eq!(a.causes.len(), 2);
    queue.finish(a.ticket, Ok(Next::await_change()), start + seconds(20));
    assert_eq!(run_all(&mut queue, start + seconds(20)), ["b"]);
}

#[test]
fn a_stored_backoff_is_taken_up_but_never_over_what_is_known() {
    let (mut queue, start) = (queue(1), Instant::now());
    let state = |failures, retry_in| RetryState { failures, step: failures, retry_in };
    queue.restore_backoff("a", state(3, seconds(7)), start);
    assert!(queue.start(start + seconds(6)).is_none());
    let request = queue.start(start + seconds(7)).unwrap();
    assert_eq!((request.attempt, &request.causes[0].trigger), (3, &Trigger::Retry));
    queue.restore_backoff("a", state(9, seconds(1)), start + seconds(7));
    let again = Err(ErrorPolicy::RetryAfter(seconds(1)));
    queue.finish(request.ticket, again, start + seconds(7));
    assert_eq!(queue.start(start + seconds(8)).unwrap().attempt, 4);
}

#[test]
fn a_delay_beyond_what_an_instant_can_hold_is_merely_very_long() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    run_one(&mut queue, Ok(Next::requeue_after(Duration::MAX)), start);
    assert!(queue.next_deadline() > Some(start + Duration::from_hours(24 * 365)));
}

#[test]
fn time_that_runs_backwards_stands_still() {
    let (mut queue, start) = (queue(1), Instant::now());
    queue.add(add("a", 0, Priority::Event), start);
    queue.add(add("b", 1, Priority::Event), start + seconds(10));
    queue.add(add("c", 2, Priority::Event), start + seconds(2));
    queue.add_at(add("d", 3, Priority::Event), start + seconds(7), start + seconds(5));
    queue.add(add("e", 4, Priority::Event), start + seconds(10));
    let order = run_all(&mut queue, start + seconds(10));
    assert_eq!(order, ["a", "b", "c", "d", "e"], "nobody is put before those who were there");
}
