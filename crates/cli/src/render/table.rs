//! Workspaces as rows.

use super::{container, finish, one_line, plain_table};
use crate::{age::age, trouble::trouble};
use comfy_table::{Cell, Color};
use jiff::Timestamp;
use trueup_api::{
    domain::{
        condition::{ConditionType, Truth},
        status::Phase,
    },
    wire::WorkspaceView,
};

const SHORT: [&str; 7] = ["NAME", "OWNER", "STATUS", "PHASE", "READY", "REASON", "AGE"];
const WIDE: [&str; 6] = ["GENERATION", "CONTAINER", "IMAGE", "PORTS", "RESTARTS", "MESSAGE"];
/// Spaces between two columns; with one more, the longest reasons would not fit 80 characters.
const GAP: u16 = 2;
const READY: usize = 4;
const PHASE: usize = 3;

/// Which columns a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Columns {
    /// Those that fit everywhere.
    Short,
    /// Those and more.
    Wide,
}

/// A table that can be continued: the header comes once, and a column never gets narrower.
pub(crate) struct Table {
    columns: Columns,
    colour: bool,
    /// The widest text of each column so far; empty before the first row.
    widths: Vec<usize>,
}

impl Table {
    /// A table without rows yet.
    pub(crate) const fn new(columns: Columns, colour: bool) -> Self {
        Self { columns, colour, widths: Vec::new() }
    }

    /// Whether nothing was rendered yet.
    pub(crate) const fn is_untouched(&self) -> bool {
        self.widths.is_empty()
    }

    /// More rows, under a header if they are the first.
    pub(crate) fn render(&mut self, views: &[WorkspaceView], now: Timestamp) -> String {
        if views.is_empty() {
            return String::new();
        }
        let mut table = plain_table(self.colour);
        let rows: Vec<_> = views.iter().map(|view| self.texts(view, now)).collect();
        let is_first = self.is_untouched();
        let header = self.header();
        if is_first {
            self.widths = header.iter().map(|text| text.chars().count()).collect();
        }
        for row in &rows {
            for (width, text) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(text.chars().count());
            }
        }
        if is_first {
            table
                .set_header(header.iter().zip(&self.widths).map(|(text, width)| pad(text, *width)));
        }
        for (row, view) in rows.iter().zip(views) {
            let cells = row.iter().zip(&self.widths).enumerate();
            table.add_row(cells.map(|(at, (text, width))| {
                let cell = Cell::new(pad(text, *width));
                match colour_of(at, view) {
                    Some(colour) if self.colour => cell.fg(colour),
                    _ => cell,
                }
            }));
        }
        finish(table, GAP)
    }

    fn header(&self) -> Vec<&'static str> {
        let more: &[&str] = if self.columns == Columns::Wide { &WIDE } else { &[] };
        SHORT.iter().chain(more).copied().collect()
    }

    fn texts(&self, view: &WorkspaceView, now: Timestamp) -> Vec<String> {
        let (workspace, status) = (&view.workspace, &view.workspace.status);
        let mut texts = vec![
            workspace.metadata.name.to_string(),
            workspace.metadata.owner.to_string(),
            status.status.to_string(),
            status.phase.to_string(),
            format!("{:?}", ready(view)),
            trouble(view).map(|condition| condition.reason.clone()).unwrap_or_default(),
            age(workspace.created_at, now),
        ];
        if self.columns == Columns::Wide {
            let container = status.container.as_ref();
            let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            texts.extend([
                workspace.generation.to_string(),
                or_none(container.map(|container| container.name.clone())),
                workspace.spec.image.to_string(),
                or_none(container.map(container::published).filter(|ports| !ports.is_empty())),
                container::restarts(status).to_string(),
                message(view),
            ]);
        }
        texts.iter().map(|text| one_line(text)).collect()
    }
}

/// Padded to the column's width, so that rows of a later rendering stand under the earlier ones.
fn pad(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

fn ready(view: &WorkspaceView) -> Truth {
    let condition = view.workspace.status.conditions.get(ConditionType::Ready);
    condition.map_or(Truth::Unknown, |condition| condition.status)
}

/// The words of whatever is not as it should be.
fn message(view: &WorkspaceView) -> String {
    let status = &view.workspace.status;
    if let Some(error) = &status.last_error {
        return format!("{}: {}", error.operation, error.message);
    }
    let conditions = &status.conditions;
    let wanting = conditions.iter().find(|condition| match condition.kind {
        ConditionType::Ready | ConditionType::Synced => condition.status != Truth::True,
        ConditionType::Degraded => condition.status == Truth::True,
        ConditionType::Measured => condition.status == Truth::False,
        ConditionType::Progressing => false,
    });
    wanting.map(|condition| condition.message.clone()).unwrap_or_default()
}

fn colour_of(column: usize, view: &WorkspaceView) -> Option<Color> {
    match column {
        PHASE => Some(match view.workspace.status.phase {
            Phase::Running => Color::Green,
            Phase::Unhealthy | Phase::CrashLoop | Phase::Unknown => Color::Red,
            Phase::Paused | Phase::Stopped | Phase::Archived => Color::DarkGrey,
            _ => Color::Yellow,
        }),
        READY if ready(view) == Truth::False => Some(Color::Red),
        _ => None,
    }
}
