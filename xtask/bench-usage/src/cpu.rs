//! Processor time of this process and of an engine, and the memory of this process.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};

/// All that this process has used.
pub fn own() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The memory that this process has now, in bytes.
pub fn resident() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/status").context("read /proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    Ok(kilobytes.context("/proc/self/status has no VmRSS")? * 1024)
}

/// The processes of the engine in a folder: its daemons, and what each container has beside it, which
/// is who reads the figures of the engine's statistics.
pub struct Engine {
    pids: Vec<Pid>,
}

impl Engine {
    /// Those that live now: whoever names the folder on its command line.
    pub fn of(folder: &Path) -> Result<Self> {
        let folder = folder.to_string_lossy().into_owned();
        let mut pids = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok())
            else {
                continue;
            };
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            let program = words.split('\0').next().unwrap_or_default();
            let program = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
            let is_part = ["dockerd", "containerd"].contains(&&*program)
                || program.starts_with("containerd-shim");
            if is_part && words.contains(&folder) {
                pids.extend(Pid::from_raw(pid));
            }
        }
        anyhow::ensure!(pids.len() >= 2, "the engine's processes were not found");
        Ok(Self { pids })
    }

    /// Stops them until the answer is dropped.
    pub fn freeze(&self) -> Result<Frozen<'_>> {
        let frozen = Frozen(self);
        self.signal(Signal::STOP).try_for_each(|sent| sent.context("a daemon is gone"))?;
        Ok(frozen)
    }

    /// Sends it to one after the other, as the answer is asked for.
    fn signal(&self, signal: Signal) -> impl Iterator<Item = rustix::io::Result<()>> {
        self.pids.iter().map(move |pid| kill_process(*pid, signal))
    }

    /// All that they have used.
    pub fn used(&self) -> Result<Duration> {
        self.pids.iter().map(|pid| used(*pid)).sum()
    }
}

/// An engine that does nothing.
pub struct Frozen<'a>(&'a Engine);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        // Whoever is gone needs no waking, and all others do.
        self.0.signal(Signal::CONT).for_each(drop);
    }
}

/// From the scheduler's own account, which is exact, of each thread.
fn used(pid: Pid) -> Result<Duration> {
    let pid = pid.as_raw_nonzero();
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("a daemon is gone")? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        total += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(total))
}
