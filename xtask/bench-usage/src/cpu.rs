//! Processor time of this process and of an engine, and the memory of this process.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
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

/// The daemons of the engine in a folder: whoever names it on its command line.
pub struct Engine {
    pids: Vec<u32>,
}

impl Engine {
    /// Those that live now; the shims of containers are left out, they do nothing for figures.
    pub fn of(folder: &Path) -> Result<Self> {
        let folder = folder.to_string_lossy().into_owned();
        let mut pids = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            let program = words.split('\0').next().unwrap_or_default();
            let is_daemon = ["dockerd", "containerd"].iter().any(|name| program.ends_with(name));
            if is_daemon && words.contains(&folder) {
                pids.push(pid);
            }
        }
        anyhow::ensure!(!pids.is_empty(), "the engine's processes were not found");
        Ok(Self { pids })
    }

    /// All that they have used.
    pub fn used(&self) -> Result<Duration> {
        self.pids.iter().map(|pid| used(*pid)).sum()
    }
}

/// From the scheduler's own account, which is exact, of each thread.
fn used(pid: u32) -> Result<Duration> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("a daemon is gone")? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        total += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(total))
}
