//! The one writer: a task that takes all jobs that wait and commits them together.
//!
//! # Guarantees
//! - Jobs are carried out, announced and answered in the order in which they came.
//! - Each has a savepoint: one that is refused or fails takes back what it wrote, and nothing else.
//! - Some failures, a full disk for one, make SQLite drop the whole transaction. Then the job that met
//!   it is answered with its error, and the others are carried out again without it.
//! - After such a failure, or a failed commit, the connection is made anew: what state the old one is
//!   in is not worth a guess.
//! - What is acknowledged is in the file at the path: see [`Place`].

use super::{
    file::LockedFile,
    health::{Health, root_cause},
    job::{Attempt, Failure, Job},
    place::Place,
};
use crate::Error;
use futures::FutureExt;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    future,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::{Instant, sleep_until},
};
use trueup_domain::port::Change;

/// After so many jobs the event log is trimmed by one step.
pub(super) const TRIM_AFTER: usize = 256;

pub(super) struct Writer {
    /// `None` after a failure, until it is needed again.
    pub(super) connection: Option<SqliteConnection>,
    pub(super) connect: SqliteConnectOptions,
    pub(super) jobs: mpsc::Receiver<Box<dyn Job>>,
    pub(super) changes: broadcast::Sender<Change>,
    pub(super) closing: watch::Receiver<bool>,
    pub(super) commits: Arc<AtomicU64>,
    pub(super) health: Arc<Health>,
    pub(super) place: Arc<Place>,
    /// How many jobs were carried out since the log was last trimmed.
    pub(super) untrimmed: usize,
    pub(super) batch: usize,
    pub(super) events_kept: u64,
    pub(super) busy_timeout: Duration,
    pub(super) upkeep_after: Duration,
    /// `None` while there is nothing to do.
    pub(super) upkeep_due: Option<Instant>,
    /// Last, so that the lock outlives the connection.
    pub(super) _file: LockedFile,
}

/// What the writer does next.
enum Work {
    /// This job, and those behind it.
    Jobs(Box<dyn Job>),
    Upkeep,
}

/// Why a transaction did not come to its commit.
enum Lost {
    /// It could not be begun or committed, or what it wrote is not in the file at the path.
    Whole(Failure),
    /// This job made SQLite drop it; with the cause if the storage failed.
    By(usize, Option<String>),
}

impl From<sqlx::Error> for Lost {
    fn from(error: sqlx::Error) -> Self {
        Self::Whole(Arc::new(error))
    }
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Whole(Arc::new(error))
    }
}

impl Writer {
    /// Runs until it is told to close, and then until the queue is empty.
    pub(super) async fn run(mut self) {
        while let Some(work) = self.next().await {
            let Work::Jobs(first) = work else {
                self.keep_up().await;
                continue;
            };
            let mut batch = vec![first];
            while batch.len() < self.batch {
                let Ok(job) = self.jobs.try_recv() else { break };
                batch.push(job);
            }
            batch.retain(|job| !job.is_abandoned());
            // A panic drops the jobs, so that their callers learn of it, and the connection with them.
            if AssertUnwindSafe(self.work_on(batch)).catch_unwind().await.is_err() {
                tracing::error!(
                    "the writer of the store panicked; it goes on with a new connection"
                );
                self.place.forget_log();
                self.connection = None;
            }
        }
        if self.place.check().is_ok()
            && let Err(error) = self.fold_log().await
        {
            tracing::warn!(%error, "the log of the database could not be folded into the file");
        }
        self.disconnect().await;
    }

    async fn next(&mut self) -> Option<Work> {
        let due = self.upkeep_due;
        let upkeep = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // An error means that the store is gone, which is a reason to close as well.
            _ = self.closing.wait_for(|closing| *closing) => {}
            // Before the jobs, which may never let up.
            () = upkeep => return Some(Work::Upkeep),
            job = self.jobs.recv() => return job.map(Work::Jobs),
        }
        self.jobs.close();
        self.jobs.recv().await.map(Work::Jobs)
    }

    async fn work_on(&mut self, batch: Vec<Box<dyn Job>>) {
        self.untrimmed += batch.len();
        self.commit_together(batch).await;
        self.schedule_upkeep();
        if self.untrimmed < TRIM_AFTER {
            return;
        }
        self.untrimmed = 0;
        if self.place.check().is_err() {
            return;
        }
        if let Err(error) = self.trim_events().await {
            tracing::warn!(%error, "the event log could not be trimmed; the next step may");
            self.disconnect().await;
        }
    }

    async fn commit_together(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        while !jobs.is_empty() {
            match self.transaction(&mut jobs).await {
                Ok(()) => {
                    self.commits.fetch_add(1, Ordering::Relaxed);
                    jobs.drain(..).for_each(|job| job.settle(&self.changes));
                }
                Err(lost) => {
                    if self.place.is_lost() {
                        self.save_log().await;
                    }
                    self.disconnect().await;
                    match lost {
                        Lost::By(index, cause) => {
                            if let Some(cause) = cause {
                                self.health.fail(&cause);
                            }
                            jobs.remove(index).settle(&self.changes);
                        }
                        Lost::Whole(error) => {
                            self.health.fail(&root_cause(&*error));
                            jobs.drain(..).for_each(|job| job.fail(&error));
                        }
                    }
                }
            }
        }
    }

    /// Carries all jobs out in one transaction and commits it.
    async fn transaction(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Lost> {
        let (place, health) = (self.place.clone(), self.health.clone());
        place.check()?;
        let connection = self.connected().await?;
        run(connection, "BEGIN IMMEDIATE").await?;
        place.remember_log()?;
        let (mut wrote, mut failed) = (false, None);
        for (index, job) in jobs.iter_mut().enumerate() {
            run(connection, "SAVEPOINT job").await?;
            match job.attempt(connection).await {
                Attempt::Wrote => wrote = true,
                Attempt::Idle => {}
                Attempt::Failed(cause) => {
                    // There is no savepoint to go back to when SQLite has dropped the transaction.
                    if run(connection, "ROLLBACK TO job").await.is_err() {
                        return Err(Lost::By(index, cause));
                    }
                    failed = failed.or(cause);
                }
            }
            run(connection, "RELEASE job").await?;
        }
        place.check()?;
        run(connection, "COMMIT").await?;
        // Once more, as the file may have gone in between.
        place.check()?;
        match failed {
            _ if wrote => health.recover(),
            Some(cause) => health.fail(&cause),
            None => {}
        }
        Ok(())
    }

    pub(super) async fn connected(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Waits for the end of the old connection, which holds the lock for writing until then.
    pub(super) async fn disconnect(&mut self) {
        self.place.forget_log();
        let Some(connection) = self.connection.take() else { return };
        if let Err(error) = connection.close().await {
            tracing::warn!(%error, "a database connection was not closed in good order");
        }
    }
}

/// Plain statements rather than sqlx's transactions, which count their depth and lose count when
/// SQLite drops a transaction by itself.
async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}
