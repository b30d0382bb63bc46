//! What workspaces use now, as rows; and what they use together.

use super::{
    figure::{UNKNOWN, megabytes, memory, or_unknown, percent, share, volume},
    finish, plain_table, row,
};
use crate::age::{age, length};
use comfy_table::{CellAlignment, Table};
use jiff::Timestamp;
use trueup_api::{
    domain::usage::Summary,
    wire::{UsageGroups, UsageList, UsageSource, WorkspaceUsage},
};

const GAP: u16 = 2;
/// Columns before the figures.
const WORDS: usize = 3;

/// One line for each, in their order.
pub(crate) fn table(items: &[&WorkspaceUsage], colour: bool) -> String {
    let mut table = plain_table(colour);
    table.set_header(row([
        "NAME", "OWNER", "STATUS", "CPU%", "MEM", "MEM%", "RX", "TX", "READ", "WRITTEN", "PIDS",
        "UPTIME",
    ]));
    for item in items {
        let texts = texts(item);
        table.add_row(row(texts.iter().map(String::as_str)));
    }
    finish(align(table, WORDS), GAP)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn texts(item: &WorkspaceUsage) -> [String; 12] {
    let metrics = &item.metrics;
    [
        item.workspace.name.to_string(),
        item.workspace.owner.to_string(),
        or_unknown(item.status, |status| status.to_string()),
        or_unknown(metrics.cpu_percent, percent),
        or_unknown(metrics.memory_usage, memory),
        or_unknown(share(metrics.memory_usage, metrics.memory_limit), percent),
        or_unknown(metrics.network_rx_mb, megabytes),
        or_unknown(metrics.network_tx_mb, megabytes),
        or_unknown(metrics.block_read_bytes, |bytes| volume(bytes as f64)),
        or_unknown(metrics.block_write_bytes, |bytes| volume(bytes as f64)),
        or_unknown(metrics.pids, |pids| pids.to_string()),
        or_unknown(metrics.uptime, length),
    ]
}

/// What all use together, as lines.
pub(crate) fn summary(list: &UsageList, now: Timestamp) -> String {
    let UsageList { summary, source, .. } = list;
    let [total, active, cpu, used, network, updated] = figures(summary, now);
    let lines = [
        ("Workspaces:", format!("{total}, {active} of them run")),
        ("CPU:", format!("{cpu}%")),
        ("Memory:", used),
        ("Network:", format!("{network} received and sent since the starts")),
        (
            "Updated:",
            if updated == UNKNOWN { "never".to_owned() } else { format!("{updated} ago") },
        ),
        ("Source:", super::one_line(&source.to_string())),
    ];
    lines.map(|(name, value)| format!("{name:<12} {value}\n")).concat()
}

/// One line for each group, under the name of what they have in common.
pub(crate) fn groups(groups: &UsageGroups, title: &str, now: Timestamp, colour: bool) -> String {
    let mut table = plain_table(colour);
    table.set_header(row([title, "WORKSPACES", "RUNNING", "CPU%", "MEM", "NETWORK", "UPDATED"]));
    for group in &groups.groups {
        let figures = figures(&group.summary, now);
        let name = group.group.as_deref().unwrap_or(UNKNOWN);
        table.add_row(row([name].into_iter().chain(figures.iter().map(String::as_str))));
    }
    finish(align(table, 1), GAP)
}

/// Where figures come from, as a line under a table.
pub(crate) fn source(source: &UsageSource) -> String {
    format!("figures come from {source}")
}

fn figures(summary: &Summary, now: Timestamp) -> [String; 6] {
    [
        summary.total_workspaces.to_string(),
        summary.active_containers.to_string(),
        percent(summary.total_cpu_usage),
        memory(summary.total_memory_usage),
        megabytes(summary.total_network_io_mb),
        or_unknown(summary.last_updated, |at| age(at, now)),
    ]
}

/// Figures stand under each other by their last digit.
fn align(mut table: Table, words: usize) -> Table {
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests;
