//! Workspaces, passes, events and usage as text. Pure: values and the time in, text out.

pub(crate) mod chart;
mod container;
pub(crate) mod figure;
pub(crate) mod line;
mod metrics;
pub(crate) mod orphans;
pub(crate) mod page;
mod specification;
pub(crate) mod table;
pub(crate) mod usage;

#[cfg(test)]
mod sample;
#[cfg(test)]
pub(crate) use sample::{metrics as sample_metrics, sample, with_condition};
#[cfg(test)]
mod tests;

use comfy_table::{Cell, Row, Table, presets};

/// A table as `kubectl` draws it: without lines.
fn plain_table(colour: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// The text of a table, with so many spaces between columns.
fn finish(mut table: Table, gap: u16) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, gap));
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

fn row<'a>(cells: impl IntoIterator<Item = &'a str>) -> Row {
    cells.into_iter().map(|text| Cell::new(one_line(text))).collect::<Vec<_>>().into()
}

/// The text on one line, and without anything that steers a terminal.
fn one_line(text: &str) -> String {
    crate::output::inert(text).replace('\n', " ")
}
