//! Bytes in a second, from two figures of one run of a container.
//!
//! The controller tells totals since the start. A total that went back, or a start between the two, makes
//! no rate.

use jiff::Timestamp;
use std::collections::HashMap;
use trueup_api::{
    domain::id::WorkspaceId,
    wire::{WorkspaceMetrics, WorkspaceUsage},
};

/// Bytes received and sent in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    pub(super) rx: f64,
    pub(super) tx: f64,
}

/// The rates of all that two figures were seen of. Holds nobody who is not in the newest list.
#[derive(Debug, Default)]
pub(super) struct Rates(HashMap<WorkspaceId, Seen>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    totals: Totals,
    rate: Option<Rate>,
}

#[derive(Debug, Clone, Copy)]
struct Totals {
    time: Timestamp,
    rx_mb: f64,
    tx_mb: f64,
}

impl Rates {
    /// Takes new figures. Those that are no newer leave the rate as it is.
    pub(super) fn take(&mut self, items: &[WorkspaceUsage]) {
        let before = std::mem::take(&mut self.0);
        self.0 = items
            .iter()
            .filter_map(|item| {
                let totals = totals(&item.metrics)?;
                let seen = match before.get(&item.workspace_id) {
                    Some(seen) if seen.totals.time == totals.time => *seen,
                    Some(seen) => Seen { totals, rate: rate(seen.totals, totals) },
                    None => Seen { totals, rate: None },
                };
                Some((item.workspace_id, seen))
            })
            .collect();
    }

    /// The rate of one; `None`: not known.
    pub(super) fn of(&self, id: WorkspaceId) -> Option<Rate> {
        self.0.get(&id)?.rate
    }

    /// Whether none is known at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.values().all(|seen| seen.rate.is_none())
    }
}

fn totals(metrics: &WorkspaceMetrics) -> Option<Totals> {
    Some(Totals {
        time: metrics.time?,
        rx_mb: metrics.network_rx_mb?,
        tx_mb: metrics.network_tx_mb?,
    })
}

fn rate(before: Totals, now: Totals) -> Option<Rate> {
    let seconds = now.time.duration_since(before.time).as_secs_f64();
    let (rx, tx) = (now.rx_mb - before.rx_mb, now.tx_mb - before.tx_mb);
    let is_one_run = seconds > 0.0 && rx >= 0.0 && tx >= 0.0;
    is_one_run.then(|| Rate { rx: rx * 1e6 / seconds, tx: tx * 1e6 / seconds })
}
