//! The one writer: a task that takes all jobs that wait and commits them together.
//!
//! # Guarantees
//! - Jobs are carried out, announced and answered in the order in which they came.
//! - Each has a savepoint: one that is refused or fails takes back what it wrote, and nothing else.
//! - Some failures, a full disk for one, make SQLite drop the whole transaction. Then the job that met
//!   it is answered with its error, and the others are carried out again without it.
//! - After such a failure, or a failed commit, the connection is made anew: what state the old one is
//!   in is not worth a guess.

use super::{file::LockedFile, job::Job};
use futures::FutureExt;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{broadcast, mpsc, watch};
use trueup_domain::port::Change;

/// After so many jobs the event log is trimmed by one step.
pub(super) const TRIM_AFTER: usize = 256;
/// So many events go in one step at most. More than the jobs in between append as a rule, so that a
/// log that is too long gets shorter.
const TRIM_STEP: i64 = 2048;

pub(super) struct Writer {
    /// `None` after a failure, until it is needed again.
    pub(super) connection: Option<SqliteConnection>,
    pub(super) connect: SqliteConnectOptions,
    pub(super) jobs: mpsc::Receiver<Box<dyn Job>>,
    pub(super) changes: broadcast::Sender<Change>,
    pub(super) closing: watch::Receiver<bool>,
    pub(super) commits: Arc<AtomicU64>,
    /// How many jobs were carried out since the log was last trimmed.
    pub(super) untrimmed: usize,
    pub(super) batch: usize,
    pub(super) events_kept: u64,
    /// Last, so that the lock outlives the connection.
    pub(super) _file: LockedFile,
}

/// Why a transaction did not come to its commit.
enum Lost {
    /// It could not be begun or committed.
    Whole(sqlx::Error),
    /// This job made SQLite drop it.
    By(usize),
}

impl Writer {
    /// Runs until it is told to close, and then until the queue is empty.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.next().await {
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
                self.connection = None;
            }
        }
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "the database was not closed in good order");
        }
    }

    async fn next(&mut self) -> Option<Box<dyn Job>> {
        tokio::select! {
            biased;
            // An error means that the store is gone, which is a reason to close as well.
            _ = self.closing.wait_for(|closing| *closing) => {}
            job = self.jobs.recv() => return job,
        }
        self.jobs.close();
        self.jobs.recv().await
    }

    async fn work_on(&mut self, batch: Vec<Box<dyn Job>>) {
        self.untrimmed += batch.len();
        self.commit_together(batch).await;
        if self.untrimmed < TRIM_AFTER {
            return;
        }
        self.untrimmed = 0;
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
                    self.disconnect().await;
                    match lost {
                        Lost::By(index) => jobs.remove(index).settle(&self.changes),
                        Lost::Whole(error) => {
                            let error = Arc::new(error);
                            jobs.drain(..).for_each(|job| job.fail(&error));
                        }
                    }
                }
            }
        }
    }

    /// Carries all jobs out in one transaction and commits it.
    async fn transaction(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Lost> {
        let connection = self.connected().await.map_err(Lost::Whole)?;
        run(connection, "BEGIN IMMEDIATE").await.map_err(Lost::Whole)?;
        for (index, job) in jobs.iter_mut().enumerate() {
            run(connection, "SAVEPOINT job").await.map_err(Lost::Whole)?;
            if !job.attempt(connection).await {
                // There is no savepoint to go back to when SQLite has dropped the transaction.
                run(connection, "ROLLBACK TO job").await.map_err(|_| Lost::By(index))?;
            }
            run(connection, "RELEASE job").await.map_err(Lost::Whole)?;
        }
        run(connection, "COMMIT").await.map_err(Lost::Whole)
    }

    /// Removes the oldest events beyond the bound, a step at most, in a transaction of its own: whether
    /// it works is nothing to the callers.
    async fn trim_events(&mut self) -> Result<(), sqlx::Error> {
        let events_kept = i64::try_from(self.events_kept).unwrap_or(i64::MAX);
        sqlx::query(
            "DELETE FROM events WHERE id <= min((SELECT max(id) FROM events) - ?1, \
             (SELECT min(id) FROM events) + ?2 - 1)",
        )
        .bind(events_kept)
        .bind(TRIM_STEP)
        .execute(self.connected().await?)
        .await?;
        Ok(())
    }

    async fn connected(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Waits for the end of the old connection, which holds the lock for writing until then.
    async fn disconnect(&mut self) {
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
