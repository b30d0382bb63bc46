//! Usage: what each workspace uses now, what a selection uses together, and what one used over time.
//!
//! Figures have the names of the product's description, in snake_case. One that is not known is left
//! out, and never 0.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use trueup_domain::{
    id::WorkspaceId,
    name::WorkspaceKey,
    port::ErrorCount,
    quantity::Period,
    status::{Phase, WorkspaceStatus},
    usage::{Point, Source, Summary, Usage},
};

/// Bytes in one MB, as the engine's own statistics count.
const MB: f64 = 1_000_000.0;

/// What a workspace uses, and what went wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkspaceMetrics {
    /// When the figures were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Percent of one processor since the reading before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// Bytes of memory in use, without the file cache that the kernel gives back first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_usage: Option<u64>,
    /// Bytes of memory that it may use; without a limit all that the host has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u64>,
    /// MB (10^6 bytes) received since the container's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_rx_mb: Option<f64>,
    /// MB (10^6 bytes) sent since the container's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_tx_mb: Option<f64>,
    /// Bytes read from block devices since the container's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_read_bytes: Option<u64>,
    /// Bytes written to block devices since the container's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_write_bytes: Option<u64>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
    /// Seconds since the container's start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime: Option<u64>,
    /// When it last did something; absent also when it did nothing since it is watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<Timestamp>,
    /// How many errors of it the event log has. Absent in the answer to a change and in the stream,
    /// which look nothing up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_count: Option<u64>,
    /// When the last of them happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_time: Option<Timestamp>,
    /// Where the figures come from; absent when it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<UsageSource>,
}

impl WorkspaceMetrics {
    /// The metrics of these figures at `now`; `None`: they are not known.
    pub fn new(usage: Option<&Usage>, errors: Option<&ErrorCount>, now: Timestamp) -> Self {
        let figures = usage.map(|usage| Self::of(usage, now)).unwrap_or_default();
        Self {
            error_count: errors.map(|errors| errors.count),
            last_error_time: errors.and_then(|errors| errors.last),
            ..figures
        }
    }

    fn of(usage: &Usage, now: Timestamp) -> Self {
        let uptime = usage.started_at.map(|started| now.duration_since(started).as_secs());
        Self {
            time: Some(usage.time),
            cpu_percent: usage.cpu_percent,
            memory_usage: Some(usage.memory_usage),
            memory_limit: Some(usage.memory_limit),
            network_rx_mb: Some(megabytes(usage.network.inward)),
            network_tx_mb: Some(megabytes(usage.network.outward)),
            block_read_bytes: Some(usage.block.inward),
            block_write_bytes: Some(usage.block.outward),
            pids: Some(usage.pids),
            // The engine's clock may be a little ahead of ours.
            uptime: uptime.map(|seconds| u64::try_from(seconds).unwrap_or_default()),
            last_activity: usage.last_activity,
            ..Self::default()
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MB
}

/// Where figures come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSource {
    /// What kind of source it is.
    pub kind: SourceKind,
    /// Why it is not the best one, as a sentence without its full stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The kernel's own files.
    ControlGroup,
    /// The engine's statistics, which cost it some milliseconds each.
    EngineStats,
    /// None: nothing can be measured now.
    #[serde(other)]
    None,
}

impl From<Source> for UsageSource {
    fn from(source: Source) -> Self {
        match source {
            Source::ControlGroup => Self { kind: SourceKind::ControlGroup, why: None },
            Source::EngineStats { why } => Self { kind: SourceKind::EngineStats, why: Some(why) },
            Source::None { why } => Self { kind: SourceKind::None, why: Some(why) },
        }
    }
}

impl fmt::Display for UsageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SourceKind::ControlGroup => "control group files",
            SourceKind::EngineStats => "the engine's statistics",
            SourceKind::None => "nowhere",
        })?;
        self.why.iter().try_for_each(|why| write!(f, ", as {why}"))
    }
}

/// What one workspace uses now: an item of `GET /v1/usage`, and the data of each event of
/// `GET /v1/usage/stream`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceUsage {
    /// Its identity.
    pub workspace_id: WorkspaceId,
    /// What it is called.
    pub workspace: WorkspaceKey,
    /// Its coarse status; absent in the stream, whose workspaces all run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<WorkspaceStatus>,
    /// Its fine status; absent in the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Its figures.
    pub metrics: WorkspaceMetrics,
}

/// The answer to `GET /v1/usage`, ordered by owner and name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageList {
    /// All workspaces of the selection, also those that do not run.
    pub items: Vec<WorkspaceUsage>,
    /// All of them together.
    pub summary: Summary,
    /// Where figures come from on this engine as a rule.
    pub source: UsageSource,
}

/// The answer to `GET /v1/usage?by=`, ordered by group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageGroups {
    /// The groups.
    pub groups: Vec<UsageGroup>,
    /// All of them together.
    pub summary: Summary,
    /// Where figures come from on this engine as a rule.
    pub source: UsageSource,
}

/// What the workspaces of one owner, or those with one value of a label, use together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageGroup {
    /// The owner or the value; absent for those without the label, which come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// All of them together.
    pub summary: Summary,
}

/// The answer to `GET /v1/workspaces/{owner}/{name}/usage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageHistory {
    /// What it used in each step, the oldest first; steps without a reading are left out.
    pub points: Vec<Point>,
    /// The length of a step: what was asked for, or else how finely it is kept so far back; `0s` when each
    /// reading is a point.
    pub step: Period,
    /// The beginning of the range.
    pub since: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// Where the figures come from now; absent when it does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<UsageSource>,
}
