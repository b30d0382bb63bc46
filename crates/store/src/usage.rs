//! The history of usage: an SQLite file of its own beside the store, so that it is never in the way of
//! a pass.
//!
//! Flow of an append: the rows go into a queue that is bounded in rows; the [`writer`] task stores each
//! batch in a transaction, answers, and keeps house: what is over is added up, and what is too old is
//! removed in small steps. Queries go past it, through connections that cannot write.
//!
//! # Guarantees
//! - Each row that was kept is counted exactly once at each resolution, whenever it came and wherever a
//!   process ended; an answer is the same before and after adding up.
//! - Nothing waits for room: rows beyond the bound are dropped, counted and complained of.
//! - Whatever is wrong with the file, a history is begun.
//!
//! # Caveats
//! - Times are kept in milliseconds, CPU in thousandths of a percent. Of two rows of a workspace at one
//!   millisecond the first one counts.
//! - A power cut may take the last minutes.
//!
//! Absent on purpose: a timer. The house is kept after an append, by the time that it brings.

mod append;
mod code;
mod complaint;
mod file;
mod history;
mod level;
mod options;
mod refused;
mod removal;
mod rollup;
mod steady;
mod writer;

pub use options::UsageOptions;
pub use refused::UsageRefused;

use crate::Error;
use async_trait::async_trait;
use code::is_unusable;
use complaint::Dropped;
use jiff::Timestamp;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use trueup_domain::{
    error::StoreError,
    id::WorkspaceId,
    port::UsageLog,
    usage::{Point, Range, UsageRow},
};
use writer::{Batch, Shared, Writer};

/// How many batches may wait, apart from how many rows they have.
const BATCHES: usize = 64;
const APPEND: &str = "keep usage";
const HISTORY: &str = "read usage";

/// A history of usage in an SQLite file, which no other process opens as long as this lives.
///
/// [`close`](Self::close) it to end in good order. Dropping it gives up what is queued.
#[derive(Debug)]
pub struct SqliteUsageLog {
    shared: Arc<Shared>,
    /// How many more rows may wait.
    room: Arc<Semaphore>,
    /// `None` once it is closed.
    queue: Mutex<Option<mpsc::Sender<Batch>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteUsageLog {
    /// Where the history of a store lies: `trueup-usage.db` beside `trueup.db`.
    pub fn path_beside(store: &Path) -> PathBuf {
        let mut name = store.file_stem().map_or_else(|| OsString::from("trueup"), OsString::from);
        name.push("-usage.db");
        store.with_file_name(name)
    }

    /// Opens the history, or begins one. A file that is damaged, or somebody else's, or of another
    /// version, is put aside as `….corrupt-<time>`, and a new one is begun.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it, and [`Error::NotWritable`] or [`Error::Open`] when
    /// no file can be made there.
    pub async fn open(
        path: impl AsRef<Path>,
        options: UsageOptions,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let lock = crate::private::lock(&path)?;
        let database = file::open(&path, &options, now).await?;
        let room = Arc::new(Semaphore::new(options.queue.clamp(1, Semaphore::MAX_PERMITS)));
        let (queue, batches) = mpsc::channel(BATCHES);
        let shared = Arc::new(Shared {
            path,
            options,
            readers: Mutex::new(database.readers.clone()),
            dropped: Dropped::default(),
            is_damaged: AtomicBool::new(false),
        });
        let writer = Writer::new(database, shared.clone(), lock);
        let writer = Mutex::new(Some(tokio::spawn(writer.run(batches))));
        Ok(Self { shared, room, queue: Mutex::new(Some(queue)), writer })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// How many rows were not kept since it was opened, because there was no room, they were not of the
    /// present, or the storage failed.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.rows()
    }

    /// Writes what is queued, refuses everything else, and closes the file. Closing again is fine.
    pub async fn close(&self, deadline: Duration) -> Result<(), Error> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut writer) = self.take_writer() else { return Ok(()) };
        if timeout(deadline, &mut writer).await.is_err() {
            writer.abort();
            return Err(Error::CloseTimedOut { path: self.path().to_owned(), deadline });
        }
        Ok(())
    }

    /// Hands rows to the writer, or says why not.
    fn enqueue(
        &self,
        rows: Vec<UsageRow>,
        now: Timestamp,
    ) -> Result<oneshot::Receiver<Result<(), Error>>, StoreError> {
        let behind = |rows| UsageRefused::Behind { rows }.during(APPEND);
        let count = rows.len();
        let wanted = u32::try_from(count).map_err(|_| behind(count))?;
        let room = self.room.clone().try_acquire_many_owned(wanted).map_err(|_| behind(count))?;
        let (answer, reply) = oneshot::channel();
        let batch = Batch { rows, now, answer, _room: room };
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or_else(|| Error::Closed.during(APPEND))?;
        queue.try_send(batch).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => behind(count),
            mpsc::error::TrySendError::Closed(_) => Error::Closed.during(APPEND),
        })?;
        Ok(reply)
    }

    fn take_writer(&self) -> Option<JoinHandle<()>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for SqliteUsageLog {
    fn drop(&mut self) {
        if let Some(writer) = self.take_writer() {
            writer.abort();
        }
    }
}

#[async_trait]
impl UsageLog for SqliteUsageLog {
    async fn append(&self, rows: Vec<UsageRow>, now: Timestamp) -> Result<(), StoreError> {
        let count = rows.len();
        let deadline = self.shared.options.deadline;
        let outcome = match self.enqueue(rows, now) {
            Ok(reply) => match timeout(deadline, reply).await {
                Ok(Ok(outcome)) => outcome.map_err(|error| error.during(APPEND)),
                Ok(Err(_)) => Err(Error::Closed.during(APPEND)),
                Err(_) => Err(Error::DeadlineExceeded(deadline).during(APPEND)),
            },
            Err(refused) => Err(refused),
        };
        if outcome.is_err() {
            self.shared.dropped.count(count, "the storage is behind or has failed");
        }
        outcome
    }

    async fn history(
        &self,
        workspace: WorkspaceId,
        range: &Range,
        now: Timestamp,
    ) -> Result<Vec<Point>, StoreError> {
        let deadline = self.shared.options.deadline;
        let readers = self.shared.readers();
        let outcome = timeout(deadline, history::history(&readers, workspace, range, now)).await;
        let outcome =
            outcome.unwrap_or_else(|_| Err(Error::DeadlineExceeded(deadline).during(HISTORY)));
        if outcome.as_ref().is_err_and(is_of_damage) {
            self.shared.is_damaged.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

/// Whether the file is found to be damaged by an error.
fn is_of_damage(error: &StoreError) -> bool {
    let StoreError::Backend { source, .. } = error else { return false };
    matches!(source.downcast_ref(), Some(Error::Statement(error)) if is_unusable(error))
}
