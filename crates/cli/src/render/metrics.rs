//! What a workspace uses now, as lines of a page.

use super::{
    figure::{megabytes, memory, percent, share, volume},
    page::{Lines, since},
};
use crate::age::length;
use jiff::Timestamp;
use trueup_api::wire::WorkspaceMetrics;

/// Writes what is known, and where it comes from.
pub(super) fn write(metrics: &WorkspaceMetrics, now: Timestamp, text: &mut Lines) {
    text.under_if("CPU", metrics.cpu_percent.map(|cpu| format!("{}%", percent(cpu))));
    text.under_if(
        "Memory",
        metrics.memory_usage.map(|used| {
            let of = metrics.memory_limit.map(|limit| format!(" of {}", memory(limit)));
            let share = share(metrics.memory_usage, metrics.memory_limit);
            let share = share.map(|share| format!(" ({}%)", percent(share)));
            format!("{}{}{}", memory(used), of.unwrap_or_default(), share.unwrap_or_default())
        }),
    );
    let network = metrics.network_rx_mb.zip(metrics.network_tx_mb);
    text.under_if(
        "Network",
        network.map(|(received, sent)| {
            format!("{} received, {} sent", megabytes(received), megabytes(sent))
        }),
    );
    let block = metrics.block_read_bytes.zip(metrics.block_write_bytes);
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    text.under_if(
        "Block I/O",
        block.map(|(read, written)| {
            format!("{} read, {} written", volume(read as f64), volume(written as f64))
        }),
    );
    text.under_if("Processes", metrics.pids);
    text.under_if("Uptime", metrics.uptime.map(length));
    text.under_if("Last activity", metrics.last_activity.map(|at| since(at, now)));
    text.under_if(
        "Errors",
        metrics.error_count.map(|count| {
            let last = metrics.last_error_time.map(|at| format!(", the last {}", since(at, now)));
            format!("{count}{}", last.unwrap_or_default())
        }),
    );
    text.under_if("Read", metrics.time.map(|at| since(at, now)));
    match &metrics.source {
        Some(source) => text.under("Source", source),
        None => text.under("Source", "none, as it does not run or was not looked at yet"),
    }
}
