//! The SQLite backend: one file, one writer, a few readers.
//!
//! Flow of a write: the caller puts a job into a bounded queue and waits for its answer; the
//! [`writer`] task takes all that waits, carries each job out in a savepoint of one transaction,
//! commits once, announces the changes in order and answers. Reads go past it, through connections
//! that cannot write.

mod file;
mod health;
mod job;
mod pass_record;
mod place;
mod ports;
mod read;
mod retry_record;
mod row;
mod spec_write;
#[cfg(test)]
mod tests;
mod upkeep;
mod writer;

use crate::{Callback, Error, Options};
use file::{Database, LockedFile};
use futures::{StreamExt, stream::BoxStream};
use health::Health;
use job::{Job, Operation};
use place::Place;
use sqlx::SqlitePool;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use trueup_domain::{
    error::StoreError,
    id::InstanceId,
    port::{Change, Changes},
};
use writer::Writer;

/// A store in an SQLite file, which no other process opens as long as this lives.
///
/// [`close`](Self::close) it to end in good order: what is queued is still written, and the file is
/// free when it returns. Dropping it gives up what is queued, and frees the file when the runtime has
/// ended the writer. What was acknowledged is on the disk either way.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    options: Options,
    instance_id: InstanceId,
    readers: SqlitePool,
    queue: mpsc::Sender<Box<dyn Job>>,
    /// Weak, so that subscriptions end with the writer.
    changes: broadcast::WeakSender<Change>,
    commits: Arc<AtomicU64>,
    health: Arc<Health>,
    place: Arc<Place>,
    closing: watch::Sender<bool>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the database, makes it if there is none, and brings its schema up to date.
    ///
    /// The file is readable by its owner alone. Beside it lies a lock file, which stays when the store
    /// is closed: it is the lock on it that counts, and that ends with the process.
    ///
    /// # Errors
    /// Each way in which a file can be no use has a variant of [`Error`] that says what to do.
    pub async fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let file = LockedFile::acquire(path.as_ref())?;
        let path = file.path().to_owned();
        let Database { connection, connect, readers, instance_id } =
            file::open(&path, file.place(), &options).await?;

        let (queue, jobs) = mpsc::channel(options.queue.max(1));
        let (changes, _) = broadcast::channel(options.change_buffer.clamp(1, usize::MAX / 4));
        let (closing, told_to_close) = watch::channel(false);
        let commits = Arc::new(AtomicU64::new(0));
        let (health, place) = (Arc::new(Health::default()), file.place().clone());
        let weak_changes = changes.downgrade();
        let writer = Writer {
            connection: Some(connection),
            connect,
            jobs,
            changes,
            closing: told_to_close,
            commits: commits.clone(),
            health: health.clone(),
            place: place.clone(),
            untrimmed: writer::TRIM_AFTER,
            batch: options.batch.max(1),
            events_kept: options.events.max(1),
            busy_timeout: options.busy_timeout,
            upkeep_after: options.upkeep_after,
            upkeep_due: None,
            _file: file,
        };
        let writer = Mutex::new(Some(tokio::spawn(writer.run())));
        let changes = weak_changes;
        Ok(Self {
            path,
            options,
            instance_id,
            readers,
            queue,
            changes,
            commits,
            health,
            place,
            closing,
            writer,
        })
    }

    /// The identity of this store and of all that is made for it, given to it when it was new.
    pub const fn instance_id(&self) -> &InstanceId {
        &self.instance_id
    }

    /// The database file, free of symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many transactions were committed since the store was opened. Calls that came together
    /// share one.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Calls `callback` on every change from now on, in order, until the returned guard is dropped.
    ///
    /// A callback that panics or is slow is counted and logged under `name`, goes on with the next
    /// change, and harms nobody else.
    pub fn on_change<F>(&self, name: impl Into<String>, callback: F) -> Callback
    where
        F: Fn(&Change) + Send + 'static,
    {
        Callback::start(name.into(), self.subscribe(), callback)
    }

    /// Writes what is queued, refuses everything else, and closes the file. Closing again is fine.
    pub async fn close(&self, deadline: Duration) -> Result<(), Error> {
        let writer = self.take_writer();
        let Some(mut writer) = writer else { return Ok(()) };
        let orderly = async {
            // The writer closes last: only a connection that may write can fold the log into the file.
            self.readers.close().await;
            self.closing.send_replace(true);
            // It catches the panics of its jobs, so that an error here is an abort, which is an end too.
            let _ = (&mut writer).await;
        };
        if timeout(deadline, orderly).await.is_err() {
            writer.abort();
            return Err(Error::CloseTimedOut { path: self.path.clone(), deadline });
        }
        Ok(())
    }

    /// Has the writer carry out an operation, and waits for its answer.
    async fn submit<O: Operation>(&self, operation: O) -> Result<O::Reply, StoreError> {
        let (answer, reply) = oneshot::channel();
        let job = Box::new(job::Waiting::new(operation, answer));
        let answered = async {
            self.queue.send(job).await.map_err(|_| Error::Closed.during(O::NAME))?;
            reply.await.unwrap_or_else(|_| Err(Error::Closed.during(O::NAME)))
        };
        self.within_deadline(O::NAME, answered).await
    }

    async fn within_deadline<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let deadline = self.options.deadline;
        timeout(deadline, call)
            .await
            .unwrap_or_else(|_| Err(Error::DeadlineExceeded(deadline).during(operation)))
    }

    fn take_writer(&self) -> Option<JoinHandle<()>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Some(writer) = self.take_writer() {
            writer.abort();
        }
    }
}

impl Changes for SqliteStore {
    fn subscribe(&self) -> BoxStream<'static, Change> {
        let Some(changes) = self.changes.upgrade() else { return futures::stream::empty().boxed() };
        BroadcastStream::new(changes.subscribe())
            .map(|change| match change {
                Ok(change) => change,
                Err(BroadcastStreamRecvError::Lagged(count)) => Change::Missed(count),
            })
            .boxed()
    }
}
