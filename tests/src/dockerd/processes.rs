//! Finds and ends the processes of a private engine.
//!
//! The daemons and the shims are those whose command line names the engine's folder and that live
//! in its mount namespace; neither alone would do, as a client's command line names the socket, and
//! a namespace's number can be taken again. The containers are what descends from them. Nothing is
//! matched by program name, so the machine's own daemons are never meant. Everything here is
//! bounded and blocking, as it serves `drop`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

const POLL: Duration = Duration::from_millis(50);
/// Polls until an orderly end is given up: ten seconds.
const PATIENCE: u32 = 200;

/// What tells the processes of one private engine from all others.
#[derive(Debug)]
pub(super) struct Processes {
    folder: PathBuf,
    namespace: PathBuf,
}

impl Processes {
    /// Those that belong to the engine in `folder`, whose containerd is running.
    pub(super) fn of(folder: &Path, containerd: &Child) -> Result<Self> {
        let namespace = mount_namespace(containerd.id())
            .context("read the mount namespace of the private containerd")?;
        Ok(Self { folder: folder.to_owned(), namespace })
    }

    /// Waits for the daemon's orderly end and hurries its containers along; kills it at the
    /// deadline.
    pub(super) fn wait_while_killing_containers(&self, dockerd: &mut Child) {
        for _ in 0..PATIENCE {
            if matches!(dockerd.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            for process in self.all() {
                if mount_namespace(process).is_ok_and(|namespace| namespace != self.namespace) {
                    kill(process);
                }
            }
            thread::sleep(POLL);
        }
        let _ = dockerd.kill();
        let _ = dockerd.wait();
    }

    /// Kills whatever is left, until nothing is.
    pub(super) fn kill_all(&self) {
        for _ in 0..PATIENCE {
            let left = self.all();
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(kill);
            thread::sleep(POLL);
        }
    }

    /// Daemons, shims and everything inside the containers.
    fn all(&self) -> HashSet<u32> {
        let parents = running();
        let daemons = parents.keys().copied().filter(|&process| self.is_daemon(process)).collect();
        with_descendants(daemons, &parents)
    }

    fn is_daemon(&self, process: u32) -> bool {
        let needle = self.folder.as_os_str().as_bytes();
        mount_namespace(process).is_ok_and(|namespace| namespace == self.namespace)
            && fs::read(format!("/proc/{process}/cmdline"))
                .is_ok_and(|line| line.windows(needle.len()).any(|window| window == needle))
    }
}

/// Sends a signal to a child that was not waited for yet, so its number is still its own.
pub(super) fn signal_child(child: &Child, signal: Signal) -> Result<()> {
    let pid = pid(child.id()).context("a child without a pid")?;
    kill_process(pid, signal).context("signal the daemon")
}

/// Ends a daemon in order if it does so in time, and with KILL otherwise.
pub(super) fn end_child(child: &mut Child) {
    let _ = signal_child(child, Signal::TERM);
    for _ in 0..PATIENCE {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        thread::sleep(POLL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn with_descendants(mut found: HashSet<u32>, parents: &HashMap<u32, u32>) -> HashSet<u32> {
    loop {
        let children: Vec<u32> = parents
            .iter()
            .filter(|(process, parent)| found.contains(parent) && !found.contains(process))
            .map(|(process, _)| *process)
            .collect();
        if children.is_empty() {
            return found;
        }
        found.extend(children);
    }
}

/// Every process with its parent.
fn running() -> HashMap<u32, u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let process: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name, in parentheses, may hold spaces; the state and the parent follow it.
            let (_, rest) = stat.rsplit_once(')')?;
            let mut fields = rest.split_whitespace();
            let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
            (state != "Z").then_some((process, parent))
        })
        .collect()
}

fn mount_namespace(process: u32) -> std::io::Result<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/mnt"))
}

/// A process that is gone already is what was wanted.
fn kill(process: u32) {
    if let Some(pid) = pid(process) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(number).ok()?)
}
