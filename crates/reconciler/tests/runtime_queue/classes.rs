//! Classes of errors: what follows each.

use tokio::time::Instant;
use trueup_reconciler::runtime::{Backoff, ErrorPolicy, Next, Policies, Priority, Trigger};

use super::support::{
    Keys, SEED, add, backoff, limits, millis, queue_with, run_one, seconds, triggers,
};

/// Errors that may heal are retried within a minute, unknown ones within an hour.
fn policies() -> Policies {
    let unknown = Backoff::exponential(seconds(600), seconds(3_600));
    Policies { retry: backoff(), unknown, terminal: None }
}

#[test]
fn each_class_has_a_backoff_of_its_own_and_both_count_the_same_failures() {
    let mut queue: Keys = queue_with(limits(1), policies());
    let mut rng = fastrand::Rng::with_seed(SEED);
    let mut now = Instant::now();
    queue.add(add("a", 0, Priority::Event), now);
    for (failures, policy) in
        [ErrorPolicy::Unknown, ErrorPolicy::Retry, ErrorPolicy::Unknown].into_iter().enumerate()
    {
        let start = queue.start(now).unwrap();
        assert_eq!(start.attempt as usize, failures);
        let retry_at = queue.finish(start.ticket, Err(policy), now).unwrap().retry_at.unwrap();
        let backoff = match policy {
            ErrorPolicy::Unknown => policies().unknown,
            _ => policies().retry,
        };
        assert_eq!(retry_at - now, backoff.delay(start.attempt, &mut rng));
        now = retry_at;
    }
}

#[test]
fn what_is_terminal_is_never_looked_at_again_unless_the_policy_says_when() {
    let mut queue: Keys = queue_with(limits(1), policies());
    let now = Instant::now();
    queue.add(add("a", 0, Priority::Event), now);
    assert_eq!(run_one(&mut queue, Err(ErrorPolicy::Terminal), now), Some(("a", None)));
    assert_eq!((queue.next_deadline(), queue.stats(now).known), (None, 0));
}

#[test]
fn a_second_look_at_what_is_terminal_is_a_wake_up_and_no_failure_remains() {
    let policies = Policies { terminal: Some(seconds(100)), ..policies() };
    let mut queue: Keys = queue_with(limits(1), policies);
    let start = Instant::now();
    queue.add(add("a", 0, Priority::Event), start);
    let (_, retry_at) = run_one(&mut queue, Err(ErrorPolicy::Retry), start).unwrap();
    let retried = retry_at.unwrap();
    assert_eq!(queue.state(&"a").unwrap().failures, 1);
    assert_eq!(
        run_one(&mut queue, Err(ErrorPolicy::Terminal), retried),
        Some(("a", None)),
        "a second look is no retry"
    );
    let state = queue.state(&"a").unwrap();
    assert_eq!((state.failures, state.due), (0, Some(retried + seconds(100))));
    assert!(queue.start(retried + seconds(100) - millis(1)).is_none());
    let look = queue.start(retried + seconds(100)).unwrap();
    assert_eq!((look.attempt, triggers(&look)), (0, vec![Trigger::WakeUp]));
    assert_eq!(queue.stats(retried).retries, 1);
}

#[test]
fn a_second_look_does_not_put_off_a_wake_up_that_was_asked_for_before() {
    let policies = Policies { terminal: Some(seconds(100)), ..policies() };
    let mut queue: Keys = queue_with(limits(1), policies);
    let start = Instant::now();
    queue.add(add("a", 0, Priority::Event), start);
    run_one(&mut queue, Ok(Next::requeue_after(seconds(30))), start);
    queue.add(add("a", 1, Priority::Event), start + seconds(1));
    run_one(&mut queue, Err(ErrorPolicy::Terminal), start + seconds(1));
    assert_eq!(queue.state(&"a").unwrap().due, Some(start + seconds(30)));
}
