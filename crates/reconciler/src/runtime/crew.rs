//! The workers: tasks that run one pass after the other.
//!
//! A task for each pass would be simpler. But most passes are short, and making, finding and freeing
//! the task would be most of what they cost. A worker is a task all the same: passes run side by
//! side on all of the runtime's threads, and one that blocks its thread holds up no other.
//!
//! There are as many workers as there have been passes at once, and few are kept idle. Each owns a
//! desk, on which the next pass is put.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::poll_fn;
use slab::Slab;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{self, AbortHandle, JoinError, JoinSet};

use super::sync::{AtomicWaker, Mutex, PoisonError};

/// How many workers may wait for a pass.
const IDLE: usize = 64;

/// How often deaths are looked for before reports.
const DEATHS_EVERY: u8 = 32;

/// Starts the task of a worker, which works off its desk and reports to the sender.
pub(super) type Hire<J, R> =
    Box<dyn Fn(Arc<Desk<J>>, UnboundedSender<R>, &mut JoinSet<()>) -> AbortHandle + Send>;

/// Workers that take jobs of type `J` and report results of type `R`. Dropping it aborts them.
pub(super) struct Crew<J, R> {
    hire: Hire<J, R>,
    tasks: JoinSet<()>,
    workers: Slab<Worker<J>>,
    idle: Vec<usize>,
    /// Bounded by the number of workers: none has more than one result to report.
    reports: UnboundedReceiver<R>,
    reporter: UnboundedSender<R>,
    /// How often there was news, so that deaths have their turn among many reports.
    turns: u8,
}

struct Worker<J> {
    desk: Arc<Desk<J>>,
    task: task::Id,
}

/// What has happened to a worker.
pub(super) enum News<R> {
    /// It has done its job and waits to be [released](Crew::release).
    Done(R),
    /// This worker is no more, nor is the job that it had.
    Died(usize, JoinError),
}

impl<J, R> Crew<J, R> {
    pub(super) fn new(hire: Hire<J, R>) -> Self {
        let (reporter, reports) = unbounded_channel();
        let (tasks, workers, idle) = (JoinSet::new(), Slab::new(), Vec::new());
        Self { hire, tasks, workers, idle, reports, reporter, turns: 0 }
    }

    /// Has an idle worker do this, or a new one, and says which.
    pub(super) fn assign(&mut self, job: J) -> usize {
        let worker = self.idle.pop().unwrap_or_else(|| self.hire());
        self.workers[worker].desk.put(Inbox::Job(job));
        worker
    }

    /// Has a worker that is done wait for the next job, or go.
    pub(super) fn release(&mut self, worker: usize) {
        if self.idle.len() < IDLE {
            self.idle.push(worker);
        } else if let Some(worker) = self.workers.try_remove(worker) {
            worker.desk.put(Inbox::Closed);
        }
    }

    /// The next news; pending while there is none.
    pub(super) fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<News<R>> {
        self.turns = (self.turns + 1) % DEATHS_EVERY;
        if self.turns == 0
            && let Poll::Ready(death) = self.poll_deaths(cx)
        {
            return Poll::Ready(death);
        }
        if let Poll::Ready(Some(report)) = self.reports.poll_recv(cx) {
            return Poll::Ready(News::Done(report));
        }
        self.poll_deaths(cx)
    }

    fn poll_deaths(&mut self, cx: &mut Context<'_>) -> Poll<News<R>> {
        while let Some(ended) = ready!(self.tasks.poll_join_next(cx)) {
            let Err(error) = ended else { continue };
            let died = self.workers.iter().find(|(_, worker)| worker.task == error.id());
            if let Some((worker, _)) = died {
                self.workers.remove(worker);
                self.idle.retain(|idle| *idle != worker);
                return Poll::Ready(News::Died(worker, error));
            }
        }
        Poll::Pending
    }

    /// Aborts all workers, without waiting for them. Nothing may be assigned after this.
    pub(super) fn abort(&mut self) {
        self.tasks.abort_all();
    }

    fn hire(&mut self) -> usize {
        let desk = Arc::new(Desk::new());
        let task = (self.hire)(Arc::clone(&desk), self.reporter.clone(), &mut self.tasks).id();
        self.workers.insert(Worker { desk, task })
    }
}

/// Where a worker finds its next job.
pub(super) struct Desk<J> {
    /// What is to be done next: at most one thing, as an idle worker has nothing.
    inbox: Mutex<Inbox<J>>,
    worker: AtomicWaker,
}

/// What a worker finds on its desk.
pub(super) enum Inbox<J> {
    Empty,
    Job(J),
    /// There will not be any more.
    Closed,
}

impl<J> Desk<J> {
    pub(super) fn new() -> Self {
        Self { inbox: Mutex::new(Inbox::Empty), worker: AtomicWaker::new() }
    }

    /// Puts something there and has the worker look.
    pub(super) fn put(&self, what: Inbox<J>) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = what;
        self.worker.wake();
    }

    /// Waits for the next job; `None` when there will not be any more.
    pub(super) async fn next(&self) -> Option<J> {
        poll_fn(|cx| {
            // Before the look, so that what is put there after the look finds the waker.
            self.worker.register(cx.waker());
            let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            match std::mem::replace(&mut *inbox, Inbox::Empty) {
                Inbox::Empty => Poll::Pending,
                Inbox::Job(job) => Poll::Ready(Some(job)),
                Inbox::Closed => Poll::Ready(None),
            }
        })
        .await
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    /// Workers that report what they are given, and die of a 13.
    fn crew() -> Crew<u32, u32> {
        Crew::new(Box::new(|desk, reporter, tasks| {
            tasks.spawn(async move {
                while let Some(job) = desk.next().await {
                    assert!(job != 13, "no luck");
                    if reporter.send(job).is_err() {
                        return;
                    }
                }
            })
        }))
    }

    async fn news(crew: &mut Crew<u32, u32>) -> News<u32> {
        poll_fn(|cx| crew.poll_news(cx)).await
    }

    #[tokio::test]
    async fn a_worker_is_used_again_and_of_many_only_some_are_kept() {
        let mut crew = crew();
        for round in 0..3 {
            let workers: Vec<_> = (100..200).map(|job| crew.assign(job)).collect();
            let mut reports = Vec::new();
            for _ in &workers {
                let News::Done(report) = news(&mut crew).await else { panic!("one died") };
                reports.push(report);
            }
            reports.sort_unstable();
            assert_eq!(reports, (100..200).collect::<Vec<_>>());
            for worker in workers {
                crew.release(worker);
            }
            assert_eq!(crew.idle.len(), IDLE, "round {round}");
            assert_eq!(crew.workers.len(), IDLE);
        }
    }

    #[tokio::test]
    async fn a_death_is_told_although_there_is_always_something_else_to_report() {
        let mut crew = crew();
        crew.assign(13);
        for job in 100..200 {
            crew.assign(job);
        }
        tokio::task::yield_now().await;
        for _ in 0..100 {
            if let News::Died(..) = news(&mut crew).await {
                return;
            }
        }
        panic!("nobody told");
    }

    #[tokio::test]
    async fn the_death_of_a_worker_is_told_and_it_is_used_no_more() {
        let mut crew = crew();
        let worker = crew.assign(13);
        let News::Died(died, error) = news(&mut crew).await else { panic!("it lives") };
        assert_eq!(died, worker);
        assert!(error.is_panic());
        assert!(crew.workers.is_empty());
        crew.assign(1);
        assert!(matches!(news(&mut crew).await, News::Done(1)));
    }
}
