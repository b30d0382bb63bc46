//! Figures of real containers, beside what the engine says of them at the same time.
//!
//! The engine's statistics are asked for without the adapter, so that nothing of it is measured
//! against itself.

mod fallback;
mod lives;
mod load;

use crate::support::Bench;
use bollard::{models::ContainerStatsResponse, query_parameters::StatsOptionsBuilder};
use futures::StreamExt;
use jiff::Timestamp;
use std::{path::PathBuf, time::Duration};
use tempfile::TempDir;
use trueup_docker_adapter::{EngineUsage, HostFiles};
use trueup_domain::{
    id::ContainerId,
    port::{Gauge, UsageSource},
    usage::{Reading, Source, Transfer},
};

/// What the engine says of a container.
struct Told {
    at: Duration,
    cpu: Duration,
    /// With all file cache.
    usage: u64,
    /// Without the inactive file cache.
    memory: u64,
    limit: u64,
    pids: u64,
    network: Transfer,
}

impl Bench {
    fn usage(&self) -> EngineUsage {
        self.engine.usage(HostFiles::default())
    }

    async fn told(&self, id: &ContainerId) -> Told {
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let mut stats = self.docker.stats(id.as_str(), Some(options));
        told(&stats.next().await.unwrap().unwrap())
    }
}

fn told(stats: &ContainerStatsResponse) -> Told {
    let read: Timestamp = stats.read.as_ref().unwrap().parse().unwrap();
    let memory = stats.memory_stats.as_ref().unwrap();
    let usage = memory.usage.unwrap();
    let cache = memory.stats.as_ref().unwrap();
    let inactive = ["total_inactive_file", "inactive_file"].iter().find_map(|it| cache.get(*it));
    let mut network = Transfer::default();
    for interface in stats.networks.iter().flatten().map(|(_, it)| it) {
        network.inward += interface.rx_bytes.unwrap();
        network.outward += interface.tx_bytes.unwrap();
    }
    let cpu = stats.cpu_stats.as_ref().unwrap().cpu_usage.as_ref().unwrap();
    Told {
        at: read.duration_since(Timestamp::UNIX_EPOCH).unsigned_abs(),
        cpu: Duration::from_nanos(cpu.total_usage.unwrap()),
        usage,
        memory: usage - inactive.unwrap(),
        limit: memory.limit.unwrap(),
        pids: stats.pids_stats.as_ref().unwrap().current.unwrap(),
        network,
    }
}

/// A gauge that reads files, which a local engine's containers have.
async fn open(usage: &EngineUsage, id: &ContainerId) -> Box<dyn Gauge> {
    let gauge = usage.open(id).await.unwrap();
    assert_eq!(gauge.source(), Source::ControlGroup);
    gauge
}

async fn read(gauge: &mut Box<dyn Gauge>) -> Reading {
    gauge.read().await.unwrap()
}

/// A host whose control groups can be seen and whose processes cannot, as from a container.
fn without_processes() -> (TempDir, HostFiles) {
    let folder = tempfile::tempdir().unwrap();
    let proc: PathBuf = folder.path().into();
    std::fs::create_dir(proc.join("self")).unwrap();
    std::fs::copy("/proc/self/mountinfo", proc.join("self/mountinfo")).unwrap();
    std::fs::copy("/proc/meminfo", proc.join("meminfo")).unwrap();
    (folder, HostFiles { proc, ..HostFiles::default() })
}
