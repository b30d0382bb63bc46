//! The usage of many workspaces in one: computed when it is asked for, never stored.

use super::Usage;
use crate::status::WorkspaceStatus;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Bytes in one MB, as the engine's own statistics count.
pub(super) const MB: f64 = 1_000_000.0;

/// What a selection of workspaces uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many there are.
    pub total_workspaces: u64,
    /// How many of them have a container that runs.
    pub active_containers: u64,
    /// Percent of one processor, all together.
    pub total_cpu_usage: f64,
    /// Bytes of memory in use, all together.
    pub total_memory_usage: u64,
    /// MB (10^6 bytes) received and sent since the containers' starts.
    pub total_network_io_mb: f64,
    /// When the newest figure was read; `None`: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<Timestamp>,
}

impl Summary {
    /// Adds one workspace, whose figures may not be known.
    pub fn add(&mut self, status: WorkspaceStatus, usage: Option<&Usage>) {
        self.total_workspaces += 1;
        self.active_containers += u64::from(status == WorkspaceStatus::Active);
        let Some(usage) = usage else { return };
        self.total_cpu_usage += usage.cpu_percent.unwrap_or_default();
        self.total_memory_usage = self.total_memory_usage.saturating_add(usage.memory_usage);
        #[expect(clippy::cast_precision_loss, reason = "a sum for people")]
        let megabytes = usage.network.total() as f64 / MB;
        self.total_network_io_mb += megabytes;
        self.last_updated = self.last_updated.max(Some(usage.time));
    }
}
