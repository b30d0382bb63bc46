//! The picture of a board: two lines of header, the rows, a line of help or of trouble.

use super::{
    board::Board,
    column::{Column, cut, fitting},
};
use crate::{
    age::age,
    output::inert,
    render::figure::{megabytes, memory, percent},
};
use jiff::Timestamp;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Text},
    widgets::{Cell, Paragraph, Row, Table},
};
use trueup_api::wire::WorkspaceUsage;

const HELP: &str = "q quit  ↑↓ move  sort: c cpu m mem n net p pids u uptime  / filter  o owner";
/// From so many percent of one processor, or of its memory, a figure is marked.
const MUCH: f64 = 80.0;

/// Draws it, having made it fit.
pub(super) fn draw(frame: &mut Frame<'_>, board: &mut Board, now: Timestamp) {
    let areas = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ]);
    let [head, sources, rows, foot] = areas.areas(frame.area());
    frame.render_widget(Paragraph::new(summary(board, now)), head);
    frame.render_widget(Paragraph::new(selection(board)).style(dim()), sources);
    // One line is the titles'.
    board.fit(usize::from(rows.height.saturating_sub(1)));
    frame.render_widget(table(board, rows), rows);
    frame.render_widget(Paragraph::new(foot_line(board)), foot);
}

fn summary(board: &Board, now: Timestamp) -> Line<'static> {
    let summary = board.summary();
    let read = match summary.last_updated {
        Some(at) => format!("read {} ago", age(at.min(now), now)),
        None => "nothing read yet".to_owned(),
    };
    let text = format!(
        "{} workspaces, {} run  CPU {}%  memory {}  network {}  {read}",
        summary.total_workspaces,
        summary.active_containers,
        percent(summary.total_cpu_usage),
        memory(summary.total_memory_usage),
        megabytes(summary.total_network_io_mb),
    );
    Line::styled(text, Style::new().add_modifier(Modifier::BOLD))
}

/// Whose rows there are, and where the figures come from: what does not fit is cut off the latter.
fn selection(board: &Board) -> String {
    let owner = board.owner.iter().map(|owner| format!("owner {owner}"));
    let filter = Some(&board.filter).filter(|filter| !filter.is_empty() && !board.is_typing);
    let filter = filter.map(|filter| format!("filter {}", inert(filter)));
    let source = board.source.iter().map(|source| format!("from {}", inert(&source.to_string())));
    owner.chain(filter).chain(source).collect::<Vec<_>>().join("  ")
}

fn table(board: &Board, area: Rect) -> Table<'static> {
    let columns = fitting(area.width);
    let titles = columns.iter().map(|(column, _)| cell(*column, column.title(board.order)));
    let header =
        Row::new(titles.collect::<Vec<_>>()).style(Style::new().add_modifier(Modifier::REVERSED));
    let rows: Vec<_> = board
        .rows()
        .into_iter()
        .enumerate()
        .skip(board.first)
        .take(board.page)
        .map(|(number, item)| row(board, &columns, item, number == board.selected))
        .collect();
    let widths = columns.iter().map(|(_, width)| Constraint::Length(*width));
    Table::new(rows, widths.collect::<Vec<_>>()).header(header).column_spacing(1)
}

fn row(
    board: &Board,
    columns: &[(Column, u16)],
    item: &WorkspaceUsage,
    is_selected: bool,
) -> Row<'static> {
    let cells = columns.iter().map(|(column, width)| {
        let text = cut(column.text(item, &board.rates), *width);
        cell(*column, text).style(style(*column, item))
    });
    let style = match (is_selected, board.trouble.is_some()) {
        (true, _) => Style::new().add_modifier(Modifier::REVERSED),
        (false, true) => dim(),
        (false, false) => Style::new(),
    };
    Row::new(cells.collect::<Vec<_>>()).style(style)
}

fn cell(column: Column, text: String) -> Cell<'static> {
    let text = Text::raw(text);
    Cell::new(if column.is_figure() { text.right_aligned() } else { text })
}

fn style(column: Column, item: &WorkspaceUsage) -> Style {
    let metrics = &item.metrics;
    let share = crate::render::figure::share(metrics.memory_usage, metrics.memory_limit);
    let is_much = match column {
        Column::Cpu => metrics.cpu_percent.is_some_and(|cpu| cpu >= MUCH),
        Column::Memory | Column::MemoryShare => share.is_some_and(|share| share >= MUCH),
        _ => false,
    };
    if is_much { Style::new().fg(Color::Red) } else { Style::new() }
}

fn foot_line(board: &Board) -> Line<'static> {
    if board.is_typing {
        return Line::raw(format!("/{}█  Enter keeps it, Esc drops it", inert(&board.filter)));
    }
    match &board.trouble {
        Some(trouble) => {
            let text = format!("trying again: {}", inert(trouble).replace('\n', " "));
            Line::styled(text, Style::new().fg(Color::Red))
        }
        None => Line::styled(HELP, dim()),
    }
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}
