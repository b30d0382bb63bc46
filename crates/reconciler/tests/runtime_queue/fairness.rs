//! Owners take turns, whatever they have in line.

use std::collections::BTreeSet;

use tokio::time::Instant;
use trueup_reconciler::runtime::{Limits, Next, Owner, Policies, Priority, Ticket};

use super::support::{Keys, add, limits, queue_with, run_all, run_one, seconds};

/// Whose, and which.
type Owned = (&'static str, u32);

fn fair(limits: Limits) -> Keys<Owned> {
    let mut queue = queue_with(limits, Policies::default());
    queue.set_owner(|(owner, _): &Owned| Owner::new(owner));
    queue
}

fn add_all(queue: &mut Keys<Owned>, owner: &'static str, count: u32, now: Instant) {
    for number in 0..count {
        queue.add(add((owner, number), 0, Priority::Event), now);
    }
}

/// Starts what may start, and says whose it is.
fn start_all(queue: &mut Keys<Owned>, now: Instant) -> Vec<(Owned, Ticket)> {
    std::iter::from_fn(|| queue.start(now)).map(|start| (start.key, start.ticket)).collect()
}

fn owners(starts: &[(Owned, Ticket)]) -> Vec<&'static str> {
    starts.iter().map(|((owner, _), _)| *owner).collect()
}

#[test]
fn one_key_waits_for_no_more_than_one_of_an_owner_with_a_thousand() {
    let (mut queue, now) = (fair(limits(1)), Instant::now());
    add_all(&mut queue, "many", 1_000, now);
    queue.add(add(("few", 0), 0, Priority::Event), now);
    assert_eq!(run_all(&mut queue, now)[..2], [("many", 0), ("few", 0)]);

    let mut queue = fair(limits(1));
    add_all(&mut queue, "many", 1_000, now);
    for _ in 0..10 {
        run_one(&mut queue, Ok(Next::await_change()), now);
    }
    queue.add(add(("few", 0), 0, Priority::Event), now);
    let order = run_all(&mut queue, now);
    assert!(order[..2].contains(&("few", 0)), "{:?}", &order[..3]);
    assert_eq!(order.len(), 991);
}

#[test]
fn owners_with_keys_in_line_take_turns() {
    let (mut queue, now) = (fair(limits(1)), Instant::now());
    for (owner, count) in [("a", 5), ("b", 3), ("c", 4)] {
        add_all(&mut queue, owner, count, now);
    }
    let mut turns = Vec::new();
    for round in 0..5 {
        turns.extend(
            [("a", 5), ("b", 3), ("c", 4)]
                .iter()
                .filter_map(|(owner, count)| (round < *count).then_some((*owner, round))),
        );
    }
    assert_eq!(queue.snapshot(now).queued, turns);
    assert_eq!(run_all(&mut queue, now), turns);
    assert_eq!(queue.stats(now).owners, 0);
}

#[test]
fn owners_take_turns_also_while_their_runs_take_time() {
    let (mut queue, start) = (fair(limits(2)), Instant::now());
    for owner in ["a", "b", "c"] {
        add_all(&mut queue, owner, 20, start);
    }
    let mut running = start_all(&mut queue, start);
    let mut order = owners(&running);
    for second in 1..=40 {
        let now = start + seconds(second);
        let (_, ticket) = running.remove(0);
        queue.finish(ticket, Ok(Next::await_change()), now);
        let started = start_all(&mut queue, now);
        order.extend(owners(&started));
        running.extend(started);
    }
    for turn in order.chunks_exact(3) {
        assert_eq!(turn, ["a", "b", "c"]);
    }
    assert_eq!(order.len(), 42);
}

#[test]
fn the_act_of_one_owner_goes_before_the_events_of_another() {
    let (mut queue, now) = (fair(limits(1)), Instant::now());
    add_all(&mut queue, "b", 3, now);
    queue.add(add(("a", 0), 0, Priority::Resync), now);
    queue.add(add(("a", 1), 0, Priority::User), now);
    let order = run_all(&mut queue, now);
    // What is left of a is a resync, which goes behind events again.
    assert_eq!(order, [("a", 1), ("b", 0), ("b", 1), ("b", 2), ("a", 0)]);
}

#[test]
fn an_act_on_a_key_that_stands_in_line_already_moves_its_owner_forward() {
    let (mut queue, now) = (fair(limits(1)), Instant::now());
    queue.add(add(("a", 0), 0, Priority::Resync), now);
    queue.add(add(("b", 0), 0, Priority::Event), now);
    queue.add(add(("a", 0), 1, Priority::User), now);
    assert_eq!(run_all(&mut queue, now), [("a", 0), ("b", 0)]);
}

#[test]
fn an_act_on_a_key_that_has_waited_for_long_is_as_urgent_as_any_other() {
    let (mut queue, start) = (fair(limits(1)), Instant::now());
    for number in [0, 1] {
        queue.add(add(("a", number), 0, Priority::Resync), start);
    }
    let later = start + seconds(34);
    assert_eq!(run_one(&mut queue, Ok(Next::await_change()), later), Some((("a", 0), None)));
    queue.add(add(("b", 0), 0, Priority::Event), later);
    queue.add(add(("a", 1), 1, Priority::User), later + seconds(1));
    let now = later + seconds(2);
    assert_eq!(queue.snapshot(now).queued, [("a", 1), ("b", 0)]);
    assert_eq!(run_all(&mut queue, now), [("a", 1), ("b", 0)], "somebody waits for a");
}

#[test]
fn the_key_of_an_owner_that_has_waited_three_aging_intervals_goes_before_all_that_is_new() {
    let (mut queue, start) = (fair(limits(1)), Instant::now());
    let busy = ["u", "v", "w"];
    for owner in busy {
        add_all(&mut queue, owner, 100, start);
    }
    queue.add(add(("quiet", 0), 0, Priority::Resync), start);
    let mut served = None;
    for second in 0..60 {
        let now = start + seconds(second);
        for owner in busy {
            queue.add(add((owner, 1_000), 0, Priority::User), now);
        }
        let (key, _) = run_one(&mut queue, Ok(Next::await_change()), now).unwrap();
        if key.0 == "quiet" {
            served = Some(second);
            break;
        }
    }
    // Three intervals, and then those whose turn began no later than that.
    let served = served.unwrap();
    assert!((20..=34).contains(&served), "after {served} s");
}

#[test]
fn each_turn_of_a_backlog_of_little_urgency_waits_three_aging_intervals_and_a_round_at_most() {
    let (mut queue, start) = (fair(limits(1)), Instant::now());
    for number in 0..5 {
        queue.add(add(("quiet", number), 0, Priority::Resync), start);
    }
    let mut turns = vec![0];
    for second in 0..200 {
        let now = start + seconds(second);
        queue.add(add(("busy", 0), 0, Priority::User), now);
        let (key, _) = run_one(&mut queue, Ok(Next::await_change()), now).unwrap();
        if key.0 == "quiet" {
            turns.push(second);
        }
    }
    assert_eq!(turns.len(), 6, "each was served");
    assert!(turns.windows(2).all(|pair| pair[1] - pair[0] <= 30 + 2), "{turns:?}");
}

#[test]
fn an_owner_runs_no_more_at_once_than_it_may_and_leaves_room_for_others() {
    let limits = Limits { concurrency_per_owner: 2, ..limits(5) };
    let (mut queue, start) = (fair(limits), Instant::now());
    add_all(&mut queue, "many", 10, start);
    let mut running = start_all(&mut queue, start);
    assert_eq!(owners(&running), ["many", "many"]);
    assert_eq!(queue.next_deadline(), None, "time alone changes nothing");

    add_all(&mut queue, "few", 1, start);
    running.extend(start_all(&mut queue, start));
    assert_eq!(owners(&running), ["many", "many", "few"]);

    // A key that is named while it runs stands in line for its owner's next place.
    queue.add(add(("many", 0), 1, Priority::User), start);
    assert!(queue.start(start).is_none());
    let (first, ticket) = running.remove(0);
    assert_eq!(first, ("many", 0));
    queue.finish(ticket, Ok(Next::await_change()), start + seconds(1));
    let next = start_all(&mut queue, start + seconds(1));
    assert_eq!(next.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [("many", 0)]);
}

#[test]
fn an_owner_at_its_limit_goes_on_as_each_of_its_runs_ends() {
    let limits = Limits { concurrency_per_owner: 2, ..limits(5) };
    let (mut queue, start) = (fair(limits), Instant::now());
    add_all(&mut queue, "many", 7, start);
    let mut running = start_all(&mut queue, start);
    let mut seen = running.len();
    for second in 1..=7 {
        let now = start + seconds(second);
        let (_, ticket) = running.remove(0);
        queue.finish(ticket, Ok(Next::await_change()), now);
        running.extend(start_all(&mut queue, now));
        seen = seen.max(running.len());
        let left = usize::try_from(7 - second).unwrap_or(0);
        assert_eq!(running.len(), left.min(2));
    }
    assert_eq!((seen, queue.stats(start).known), (2, 0));
}

#[test]
fn the_snapshot_shows_the_order_in_which_the_keys_of_all_owners_start() {
    let priorities = [Priority::User, Priority::Event, Priority::Retry, Priority::Resync];
    for seed in 0..500 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let limits = Limits { concurrency_per_owner: rng.usize(1..4), ..limits(4) };
        let (mut queue, mut now) = (fair(limits), Instant::now());
        let mut running = Vec::new();
        for _ in 0..rng.usize(1..60) {
            now += seconds(rng.u64(0..6));
            let key = (["a", "b", "c", "d"][rng.usize(..4)], rng.u32(..6));
            queue.add(add(key, 0, priorities[rng.usize(..4)]), now);
            match rng.u8(..8) {
                0 => running.extend(queue.start(now).map(|start| (start.key, start.ticket))),
                1 if !running.is_empty() => {
                    let (_, ticket) = running.swap_remove(rng.usize(..running.len()));
                    queue.finish(ticket, Ok(Next::await_change()), now);
                }
                _ => {}
            }
        }
        // Some go on running, so that their owners have fewer places, or none.
        for (_, ticket) in running.drain(..).skip(2) {
            queue.finish(ticket, Ok(Next::await_change()), now);
        }
        let shown = queue.snapshot(now);
        let started = run_all(&mut queue, now);
        assert_eq!(shown.queued[..started.len()], started, "seed {seed}");
        let left = &shown.queued[started.len()..];
        let busy: BTreeSet<_> = shown.running.iter().map(|(owner, _)| *owner).collect();
        assert!(left.iter().all(|(owner, _)| busy.contains(owner)), "seed {seed}: {left:?}");
    }
}

#[test]
fn without_owners_all_keys_stand_in_one_line() {
    let (mut queue, now): (Keys<Owned>, _) =
        (queue_with(limits(1), Policies::default()), Instant::now());
    add_all(&mut queue, "a", 3, now);
    add_all(&mut queue, "b", 1, now);
    assert_eq!(queue.stats(now).owners, 1);
    assert_eq!(run_all(&mut queue, now), [("a", 0), ("a", 1), ("a", 2), ("b", 0)]);
    assert_eq!(queue.stats(now).owners, 0);
}
