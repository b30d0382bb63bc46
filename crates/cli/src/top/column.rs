//! The columns: what each is called, how wide it is, and which go first where there is no room.

use super::{
    order::{Order, Sort},
    rate::Rates,
};
use crate::{
    age::length,
    render::figure::{memory, or_unknown, percent, share, volume},
};
use trueup_api::wire::WorkspaceUsage;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Owner,
    Status,
    Cpu,
    Memory,
    MemoryShare,
    Received,
    Sent,
    Read,
    Written,
    Pids,
    Uptime,
}

use Column::{
    Cpu, Memory, MemoryShare, Name, Owner, Pids, Read, Received, Sent, Status, Uptime, Written,
};

/// All of them, from left to right.
const ALL: [Column; 12] =
    [Name, Owner, Status, Cpu, Memory, MemoryShare, Received, Sent, Read, Written, Pids, Uptime];
/// Those that are left out where there is no room, the first of them first.
const DISPENSABLE: [Column; 9] =
    [Written, Read, Status, Uptime, MemoryShare, Owner, Pids, Sent, Received];

/// The columns that fit into a width, with one space between two, and how wide each is.
pub(super) fn fitting(width: u16) -> Vec<(Column, u16)> {
    let mut columns = ALL.to_vec();
    for column in DISPENSABLE {
        if needed(&columns) <= width {
            break;
        }
        columns.retain(|other| *other != column);
    }
    let left = width.saturating_sub(needed(&columns));
    let to_owner = if columns.contains(&Owner) { left / 3 } else { 0 };
    let wide = |column: Column| match column {
        Name => (column, column.width() + left - to_owner),
        Owner => (column, column.width() + to_owner),
        _ => (column, column.width()),
    };
    columns.into_iter().map(wide).collect()
}

fn needed(columns: &[Column]) -> u16 {
    columns.iter().map(|column| column.width() + 1).sum::<u16>().saturating_sub(1)
}

/// The text in so much room. What is cut off is seen to be.
pub(super) fn cut(text: String, width: u16) -> String {
    let width = usize::from(width);
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

impl Column {
    /// How wide it is at least; the name and the owner share what is left.
    const fn width(self) -> u16 {
        match self {
            Name => 12,
            Owner => 9,
            Status => 8,
            Memory | Uptime => 7,
            Cpu | Received | Sent | Read | Written => 6,
            MemoryShare | Pids => 5,
        }
    }

    /// Whether it is of figures, which stand under each other by their last digit.
    pub(super) const fn is_figure(self) -> bool {
        !matches!(self, Name | Owner | Status)
    }

    /// What it is called, marked if rows are sorted by it.
    pub(super) fn title(self, order: Order) -> String {
        let (title, sorts) = match self {
            Name => ("NAME", Some(Sort::Name)),
            Owner => ("OWNER", None),
            Status => ("STATUS", None),
            Cpu => ("CPU%", Some(Sort::Cpu)),
            Memory => ("MEM", Some(Sort::Memory)),
            MemoryShare => ("MEM%", None),
            Received => ("RX/s", Some(Sort::Network)),
            Sent => ("TX/s", Some(Sort::Network)),
            Read => ("READ", None),
            Written => ("WRITE", None),
            Pids => ("PIDS", Some(Sort::Pids)),
            Uptime => ("UPTIME", Some(Sort::Uptime)),
        };
        let mark = match (sorts == Some(order.by), order.is_reversed) {
            (false, _) => "",
            (true, false) => "▼",
            (true, true) => "▲",
        };
        format!("{title}{mark}")
    }

    /// What it says of a workspace.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(super) fn text(self, item: &WorkspaceUsage, rates: &Rates) -> String {
        let metrics = &item.metrics;
        let rate = || rates.of(item.workspace_id);
        match self {
            Name => item.workspace.name.to_string(),
            Owner => item.workspace.owner.to_string(),
            Status => or_unknown(item.status, |status| status.to_string()),
            Cpu => or_unknown(metrics.cpu_percent, percent),
            Memory => or_unknown(metrics.memory_usage, memory),
            MemoryShare => or_unknown(share(metrics.memory_usage, metrics.memory_limit), percent),
            Received => or_unknown(rate(), |rate| volume(rate.rx)),
            Sent => or_unknown(rate(), |rate| volume(rate.tx)),
            Read => or_unknown(metrics.block_read_bytes, |bytes| volume(bytes as f64)),
            Written => or_unknown(metrics.block_write_bytes, |bytes| volume(bytes as f64)),
            Pids => or_unknown(metrics.pids, |pids| pids.to_string()),
            Uptime => or_unknown(metrics.uptime, length),
        }
    }
}
