//! What can go wrong with the store itself.
//!
//! Opening and closing fail with these directly. The ports fail with the domain's [`StoreError`], in
//! which one of these is the source.

use std::{error, io, path::PathBuf, sync::Arc, time::Duration};
use trueup_domain::error::StoreError;

/// A failure of the storage.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be where it should be.
    #[error("cannot open the database {path}: there is no folder {folder}; create it first", path = .path.display(), folder = .folder.display())]
    FolderMissing {
        /// The database file.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// The file or its lock file cannot be made or written.
    #[error("cannot write to {}; check the owner and the mode of its folder", .path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has the database open.
    #[error("the database {path} is in use by another controller, which holds {lock}", path = .path.display(), lock = .lock.display())]
    InUse {
        /// The database file.
        path: PathBuf,
        /// The lock file.
        lock: PathBuf,
    },
    /// The file holds something else.
    #[error("{} is no SQLite database", .path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file is a database of another program.
    #[error("{} is an SQLite database, but not one of trueup's", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The database was migrated by a later version of the program.
    #[error("the database {path} has schema {found}, and this version of trueup knows only {known}; use a newer one", path = .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The migration that is unknown here.
        found: i64,
        /// The last one known here.
        known: i64,
    },
    /// The schema could not be brought up to date.
    #[error("cannot migrate the database {}", .path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// The database could not be opened.
    #[error("cannot open the database {}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// Closing took too long; what was acknowledged is on the disk all the same.
    #[error("closing the database {path} took more than {deadline:?}", path = .path.display())]
    CloseTimedOut {
        /// The file.
        path: PathBuf,
        /// How long it was given.
        deadline: Duration,
    },
    /// A statement failed.
    #[error("a statement failed")]
    Statement(#[from] sqlx::Error),
    /// The transaction that the call shared could not be begun or committed; whether it is on the disk
    /// is not known.
    #[error("the transaction failed")]
    Transaction(#[source] Arc<dyn error::Error + Send + Sync>),
    /// The file is not the one any more that was opened; no write is carried out from then on.
    #[error("the database file {} was removed or replaced while it was in use; restart with the right file", .path.display())]
    Displaced {
        /// The file that is missed: the database, or its write-ahead log.
        path: PathBuf,
    },
    /// It cannot be told whether the file is still the one that was opened.
    #[error("cannot look at {}", .path.display())]
    Unseen {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A stored row does not hold what it should.
    #[error("the row {id} of {table} cannot be read")]
    Unreadable {
        /// Its table.
        table: &'static str,
        /// Which.
        id: String,
        /// Why.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// A value has no form to be stored in.
    #[error("a value cannot be stored")]
    Unstorable(#[source] Box<dyn error::Error + Send + Sync>),
    /// A pass wants to store what may not be.
    #[error("refused: {0}")]
    Refused(String),
    /// The deadline of the call passed.
    #[error("no answer within {0:?}")]
    DeadlineExceeded(Duration),
    /// The store is closed, or is being closed.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// As the source of a port's error.
    pub(crate) fn during(self, operation: &'static str) -> StoreError {
        StoreError::Backend { operation, source: Box::new(self) }
    }
}
