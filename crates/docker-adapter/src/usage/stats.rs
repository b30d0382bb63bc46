//! Figures from the engine's statistics.
//!
//! Invariant: a reading is of the run that the gauge was opened for. The engine's answer does not say
//! which run it is of, so that the run is looked at again after it, in the same call; both together
//! cost the engine about 4 ms. Deliberately absent: the engine's own earlier sample (`one-shot` leaves
//! it out, which saves the engine a second of waiting) and its stream, which costs it a sample a second
//! for each container.

use super::{
    files,
    run::{self, Run},
};
use crate::{engine::Inner, operation::Operation};
use async_trait::async_trait;
use bollard::errors::Error as Refusal;
use jiff::Timestamp;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use trueup_domain::{
    port::{Gauge, UsageError},
    usage::{Reading, Source, Transfer},
};

/// One run, by the engine's statistics.
pub(super) struct StatsGauge {
    inner: Arc<Inner>,
    run: Run,
    why: String,
}

impl StatsGauge {
    /// Does not ask anything yet.
    pub(super) fn new(inner: Arc<Inner>, run: Run, why: String) -> Self {
        Self { inner, run, why }
    }
}

#[async_trait]
impl Gauge for StatsGauge {
    fn source(&self) -> Source {
        Source::EngineStats { why: self.why.clone() }
    }

    async fn read(&mut self) -> Result<Reading, UsageError> {
        let caller = &self.inner.caller;
        let id = self.run.id.as_str();
        let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
        let work = async {
            let stats = match caller.transport.get::<Answer>(&path).await {
                Ok(stats) => stats,
                Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => {
                    return Ok(None);
                }
                Err(refusal) => return Err(refusal),
            };
            Ok(run::look(&caller.transport, id).await?.map(|run| (stats, run)))
        };
        let answer = caller.call(Operation::Stats, id, work).await;
        match answer.map_err(|error| UsageError::Unknown(error.to_string()))? {
            Some((stats, run)) if run == self.run => {
                stats.reading().map_err(|what| UsageError::Unreadable(format!("the engine {what}")))
            }
            _ => Err(UsageError::Gone),
        }
    }
}

/// The part of an answer that is read here. A container that does not run gets one without figures
/// whose time is the year 1, and engines leave out or null what a host has not.
#[derive(Debug, Deserialize)]
struct Answer {
    /// When the counters were read, by the engine's clock.
    read: Timestamp,
    cpu_stats: Cpu,
    #[serde(default)]
    memory_stats: Memory,
    #[serde(default)]
    pids_stats: Pids,
    #[serde(default)]
    blkio_stats: Block,
    /// Absent without a network of its own.
    #[serde(default)]
    networks: Option<BTreeMap<String, Interface>>,
}

#[derive(Debug, Deserialize)]
struct Cpu {
    cpu_usage: CpuUsage,
}

#[derive(Debug, Deserialize)]
struct CpuUsage {
    /// Nanoseconds.
    total_usage: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Memory {
    usage: Option<u64>,
    limit: Option<u64>,
    #[serde(default)]
    stats: Option<Cache>,
}

/// Version 1 has both, and means by the shorter one the group without those below it.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct Cache {
    total_inactive_file: Option<u64>,
    inactive_file: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct Pids {
    current: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct Block {
    #[serde(default)]
    io_service_bytes_recursive: Option<Vec<BlockRow>>,
}

#[derive(Debug, Deserialize)]
struct BlockRow {
    op: String,
    value: u64,
}

#[derive(Debug, Deserialize)]
struct Interface {
    rx_bytes: u64,
    tx_bytes: u64,
}

impl Answer {
    /// The error is the end of a sentence that begins with the engine.
    fn reading(&self) -> Result<Reading, &'static str> {
        const TOO_MUCH: &str = "tells numbers beyond 64 bits";
        // A year 1 is before the epoch, and no length of time.
        let at = Duration::try_from(self.read.duration_since(Timestamp::UNIX_EPOCH))
            .map_err(|_| "has no figures of it")?;
        let memory = &self.memory_stats;
        let usage = memory.usage.ok_or("does not tell its memory")?;
        let cache = memory.stats.unwrap_or_default();
        let inactive = cache
            .total_inactive_file
            .or(cache.inactive_file)
            .ok_or("does not tell its file cache")?;
        let interfaces = || self.networks.iter().flat_map(BTreeMap::values);
        let rows = || self.blkio_stats.io_service_bytes_recursive.iter().flatten();
        let of = |kind: &'static str| {
            rows().filter(move |row| row.op.eq_ignore_ascii_case(kind)).map(|row| row.value)
        };
        Ok(Reading {
            at,
            cpu: Duration::from_nanos(self.cpu_stats.cpu_usage.total_usage),
            memory: files::in_use(usage, inactive),
            memory_limit: memory.limit.ok_or("does not tell its memory's limit")?,
            pids: self.pids_stats.current.ok_or("does not tell its processes")?,
            network: Transfer {
                inward: sum(interfaces().map(|it| it.rx_bytes)).ok_or(TOO_MUCH)?,
                outward: sum(interfaces().map(|it| it.tx_bytes)).ok_or(TOO_MUCH)?,
            },
            block: Transfer {
                inward: sum(of("read")).ok_or(TOO_MUCH)?,
                outward: sum(of("write")).ok_or(TOO_MUCH)?,
            },
        })
    }
}

fn sum(mut numbers: impl Iterator<Item = u64>) -> Option<u64> {
    numbers.try_fold(0_u64, u64::checked_add)
}

#[cfg(test)]
#[path = "tests/stats.rs"]
mod tests;
