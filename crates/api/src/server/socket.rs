//! The unix socket: its owner's alone from its first moment, and one controller's at a time.
//!
//! - The mode is set on the socket *before* it is bound, and Linux makes the file with it, so there
//!   is no moment in which it is open to more. (The umask would do too, but it is the whole
//!   process's.)
//! - A lock file beside it, held for life, decides between two controllers that start at once. The
//!   kernel lets go of it when a process dies, so a socket file under a free lock is a dead one's
//!   and is replaced.

use crate::Error;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind},
    os::{
        fd::AsFd,
        unix::{
            fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
            net,
        },
    },
    path::{Path, PathBuf},
};
use tokio::net::{UnixListener, UnixSocket};

const OWNER_ONLY: u32 = 0o600;
const OWNER_ONLY_DIRECTORY: u32 = 0o700;
const BACKLOG: u32 = 1024;

/// A bound unix socket; dropping it removes its file.
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file that we made, so that we never remove another one.
    made: (u64, u64),
    _lock: File,
}

impl Socket {
    /// Binds the socket; a folder for it is made when there is none.
    pub(super) fn bind(path: &Path) -> Result<Self, Error> {
        let failed = |operation| {
            let path = path.to_owned();
            move |source| Error::Socket { path, operation, source }
        };
        if let Some(folder) = path.parent() {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(OWNER_ONLY_DIRECTORY);
            builder.create(folder).map_err(failed("making its folder"))?;
        }
        let lock = take_lock(path)?;
        remove_stale(path)?;
        let listener = listen_privately(path).map_err(failed("binding it"))?;
        let made = identity(path).map_err(failed("looking at it"))?;
        Ok(Self { listener, path: path.to_owned(), made, _lock: lock })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.made) {
            // If it stays, the next controller finds it dead and replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn take_lock(socket: &Path) -> Result<File, Error> {
    let mut path = socket.as_os_str().to_owned();
    path.push(".lock");
    let failed =
        |source| Error::Socket { path: socket.to_owned(), operation: "locking it", source };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(OWNER_ONLY);
    let file = options.open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::SocketInUse { path: socket.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Makes room: whatever holds no lock and takes no connection is dead.
fn remove_stale(path: &Path) -> Result<(), Error> {
    let failed =
        |source| Error::Socket { path: path.to_owned(), operation: "replacing it", source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(Error::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    // A local connection is made or refused at once; a full backlog fails, which means a living one.
    match connect_at_once(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        _ => Err(Error::SocketInUse { path: path.to_owned() }),
    }
}

fn connect_at_once(path: &Path) -> io::Result<()> {
    net::UnixStream::connect(path).map(drop)
}

fn listen_privately(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    let same = File::from(socket.as_fd().try_clone_to_owned()?);
    same.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    socket.bind(path)?;
    let mode = fs::symlink_metadata(path)?.permissions().mode() & 0o777;
    if mode & !OWNER_ONLY != 0 {
        fs::remove_file(path)?;
        let message = format!("its mode is {mode:o} and not {OWNER_ONLY:o}");
        return Err(io::Error::new(ErrorKind::PermissionDenied, message));
    }
    socket.listen(BACKLOG)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn the_socket_and_a_new_folder_are_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/trueup.sock");
        let _socket = Socket::bind(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_dropped_one_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trueup.sock");
        drop(net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = Socket::bind(&path).unwrap();
        net::UnixStream::connect(&path).unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_living_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trueup.sock");
        let _first = Socket::bind(&path).unwrap();
        assert!(matches!(Socket::bind(&path), Err(Error::SocketInUse { .. })));
        // One that knows nothing of our lock.
        let other = folder.path().join("other.sock");
        let _foreign = net::UnixListener::bind(&other).unwrap();
        assert!(matches!(Socket::bind(&other), Err(Error::SocketInUse { .. })));
        net::UnixStream::connect(&path).unwrap();
    }

    #[tokio::test]
    async fn what_is_no_socket_is_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "precious").unwrap();
        symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            assert!(matches!(Socket::bind(path), Err(Error::NotASocket { .. })));
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    }
}
