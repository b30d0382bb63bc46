//! The host's side of control group files: where they are, and how many may be open.
//!
//! Invariant: descriptors that are kept for figures never use up those that the rest of the program
//! needs; beyond the bound a container's figures come from the engine, and it is said why.

use super::{mounts::Mounts, parse, process};
use rustix::process::{Resource, getrlimit};
use std::{fs::File, path::PathBuf, sync::Arc};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// What a gauge holds at most: three files of memory, and one each of processor time, processes,
/// block devices and the network; its process's folder is closed again.
pub(super) const PER_GAUGE: u32 = 7;

/// Where the kernel's files are, and how many may be kept open.
#[derive(Debug, Clone)]
pub struct HostFiles {
    /// The processes: `/proc` of the PID namespace that the engine is in.
    pub proc: PathBuf,
    /// What is put before the mount points that `self/mountinfo` tells.
    pub root: PathBuf,
    /// How many descriptors may be kept open for figures. Each container takes seven.
    pub descriptors: usize,
}

impl Default for HostFiles {
    /// The files of this host, and half of the descriptors that the process may have at present.
    fn default() -> Self {
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let half = usize::try_from(most / 2).unwrap_or(usize::MAX);
        Self { proc: "/proc".into(), root: "/".into(), descriptors: half }
    }
}

/// A host whose control groups can be seen.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) proc: PathBuf,
    pub(super) mounts: Mounts,
    /// What readings count their time from.
    pub(super) began: Instant,
    places: Arc<Semaphore>,
    most: usize,
}

impl Host {
    /// Looks where control groups are mounted.
    ///
    /// # Errors
    /// Why they cannot be read, as a sentence without its full stop.
    pub(super) fn look(files: HostFiles) -> Result<Self, String> {
        let file = files.proc.join("self/mountinfo");
        let text = File::open(&file)
            .and_then(process::read)
            .map_err(|error| format!("{} cannot be read ({error})", file.display()))?;
        let mounts = Mounts::parse(&text, &files.root);
        if !mounts.are_enough() {
            return Err("no control groups for processor time and memory are mounted here".into());
        }
        let most = files.descriptors.min(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(most));
        Ok(Self { proc: files.proc, mounts, began: Instant::now(), places, most })
    }

    /// A gauge's share of the descriptors, until it is dropped.
    pub(super) fn descriptors(&self) -> Result<OwnedSemaphorePermit, String> {
        Arc::clone(&self.places).try_acquire_many_owned(PER_GAUGE).map_err(|_| {
            let most = self.most;
            format!("no more than {most} files may be kept open for figures (half of LimitNOFILE)")
        })
    }

    /// All memory of the host in bytes.
    pub(super) fn memory(&self) -> Result<u64, String> {
        let text = File::open(self.proc.join("meminfo"))
            .and_then(process::read)
            .map_err(|error| format!("meminfo cannot be read: {error}"))?;
        parse::host_memory(text.as_bytes()).map_err(|problem| format!("meminfo {}", problem.0))
    }
}
