//! What comes first.
//!
//! Whoever has no figure comes last, in either direction: nobody looks for them at the top. Equals come by
//! owner and name, so that rows do not dance.

use super::rate::{Rate, Rates};
use clap::ValueEnum;
use std::cmp::Ordering;
use trueup_api::wire::WorkspaceUsage;

/// By what workspaces are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Share of processors.
    Cpu,
    /// Memory in use.
    Memory,
    /// Bytes over the network: in a second while it is live, since the start in a plain table.
    Network,
    /// Processes and threads.
    Pids,
    /// Time since the start.
    Uptime,
    /// The name, then the owner.
    Name,
}

/// By what, and in which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) by: Sort,
    pub(crate) is_reversed: bool,
}

/// Sorts without a terminal.
pub(crate) fn sort(items: &mut [WorkspaceUsage], by: Sort) {
    let order = Order { by, is_reversed: false };
    items.sort_by(|one, other| order.compare(one, other, &Rates::default()));
}

impl Order {
    /// Which of two comes first.
    pub(super) fn compare(
        self,
        one: &WorkspaceUsage,
        other: &WorkspaceUsage,
        rates: &Rates,
    ) -> Ordering {
        let keys = (self.key(one, rates), self.key(other, rates));
        let by_figure = match keys {
            (Some(one), Some(other)) if self.is_reversed => one.total_cmp(&other),
            (Some(one), Some(other)) => other.total_cmp(&one),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        let (one, other) = (&one.workspace, &other.workspace);
        if self.by == Sort::Name {
            let by_name = one.name.cmp(&other.name).then_with(|| one.owner.cmp(&other.owner));
            return if self.is_reversed { by_name.reverse() } else { by_name };
        }
        by_figure.then_with(|| one.owner.cmp(&other.owner)).then_with(|| one.name.cmp(&other.name))
    }

    #[expect(clippy::cast_precision_loss, reason = "an order for people")]
    fn key(self, item: &WorkspaceUsage, rates: &Rates) -> Option<f64> {
        let metrics = &item.metrics;
        match self.by {
            Sort::Cpu => metrics.cpu_percent,
            Sort::Memory => metrics.memory_usage.map(|bytes| bytes as f64),
            Sort::Network if rates.is_empty() => {
                metrics.network_rx_mb.zip(metrics.network_tx_mb).map(|(rx, tx)| rx + tx)
            }
            Sort::Network => rates.of(item.workspace_id).map(|Rate { rx, tx }| rx + tx),
            Sort::Pids => metrics.pids.map(|pids| pids as f64),
            Sort::Uptime => metrics.uptime.map(|seconds| seconds as f64),
            Sort::Name => None,
        }
    }
}
