//! Every order in which threads can meet at the queue, tried out by loom.
//!
//! A wake-up that is lost leaves the controller asleep with work before it. Loom finds nobody able
//! to go on then, calls it a deadlock and shows the order that led there. The runner cannot be here
//! itself, as its passes are tokio's tasks; [`Looking`] does at the queue what it does, in its order.
//! The numbers are those of the [queue's invariants](super::queue).
//!
//! Deliberately absent: delays. Given the same order a model must take the same course, and a clock
//! does not.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll};

use fastrand::Rng;
use futures::future::poll_fn;
use loom::future::block_on;
use loom::model::Builder;
use loom::thread::{self, JoinHandle};
use tokio::time::Instant;

use super::crew::{Desk, Inbox};
use super::handle::Handle;
use super::policy::Policies;
use super::queue::{Limits, Queue, Start, Ticket};
use super::request::{Enqueued, Next, Priority, Trigger};
use super::shared::Shared;

type Key = char;
type Cause = u32;

#[test]
fn no_wake_up_is_lost_and_every_cause_is_handed_out_once() {
    model(|| {
        let mut controller = Looking::new();
        let first = controller.submitting(&[('a', 1), ('b', 2)]);
        let second = controller.submitting(&[('a', 3)]);

        controller.poll_until(|it| it.told.len() == 3);

        join([first, second]);
        controller.told.sort_unstable();
        assert_eq!(controller.told, [1, 2, 3], "Q11");
        let stats = controller.handle().stats();
        assert_eq!((stats.queued, stats.running, stats.known), (0, 0, 0), "Q10");
    });
}

#[test]
fn what_comes_during_a_pass_leads_to_one_more_after_it() {
    model(|| {
        let mut controller = Looking::new();
        controller.handle().enqueue('a', 1, Priority::Event);
        controller.look();
        let first = controller.submitting(&[('a', 2)]);
        let second = controller.submitting(&[('a', 3)]);

        controller.poll_until(|it| it.told.len() == 3);

        join([first, second]);
        assert_eq!(controller.told[0], 1, "the pass under way was told nothing new");
        assert!(controller.handle().stats().gets <= 3, "Q3");
        assert_eq!(controller.handle().state(&'a'), None, "Q10");
    });
}

#[test]
fn a_close_ends_it_nothing_starts_after_it_and_what_was_taken_is_accounted_for() {
    model(|| {
        let mut controller = Looking::new();
        let submitted = controller.submitting(&[('a', 1), ('b', 2)]);
        let shared = Arc::clone(&controller.shared);
        let closed = thread::spawn(move || shared.submit(|queue, _| queue.close()));

        controller.poll_until(|it| it.shared.with(|queue, _| queue.is_closed()));

        let taken = join([submitted]);
        assert!(closed.join().is_ok());
        assert_eq!(controller.look(), 0, "Q9");
        let left = controller.handle().snapshot().queued;
        assert_eq!(controller.told.len() + left.len(), taken, "Q11");
    });
}

#[test]
fn a_pass_under_way_always_learns_that_it_was_cancelled() {
    model(|| {
        let mut controller = Looking::new();
        controller.handle().enqueue('a', 1, Priority::Event);
        controller.look();
        let (handle, other) = (controller.handle(), controller.submitting(&[('a', 2)]));
        let cancelled = thread::spawn(move || assert!(handle.cancel(&'a')));

        let told = block_on(poll_fn(|cx| {
            controller.shared.listen(cx.waker());
            match controller.shared.with(|queue, _| queue.take_cancelled()).into_iter().next() {
                Some(ticket) => Poll::Ready(ticket),
                None => Poll::Pending,
            }
        }));

        assert_eq!(told, controller.running[0].1);
        assert!(cancelled.join().is_ok());
        controller.poll_until(|it| it.told.len() == 2);
        join([other]);
    });
}

/// A controller without its surroundings: its state at the queue.
struct Looking {
    shared: Arc<Shared<Key, Cause>>,
    running: VecDeque<(Key, Ticket)>,
    /// All that passes were told, in this order.
    told: Vec<Cause>,
}

impl Looking {
    fn new() -> Self {
        let queue = Queue::new(Limits::default(), Policies::default(), Rng::with_seed(1));
        let shared = Arc::new(Shared::new(queue));
        Self { shared, running: VecDeque::new(), told: Vec::new() }
    }

    fn handle(&self) -> Handle<Key, Cause> {
        Handle::new(Arc::clone(&self.shared))
    }

    /// A thread that submits these, one after the other, and tells how many were taken.
    fn submitting(&self, adds: &'static [(Key, Cause)]) -> JoinHandle<usize> {
        let handle = self.handle();
        thread::spawn(move || {
            let submit = |(key, cause)| handle.enqueue(key, cause, Priority::Event);
            adds.iter().copied().map(submit).filter(|it| *it != Enqueued::Closed).count()
        })
    }

    /// Is polled as the runner is, and sleeps in between.
    fn poll_until(&mut self, is_over: impl Fn(&Self) -> bool) {
        block_on(poll_fn(|cx| {
            self.poll(cx);
            if is_over(self) { Poll::Ready(()) } else { Poll::Pending }
        }));
    }

    /// As `Runner::poll_next`: listens, starts what may start, ends one pass, and looks again, until
    /// there is nothing to do.
    fn poll(&mut self, cx: &mut Context<'_>) {
        self.shared.listen(cx.waker());
        loop {
            self.look();
            let Some((key, ticket)) = self.running.pop_front() else { return };
            let finish = self.shared.with(|queue, now| {
                let finish = queue.finish(ticket, Ok(Next::await_change()), now);
                check(queue, now);
                finish
            });
            assert_eq!(finish.map(|finish| finish.key), Some(key));
        }
    }

    /// Starts whatever may start, and tells how much that was.
    fn look(&mut self) -> usize {
        let starts: Vec<Start<Key, Cause>> = self.shared.with(|queue, now| {
            let starts = std::iter::from_fn(|| queue.start(now)).collect();
            check(queue, now);
            starts
        });
        for start in &starts {
            let told = start.causes.iter().filter_map(|cause| match cause.trigger {
                Trigger::Caller(cause) => Some(cause),
                Trigger::Retry | Trigger::WakeUp => None,
            });
            self.told.extend(told);
        }
        let count = starts.len();
        for Start { key, ticket, .. } in starts {
            assert!(self.running.iter().all(|(running, _)| *running != key), "Q2");
            self.running.push_back((key, ticket));
        }
        count
    }
}

/// What holds whenever somebody has the lock.
fn check(queue: &Queue<Key, Cause>, now: Instant) {
    let (stats, snapshot) = (queue.stats(now), queue.snapshot(now));
    let mut queued = snapshot.queued.clone();
    queued.sort_unstable();
    queued.dedup();
    assert_eq!(queued.len(), snapshot.queued.len(), "Q1");
    assert_eq!(stats.adds - stats.gets, stats.queued as u64, "Q10");
    assert_eq!((stats.queued, stats.running), (snapshot.queued.len(), snapshot.running.len()));
}

/// Waits for the threads, and tells how much was taken of what they submitted.
fn join<const N: usize>(threads: [JoinHandle<usize>; N]) -> usize {
    let taken = threads.map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
    taken.into_iter().sum()
}

/// Tries out every order in which threads are interrupted at most twice, which is what races of this
/// kind need and takes seconds. `LOOM_MAX_PREEMPTIONS=3` asks for more and takes a minute.
fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.check(run);
}

#[test]
fn a_worker_finds_each_job_on_its_desk_and_learns_of_the_end() {
    model(|| {
        let desk = Arc::new(Desk::new());
        let own = Arc::clone(&desk);
        let (report, reports) = loom::sync::mpsc::channel();
        let worker = thread::spawn(move || {
            block_on(async {
                while let Some(job) = own.next().await {
                    assert!(report.send(job).is_ok());
                }
            });
        });
        for job in [1, 2] {
            desk.put(Inbox::Job(job));
            assert_eq!(reports.recv(), Ok(job));
        }
        desk.put(Inbox::Closed);
        assert!(worker.join().is_ok());
    });
}
