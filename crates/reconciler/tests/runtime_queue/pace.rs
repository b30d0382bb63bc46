//! The rate limit: starts are paced, and the queue says when the next one may be.

use tokio::time::Instant;
use trueup_reconciler::runtime::{Limits, Next, Policies, Priority, RateLimit};

use super::support::{Keys, add, limits, millis, queue_with, run_all, seconds};

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Ten starts a second, three in one go.
fn paced(limits: Limits) -> Keys {
    let rate = Some(RateLimit::per_second(10, 3));
    queue_with(Limits { rate, ..limits }, Policies::default())
}

#[test]
fn a_burst_starts_at_once_and_the_rest_one_by_one_at_the_rate() {
    let (mut queue, start) = (paced(limits(10)), Instant::now());
    for key in KEYS {
        queue.add(add(key, 0, Priority::Event), start);
    }
    assert_eq!(run_all(&mut queue, start), ["a", "b", "c"]);
    for (turn, key) in (1..).zip(["d", "e", "f"]) {
        let opens = start + millis(100 * turn);
        assert_eq!(queue.next_deadline(), Some(opens));
        assert!(queue.start(opens - millis(1)).is_none());
        assert_eq!(run_all(&mut queue, opens), [key]);
    }
    assert_eq!(queue.next_deadline(), None, "nothing is left to wait for");
}

#[test]
fn after_a_pause_the_burst_is_full_again_and_no_larger() {
    let (mut queue, start) = (paced(limits(10)), Instant::now());
    for now in [start, start + seconds(60)] {
        for key in KEYS {
            queue.add(add(key, 0, Priority::Event), now);
        }
        assert_eq!(run_all(&mut queue, now).len(), 3);
        assert_eq!(run_all(&mut queue, now + millis(350)).len(), 3);
    }
}

#[test]
fn urgent_keys_pass_the_limit_first() {
    let (mut queue, start) = (paced(limits(10)), Instant::now());
    for key in KEYS {
        queue.add(add(key, 0, Priority::Event), start);
    }
    assert_eq!(run_all(&mut queue, start).len(), 3);
    queue.add(add("user", 0, Priority::User), start + millis(50));
    assert_eq!(run_all(&mut queue, start + millis(100)), ["user"]);
}

#[test]
fn the_limit_is_no_deadline_while_nothing_could_start() {
    let (mut queue, start) = (paced(limits(3)), Instant::now());
    for key in KEYS {
        queue.add(add(key, 0, Priority::Event), start);
    }
    let tickets: Vec<_> =
        std::iter::from_fn(|| queue.start(start)).map(|start| start.ticket).collect();
    assert_eq!(tickets.len(), 3);
    assert_eq!(queue.next_deadline(), None, "every place is taken");
    queue.add_at(add("later", 0, Priority::Event), start + millis(70), start);
    assert_eq!(queue.next_deadline(), Some(start + millis(70)));
    for ticket in tickets {
        queue.finish(ticket, Ok(Next::await_change()), start + millis(80));
    }
    assert_eq!(queue.next_deadline(), Some(start + millis(100)));
    queue.close();
    assert_eq!(queue.next_deadline(), None);
}
