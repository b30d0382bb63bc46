//! A process by its folder under `/proc`.
//!
//! Invariant: all that is opened through it belongs to one process. The folder itself is held open,
//! and gives nothing once that process is gone, also if another one has its number by then.
//! Deliberately absent: signals, and anything that needs more rights than reading.

use super::content::failed;
use rustix::{
    fs::{Mode, OFlags, fstat, openat, stat},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
    path::Path,
};
use trueup_domain::port::UsageError;

/// More than any file that is read whole here has.
const LONGEST: u64 = 64 << 10;

/// The folder of a process.
#[derive(Debug)]
pub(super) struct Process(OwnedFd);

impl Process {
    /// Finds the process that has that number now.
    pub(super) fn find(proc: &Path, pid: u32) -> io::Result<Self> {
        let folder = proc.join(pid.to_string());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(folder, flags, Mode::empty())?))
    }

    /// Opens one of its files.
    ///
    /// # Errors
    /// `Gone` when the process is, or when it is about to be and has nothing left.
    pub(super) fn open(&self, name: &str) -> Result<File, UsageError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        match openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => Ok(File::from(file)),
            // Every process has its files.
            Err(Errno::NOENT) => Err(UsageError::Gone),
            Err(error) => Err(failed(name, &error.into())),
        }
    }

    /// The whole text of one of its files.
    pub(super) fn text(&self, name: &str) -> Result<String, UsageError> {
        read(self.open(name)?).map_err(|error| failed(name, &error))
    }
}

/// The whole text of a short file.
pub(super) fn read(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Whether a file that a process has open is the one at `path`. The files of two network namespaces
/// differ in this, and it takes no rights to see it.
pub(super) fn is_same(file: &File, path: &Path) -> Result<bool, Errno> {
    let (open, there) = (fstat(file)?, stat(path)?);
    Ok((open.st_dev, open.st_ino) == (there.st_dev, there.st_ino))
}
