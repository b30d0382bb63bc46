//! `trueup get`: workspaces as a table or as data, once or for as long as one watches.

use crate::{
    arguments::label,
    context::Context,
    error::Error,
    render::table::{Columns, Table},
    selection::{Target, look_up},
    trouble::trouble,
};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::{collections::HashMap, time::Duration};
use trueup_api::{
    EventFilter, WorkspaceFilter,
    domain::{
        id::{ResourceVersion, WorkspaceId},
        manifest::Manifest,
        name::WorkspaceKey,
        status::Phase,
    },
    wire::WorkspaceView,
};

/// The longest time between two looks of a watch; an event makes it look at once.
const LOOK: Duration = Duration::from_secs(2);
/// The shortest one, so that a storm of events is one look.
const PAUSE: Duration = Duration::from_millis(200);

/// The arguments of `trueup get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// NAME or OWNER/NAME; none means all.
    #[arg(value_name = "NAME")]
    pub(crate) targets: Vec<Target>,
    /// How to show them. `json` and `yaml` give
    /// `{apiVersion: trueup/v1, kind: WorkspaceList, items: [...]}`; `manifest` gives what
    /// `trueup apply -f -` takes.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Only those with this label; may be repeated, all must match.
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Go on and show each again when it changes. Ends with Ctrl-C.
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// How workspaces are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line each.
    Table,
    /// One longer line each.
    Wide,
    /// A JSON list.
    Json,
    /// A YAML list.
    Yaml,
    /// What was declared, as manifests.
    Manifest,
    /// OWNER/NAME only.
    Name,
}

/// Shows them once, or watches.
pub(crate) async fn run(arguments: &Get, context: &mut Context<'_>) -> Result<(), Error> {
    let (views, missing) = select(arguments, context).await?;
    let mut printer = Printer::new(arguments.output, context.output.is_coloured());
    if !views.is_empty() || missing.is_empty() {
        printer.print(&views, context)?;
    }
    if !missing.is_empty() {
        return Err(Error::NotFound { wanted: missing });
    }
    if arguments.watch { watch(arguments, context, printer, views).await } else { Ok(()) }
}

async fn select(
    arguments: &Get,
    context: &Context<'_>,
) -> Result<(Vec<WorkspaceView>, Vec<String>), Error> {
    if arguments.targets.is_empty() {
        let filter =
            WorkspaceFilter { owner: context.owner.clone(), labels: arguments.labels.clone() };
        return Ok((context.client.list(&filter).await?.items, Vec::new()));
    }
    let mut found = look_up(context, &arguments.targets).await?;
    found.views.retain(|view| arguments.labels.iter().all(|label| has_label(view, label)));
    Ok((found.views, found.missing))
}

fn has_label(view: &WorkspaceView, (key, value): &(String, String)) -> bool {
    view.workspace.metadata.labels.iter().any(|(k, v)| k.as_str() == key && v == value)
}

/// What of a workspace makes it be shown again, and what to call it once it is gone.
type Seen = HashMap<WorkspaceId, Mark>;
type Mark = (WorkspaceKey, ResourceVersion, Phase, Option<String>);

async fn watch(
    arguments: &Get,
    context: &mut Context<'_>,
    mut printer: Printer,
    first: Vec<WorkspaceView>,
) -> Result<(), Error> {
    let mut seen: Seen = first.iter().map(mark).collect();
    let filter = EventFilter { owner: context.owner.clone(), name: None };
    let mut after = context.client.newest_events(&filter, 1).await?.next;
    loop {
        let page = context.client.events(&filter, after, LOOK).await?;
        after = page.next;
        let (views, _) = select(arguments, context).await?;
        let now: Seen = views.iter().map(mark).collect();
        let has_changed =
            |view: &WorkspaceView| seen.get(&view.workspace.id) != now.get(&view.workspace.id);
        let changed: Vec<_> = views.into_iter().filter(has_changed).collect();
        if !changed.is_empty() {
            printer.print(&changed, context)?;
        }
        for (_, (key, ..)) in seen.iter().filter(|(id, _)| !now.contains_key(id)) {
            context.output.note(&format!("{key} is gone"));
        }
        seen = now;
        if !page.items.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn mark(view: &WorkspaceView) -> (WorkspaceId, Mark) {
    let workspace = &view.workspace;
    let reason = trouble(view).map(|condition| condition.reason.clone());
    (workspace.id, (workspace.key(), workspace.resource_version, workspace.status.phase, reason))
}

/// Prints workspaces in one format, again and again in a watch.
struct Printer {
    format: Format,
    table: Table,
    /// Whether a manifest was printed, from which the next must be parted.
    is_begun: bool,
}

/// What every document that is shown says of its format.
const VERSION: &str = "trueup/v1";

/// The shape of `-o json` and `-o yaml`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: &'static str,
    kind: &'static str,
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    view: &'a WorkspaceView,
}

impl<'a> List<'a> {
    fn new(views: &'a [WorkspaceView]) -> Self {
        let item = |view| Item { api_version: VERSION, kind: "Workspace", view };
        let items = views.iter().map(item).collect();
        Self { api_version: VERSION, kind: "WorkspaceList", items }
    }
}

impl Printer {
    fn new(format: Format, colour: bool) -> Self {
        let columns = if format == Format::Wide { Columns::Wide } else { Columns::Short };
        Self { format, table: Table::new(columns, colour), is_begun: false }
    }

    fn print(&mut self, views: &[WorkspaceView], context: &mut Context<'_>) -> Result<(), Error> {
        let output = &mut *context.output;
        match self.format {
            Format::Json => output.json(&List::new(views)),
            Format::Yaml => output.yaml(&List::new(views)),
            Format::Name => {
                views.iter().try_for_each(|view| output.line(&view.workspace.key().to_string()))
            }
            Format::Table | Format::Wide | Format::Manifest if views.is_empty() => {
                if self.table.is_untouched() {
                    output.note("no workspaces");
                }
                Ok(())
            }
            Format::Manifest => views.iter().try_for_each(|view| {
                let manifest =
                    Manifest::new(view.workspace.metadata.clone(), view.workspace.spec.clone());
                if std::mem::replace(&mut self.is_begun, true) {
                    output.line("---")?;
                }
                output.yaml(&manifest)
            }),
            Format::Table | Format::Wide => {
                output.write(&self.table.render(views, crate::age::now()))
            }
        }
    }
}
