//! A container's death that nobody is told of: its process is killed from outside of the engine.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// A container's process, which can be killed while the engine cannot be asked to.
pub(super) struct Victim {
    pub(super) container: String,
    pub(super) pid: i64,
}

impl Victim {
    /// Kills it, if it has not ended already and its number is not another's by now.
    pub(super) fn kill(self) -> Result<()> {
        let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", self.pid));
        if !groups.is_ok_and(|groups| groups.contains(&self.container)) {
            return Ok(());
        }
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::KILL).context("kill a container's process")
    }
}
