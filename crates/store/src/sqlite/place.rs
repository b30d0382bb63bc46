//! The place of the database: whether the files that were opened are still the ones at their paths.
//!
//! A file that is removed or replaced while it is open goes on taking writes, and nobody finds them
//! again. So the [`writer`](super::writer) looks before and after each commit. Once another file was
//! seen, the place is lost for good: which of the two is the right one is not for a program to guess.
//!
//! A file whose content was overwritten in place is not noticed.

use crate::Error;
use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

/// Where the database and its log are, and which files these were when they were opened.
#[derive(Debug)]
pub(super) struct Place {
    database: PathBuf,
    database_id: FileId,
    log: PathBuf,
    /// `None` while the writer has no connection: the last one to close takes the log away.
    log_id: Mutex<Option<FileId>>,
    /// The file that was missed.
    lost: OnceLock<PathBuf>,
}

/// What tells a file from every other that is there at the same time: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl From<Metadata> for FileId {
    fn from(metadata: Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

impl Place {
    pub(super) fn of(path: &Path, file: &File) -> io::Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        Ok(Self {
            database: path.to_owned(),
            database_id: file.metadata()?.into(),
            log: log.into(),
            log_id: Mutex::default(),
            lost: OnceLock::new(),
        })
    }

    /// Whether what is written now is found again.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(path) = self.lost.get() {
            return Err(Error::Displaced { path: path.clone() });
        }
        self.compare(&self.database, self.database_id)?;
        // Held while looking, so that the log is not taken away in between for a good reason.
        let log_id = self.log_id.lock().unwrap_or_else(PoisonError::into_inner);
        log_id.map_or(Ok(()), |id| self.compare(&self.log, id))
    }

    /// Remembers the log, which is there from the first transaction of a connection on.
    pub(super) fn remember_log(&self) -> Result<(), Error> {
        let mut log_id = self.log_id.lock().unwrap_or_else(PoisonError::into_inner);
        if log_id.is_none() {
            *log_id = Some(self.look(&self.log)?);
        }
        Ok(())
    }

    /// To be called before the writer's connection is closed.
    pub(super) fn forget_log(&self) {
        *self.log_id.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    fn compare(&self, path: &Path, expected: FileId) -> Result<(), Error> {
        if self.look(path)? == expected { Ok(()) } else { Err(self.lose(path)) }
    }

    fn look(&self, path: &Path) -> Result<FileId, Error> {
        path.metadata().map(FileId::from).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => self.lose(path),
            _ => Error::Unseen { path: path.to_owned(), source },
        })
    }

    fn lose(&self, path: &Path) -> Error {
        let path = self.lost.get_or_init(|| path.to_owned());
        tracing::error!(
            path = %path.display(),
            "a file of the database was removed or replaced while it was in use; nothing is written any more"
        );
        Error::Displaced { path: path.clone() }
    }
}
