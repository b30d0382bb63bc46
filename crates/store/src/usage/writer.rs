//! The one writer: a task that takes the batches in turn, each a transaction, and keeps house after
//! each.
//!
//! # Guarantees
//! - A caller is answered after the commit, and before the house is kept.
//! - A batch that fails is told and forgotten; nothing is tried again.
//! - After a failure the connection is made anew. A file that was removed, replaced or found damaged
//!   is replaced by a new one.

use super::{
    UsageOptions,
    append::{self, Keys, day, is_of_now},
    code::is_unusable,
    complaint::Dropped,
    file::{self, Database, FileId},
    removal, rollup,
    steady::Steadiness,
};
use crate::Error;
use jiff::Timestamp;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool, sqlite::SqliteConnectOptions,
};
use std::{
    fs::File,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::Instant,
};
use trueup_domain::usage::UsageRow;

/// Rows on their way, with the caller who waits for them.
pub(super) struct Batch {
    pub(super) rows: Vec<UsageRow>,
    pub(super) now: Timestamp,
    pub(super) answer: oneshot::Sender<Result<(), Error>>,
    /// Their room in the queue.
    pub(super) _room: OwnedSemaphorePermit,
}

/// What the writer shares with its callers.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) options: UsageOptions,
    pub(super) readers: Mutex<SqlitePool>,
    pub(super) dropped: Dropped,
    /// Set by whoever finds the file to be damaged.
    pub(super) is_damaged: AtomicBool,
}

impl Shared {
    pub(super) fn readers(&self) -> SqlitePool {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) struct Writer {
    /// `None` after a failure, until it is needed again.
    connection: Option<SqliteConnection>,
    connect: SqliteConnectOptions,
    file_id: Option<FileId>,
    keys: Keys,
    steadiness: Steadiness,
    /// Whether nothing lies ahead of the present, as far as is known.
    is_ahead_removed: bool,
    /// The day on which no more workspaces were found that have no rows.
    workspaces_removed: Option<i64>,
    shared: Arc<Shared>,
    /// Last, so that the lock outlives the connection.
    _lock: File,
}

impl Writer {
    /// With an open history. Its readers are the shared ones.
    pub(super) fn new(database: Database, shared: Arc<Shared>, lock: File) -> Self {
        Self {
            connection: Some(database.connection),
            connect: database.connect,
            file_id: database.file_id,
            keys: Keys::default(),
            steadiness: Steadiness::new(shared.options.steady_after, Instant::now()),
            is_ahead_removed: false,
            workspaces_removed: None,
            shared,
            _lock: lock,
        }
    }

    /// Runs until there can be no more batches, and the queue is empty.
    pub(super) async fn run(mut self, mut batches: mpsc::Receiver<Batch>) {
        while let Some(batch) = batches.recv().await {
            // A caller who has given up has complained.
            if !batch.answer.is_closed() {
                self.work_on(batch).await;
            }
        }
        self.shared.readers().close().await;
        self.disconnect().await;
    }

    async fn work_on(&mut self, batch: Batch) {
        let Batch { mut rows, now, answer, _room } = batch;
        let all = rows.len();
        rows.retain(|row| is_of_now(row, now));
        let outcome = self.append(&rows, now).await;
        if let Err(error) = &outcome {
            self.recover_from(error).await;
        }
        let is_written = outcome.is_ok();
        // An error means that the caller has given up.
        let _ = answer.send(outcome);
        if !is_written {
            return;
        }
        self.shared.dropped.count(all - rows.len(), "it is not of the present");
        if let Err(error) = self.keep_house(rows.len(), now).await {
            tracing::debug!(%error, "the history of usage was not tidied; the next time it may");
            self.recover_from(&error).await;
        }
    }

    async fn append(&mut self, rows: &[UsageRow], now: Timestamp) -> Result<(), Error> {
        self.ensure_file(now).await?;
        let mut keys = std::mem::take(&mut self.keys);
        let connection = self.connected().await?;
        run(connection, "BEGIN IMMEDIATE").await?;
        append::append(connection, &mut keys, rows).await?;
        run(connection, "COMMIT").await?;
        self.keys = keys;
        Ok(())
    }

    /// Adds up what is over, and removes what is too old.
    async fn keep_house(&mut self, appended: usize, now: Timestamp) -> Result<(), Error> {
        let is_steady = self.steadiness.look(now, Instant::now());
        if !is_steady || self.steadiness.has_jumped() {
            self.is_ahead_removed = false;
        }
        let (is_ahead_removed, largest_file) =
            (self.is_ahead_removed, self.shared.options.largest_file);
        let connection = self.connected().await?;
        removal::keep_within(connection, largest_file, appended).await?;
        if !is_steady {
            return Ok(());
        }
        if !is_ahead_removed {
            if !removal::remove_periods_ahead(connection, now).await? {
                return Ok(());
            }
            run(connection, "BEGIN IMMEDIATE").await?;
            removal::begin_again_at(connection, now).await?;
            run(connection, "COMMIT").await?;
        }
        add_up(connection, now).await?;
        removal::remove_old(connection, appended, now).await?;
        self.is_ahead_removed = true;
        self.remove_workspaces(now).await
    }

    /// Once a day, as all of them have to be looked at.
    async fn remove_workspaces(&mut self, now: Timestamp) -> Result<(), Error> {
        let today = Some(day(now.as_millisecond()));
        if self.workspaces_removed == today {
            return Ok(());
        }
        if removal::remove_workspaces(self.connected().await?, now).await? {
            self.keys.forget();
        } else {
            self.workspaces_removed = today;
        }
        Ok(())
    }

    /// Sees to it that what is written is found at the path.
    async fn ensure_file(&mut self, now: Timestamp) -> Result<(), Error> {
        let path = &self.shared.path;
        let is_damaged = self.shared.is_damaged.load(Ordering::Relaxed);
        let is_there = self.file_id.is_some() && file::file_id(path) == self.file_id;
        if is_there && !is_damaged {
            return Ok(());
        }
        self.disconnect().await;
        self.shared.readers().close().await;
        let path = &self.shared.path;
        if is_damaged && is_there {
            file::put_aside(path, "it is damaged", now)?;
        } else if self.file_id.is_some() {
            tracing::warn!(path = %path.display(), "the history of usage was removed; it is begun anew");
        }
        // From here on another try begins with the file that is there.
        self.shared.is_damaged.store(false, Ordering::Relaxed);
        self.file_id = None;
        let database = file::open(path, &self.shared.options, now).await?;
        self.connection = Some(database.connection);
        self.file_id = database.file_id;
        *self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner) = database.readers;
        Ok(())
    }

    async fn connected(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn recover_from(&mut self, error: &Error) {
        if let Error::Statement(error) = error
            && is_unusable(error)
        {
            self.shared.is_damaged.store(true, Ordering::Relaxed);
        }
        self.disconnect().await;
    }

    /// Waits for the end of the old connection, which holds the lock for writing until then.
    async fn disconnect(&mut self) {
        self.keys.forget();
        let Some(connection) = self.connection.take() else { return };
        if let Err(error) = connection.close().await {
            tracing::debug!(%error, "a connection to the history was not closed in good order");
        }
    }
}

/// Adds up some of what is over: more than becomes so between two appends, and not all that has waited
/// while there were none.
async fn add_up(connection: &mut SqliteConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    const PERIODS_AT_ONCE: usize = 4;
    for _ in 0..PERIODS_AT_ONCE {
        run(connection, "BEGIN IMMEDIATE").await?;
        let is_done = !rollup::add_up(connection, now).await?;
        run(connection, "COMMIT").await?;
        if is_done {
            break;
        }
    }
    Ok(())
}

/// Plain statements rather than sqlx's transactions, which count their depth and lose count when
/// SQLite drops a transaction by itself.
async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}
