//! Everything about a workspace on one page.

use super::{container, finish, metrics, one_line, plain_table, row, specification};
use crate::{age::age, waiting::gave_up};
use jiff::Timestamp;
use std::fmt::Display;
use trueup_api::{
    domain::{
        container::ContainerState,
        event::Event,
        pass::{AttemptOutcome, Pass},
        status::{ContainerStatus, Status},
    },
    wire::WorkspaceView,
};

/// What is on the page.
pub(crate) struct Page<'a> {
    pub(crate) view: &'a WorkspaceView,
    /// Newest first.
    pub(crate) passes: &'a [Pass],
    /// Oldest first.
    pub(crate) events: &'a [Event],
    pub(crate) now: Timestamp,
}

/// The page as text.
pub(crate) fn render(page: &Page<'_>) -> String {
    let mut text = Lines::default();
    write_identity(page, &mut text);
    text.heading("Spec");
    specification::write(&page.view.workspace.spec, &mut text);
    text.heading("Status");
    write_status(page, &mut text);
    if let Some(container) = &page.view.workspace.status.container {
        text.heading("Container");
        write_container(container, page.now, &mut text);
    }
    text.heading("Metrics");
    metrics::write(&page.view.metrics, page.now, &mut text);
    let mut text = text.0;
    for (title, table) in [
        ("Conditions", conditions(page)),
        ("Last passes", passes(page)),
        ("Last events", events(page)),
    ] {
        text.push_str(title);
        text.push_str(":\n");
        text.push_str(&indent(&table));
    }
    text
}

/// Lines of `name: value`, the values in one column.
#[derive(Default)]
pub(super) struct Lines(String);

const VALUES_AT: usize = 16;
/// Spaces between two columns of a table.
const GAP: u16 = 3;

impl Lines {
    fn heading(&mut self, title: &str) {
        self.0.push_str(title);
        self.0.push_str(":\n");
    }

    fn top(&mut self, name: &str, value: impl Display) {
        self.pair(&format!("{name}:"), &value);
    }

    /// A line under a heading.
    pub(super) fn under(&mut self, name: &str, value: impl Display) {
        self.pair(&format!("  {name}:"), &value);
    }

    /// The same, if there is a value.
    pub(super) fn under_if(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.under(name, value);
        }
    }

    fn pair(&mut self, name: &str, value: &impl Display) {
        let value = one_line(&value.to_string());
        self.0.push_str(format!("{name:<VALUES_AT$} {value}").trim_end());
        self.0.push('\n');
    }
}

fn write_identity(page: &Page<'_>, text: &mut Lines) {
    let workspace = &page.view.workspace;
    text.top("Name", &workspace.metadata.name);
    text.top("Owner", &workspace.metadata.owner);
    text.top("Id", workspace.id);
    let labels = workspace.metadata.labels.iter().map(|(key, value)| format!("{key}={value}"));
    text.top("Labels", or_none(&labels.collect::<Vec<_>>().join(", ")));
    text.top("Created", since(workspace.created_at, page.now));
    text.top("Generation", workspace.generation);
    if let Some(deletion) = &workspace.deletion {
        let volumes = if deletion.volumes { ", with its volumes" } else { "" };
        let when = since(deletion.requested_at, page.now);
        text.top("Deletion", format!("{when} by {}{volumes}", deletion.actor));
    }
}

fn write_status(page: &Page<'_>, text: &mut Lines) {
    let status: &Status = &page.view.workspace.status;
    text.under("Status", status.status);
    text.under("Phase", status.phase);
    text.under("Generation", status.observed_generation);
    text.under("Restarts", container::restarts(status));
    if status.recovery.crashes > 0 {
        let gave_up = if gave_up(page.view) { ", given up" } else { "" };
        text.under("Crashes", format!("{} in a row{gave_up}", status.recovery.crashes));
    }
    if let Some(error) = &status.last_error {
        let when = since(error.at, page.now);
        text.under(
            "Last error",
            format!("{} ({}): {}, {when}", error.operation, error.reason, error.message),
        );
    }
    let last = status.last_sync_attempt.map(|at| since(at, page.now));
    text.under("Last sync", last.unwrap_or_else(|| "never".to_owned()));
    text.under("Syncs", status.sync_attempts);
    if let Some(live) = &page.view.live {
        let doing = match (live.running, live.queued) {
            (true, _) => "a pass runs now".to_owned(),
            (false, true) => "a pass is due".to_owned(),
            (false, false) => match live.next_wake {
                Some(at) => format!("a pass in {}", age(page.now, at)),
                None => "nothing until something changes".to_owned(),
            },
        };
        text.under("Next", doing);
    }
}

fn write_container(container: &ContainerStatus, now: Timestamp, text: &mut Lines) {
    text.under("Name", &container.name);
    text.under("Id", &container.id);
    text.under("State", container.state.as_str());
    text.under_if("Health", container.health.map(|health| format!("{health:?}")));
    text.under("Image", format!("{} ({})", container.image, container.image_id));
    let published = Some(container::published(container)).filter(|ports| !ports.is_empty());
    text.under_if("Published", published);
    text.under_if("Started", container.started_at.map(|at| since(at, now)));
    // What a running container ended with is of an earlier life.
    if !matches!(container.state, ContainerState::Running | ContainerState::Paused) {
        text.under_if("Finished", container.finished_at.map(|at| since(at, now)));
        text.under_if("Exit code", container.exit_code);
        if container.oom_killed {
            text.under("Killed", "out of memory");
        }
    }
}

fn conditions(page: &Page<'_>) -> String {
    let mut table = plain_table(false);
    table.set_header(["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"]);
    for condition in page.view.workspace.status.conditions.iter() {
        let (kind, status) = (format!("{:?}", condition.kind), format!("{:?}", condition.status));
        let since = age(condition.last_transition_time, page.now);
        table.add_row(row([&kind, &status, &condition.reason, &since, &*condition.message]));
    }
    some_rows(table)
}

/// Each pass in a few lines: when and why, then what woke it, then what it did.
fn passes(page: &Page<'_>) -> String {
    let mut lines = Vec::new();
    for pass in page.passes {
        let ago = age(pass.started_at, page.now);
        let (took, generation) = (pass.duration_ms, pass.generation);
        lines.push(format!("{ago} ago, {took}ms, generation {generation}: {}", pass.why));
        let causes: Vec<_> = pass.causes.iter().map(ToString::to_string).collect();
        lines.push(format!("  woken by {}", or_none(&causes.join(", "))));
        lines.extend(pass.attempts.iter().map(|attempt| {
            let outcome = match &attempt.outcome {
                AttemptOutcome::Done => "done".to_owned(),
                AttemptOutcome::Failed { reason, message } => format!("{reason}: {message}"),
                AttemptOutcome::Skipped => "skipped".to_owned(),
            };
            format!("  {}: {outcome}", attempt.action)
        }));
    }
    if lines.is_empty() {
        return "none\n".to_owned();
    }
    lines.iter().map(|line| one_line(line) + "\n").collect()
}

fn events(page: &Page<'_>) -> String {
    let mut table = plain_table(false);
    table.set_header(["ID", "AGE", "TYPE", "ACTOR", "REASON", "MESSAGE"]);
    for event in page.events {
        let what = &event.what;
        let (id, when) = (event.id.to_string(), age(what.time, page.now));
        table.add_row(row([
            &*id,
            &when,
            what.kind.as_str(),
            &what.actor,
            &what.reason,
            &what.message,
        ]));
    }
    some_rows(table)
}

fn some_rows(table: comfy_table::Table) -> String {
    if table.is_empty() { "none\n".to_owned() } else { finish(table, GAP) }
}

/// The time, and how long ago that was.
pub(super) fn since(then: Timestamp, now: Timestamp) -> String {
    format!("{then:.0} ({} ago)", age(then, now))
}

fn indent(text: &str) -> String {
    text.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}
