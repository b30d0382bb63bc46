//! A disk that can be full: a small file system in memory, mounted for one test.
//!
//! Full means that not one more byte fits, for root either. It ends with its value: the mount is taken
//! away, whoever still has files open there. Deliberately absent: quotas and slow disks.
//!
//! # Caveats
//! Mounting needs root. A test process that is killed by SIGKILL leaves the mount behind.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// A mounted file system.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

/// Written at once while filling; what is left is filled byte by byte.
const PIECE: [u8; 4096] = [1; 4096];

impl SmallDisk {
    /// Mounts one that holds that many mebibytes.
    ///
    /// # Errors
    /// If it cannot be mounted; the text says why.
    pub fn mount(mebibytes: u32) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("trueup-disk-").tempdir()?;
        let size = format!("size={mebibytes}m,mode=0700");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "trueup-disk"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .output()
            .context("start mount (Debian: `apt-get install mount`)")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot mount a small disk (root is needed): {error}");
        Ok(Self { folder })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all the room that is left; again after files have shrunk meanwhile.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.ballast())?;
        for piece in [&PIECE[..], &PIECE[..1]] {
            loop {
                match ballast.write_all(piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => bail!("cannot fill the small disk: {error}"),
                }
            }
        }
        Ok(())
    }

    /// Gives the room back that [`fill`](Self::fill) took.
    pub fn make_room(&self) -> Result<()> {
        std::fs::remove_file(self.ballast()).context("make room on the small disk")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that was killed a moment ago may not have closed its files yet.
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_disk_takes_nothing_until_there_is_room_again() {
        let disk = SmallDisk::mount(1).unwrap();
        let file = disk.path().join("file");
        disk.fill().unwrap();
        let refused = std::fs::write(&file, "text").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::StorageFull);
        disk.make_room().unwrap();
        std::fs::write(&file, "text").unwrap();
    }
}
