//! Files that are for their owner alone, and the lock that keeps a second process away from one.
//!
//! The lock is on a file of its own beside the database, as opening and closing the database itself
//! a second time in one process would break the locks that SQLite holds on it (POSIX locks).

use crate::Error;
use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

pub(crate) const OWNER_ONLY: u32 = 0o600;

/// Takes the lock that goes with a file. It ends with the returned value or with the process.
pub(crate) fn lock(path: &Path) -> Result<File, Error> {
    let lock_path = path.with_added_extension("lock");
    let lock = open(&lock_path)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Error::InUse { path: path.to_owned(), lock: lock_path.clone() },
        TryLockError::Error(source) => Error::NotWritable { path: lock_path.clone(), source },
    })?;
    Ok(lock)
}

/// Opens a file for writing, and makes it if there is none, for its owner alone.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(OWNER_ONLY)
        .open(path)
        .map_err(|source| Error::NotWritable { path: path.to_owned(), source })
}
