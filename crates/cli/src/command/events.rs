//! `trueup events`: the event log, its end or all of it, once or as it grows.

use crate::{
    context::Context,
    error::Error,
    render::line::event_line,
    selection::{Target, owner_of},
};
use clap::{Args, ValueEnum};
use std::time::Duration;
use tokio::time::Instant;
use trueup_api::{
    EventFilter,
    domain::{event::Event, id::EventId},
    wire::EventPage,
};

const WAIT: Duration = Duration::from_secs(30);
/// How long a controller may be away before following it is given up.
const AWAY: Duration = Duration::from_mins(1);
const RETRY: Duration = Duration::from_secs(1);

/// The arguments of `trueup events`.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// NAME or OWNER/NAME; deleted workspaces have events, too.
    #[arg(value_name = "NAME")]
    pub(crate) target: Option<Target>,
    /// Go on and show new ones; survives a restart of the controller of less than a minute.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// All after the event with this id; 0 means from the beginning.
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<u64>,
    /// So many of the newest ones, 1000 at most.
    #[arg(long, value_name = "COUNT", default_value_t = 50, conflicts_with = "after",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) last: u32,
    /// How to show them. `json` gives one JSON object a line.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// How events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One line each.
    Text,
    /// One JSON object a line.
    Json,
}

/// Shows what there is, then follows if asked to.
pub(crate) async fn run(arguments: &Events, context: &mut Context<'_>) -> Result<(), Error> {
    let filter = select(arguments.target.as_ref(), context).await?;
    let (after, some) = if let Some(after) = arguments.after {
        show_all(arguments.output, context, &filter, EventId(after)).await?
    } else {
        let page = context.client.newest_events(&filter, arguments.last).await?;
        show(arguments.output, context, &page.items)?;
        (page.next, !page.items.is_empty())
    };
    if !some {
        tell_none(arguments, &filter, context);
    }
    if arguments.follow {
        return follow(arguments.output, context, &filter, after).await;
    }
    Ok(())
}

/// Whose events are meant. A name that nobody has now may have been somebody's: then all who ever had
/// it are meant.
async fn select(target: Option<&Target>, context: &Context<'_>) -> Result<EventFilter, Error> {
    match target {
        None => Ok(EventFilter { owner: context.owner.clone(), name: None }),
        Some(target) => {
            let owner = owner_of(context, target).await?;
            Ok(EventFilter { owner, name: Some(target.name.clone()) })
        }
    }
}

fn tell_none(arguments: &Events, filter: &EventFilter, context: &mut Context<'_>) {
    let whose = match (&filter.owner, &filter.name) {
        (Some(owner), Some(name)) => format!(" of {owner}/{name}"),
        (Some(owner), None) => format!(" of the owner {owner}"),
        (None, Some(name)) => format!(" of {name}"),
        (None, None) => String::new(),
    };
    let since = arguments.after.filter(|id| *id > 0);
    let since = since.map(|id| format!(" after {id}")).unwrap_or_default();
    context.output.note(&format!("no events{whose}{since}"));
}

/// Shows them page by page; gives the last one's id, and whether there were any.
async fn show_all(
    format: Format,
    context: &mut Context<'_>,
    filter: &EventFilter,
    mut after: EventId,
) -> Result<(EventId, bool), Error> {
    let mut some = false;
    loop {
        let page = context.client.events(filter, after, Duration::ZERO).await?;
        after = page.next;
        if page.items.is_empty() {
            return Ok((after, some));
        }
        some = true;
        show(format, context, &page.items)?;
    }
}

async fn follow(
    format: Format,
    context: &mut Context<'_>,
    filter: &EventFilter,
    mut after: EventId,
) -> Result<(), Error> {
    loop {
        let page = next_page(context, filter, after).await?;
        after = page.next;
        show(format, context, &page.items)?;
    }
}

/// The next page, however often the connection has to be made anew within a minute.
async fn next_page(
    context: &mut Context<'_>,
    filter: &EventFilter,
    after: EventId,
) -> Result<EventPage, Error> {
    let mut lost_at = None;
    loop {
        let error = match context.client.events(filter, after, WAIT).await {
            Ok(page) => return Ok(page),
            Err(error @ trueup_api::Error::Refused(_)) => return Err(error.into()),
            Err(error) => error,
        };
        let since = *lost_at.get_or_insert_with(|| {
            context.output.note("the controller is away; trying again");
            Instant::now()
        });
        if since.elapsed() >= AWAY {
            return Err(error.into());
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn show(format: Format, context: &mut Context<'_>, events: &[Event]) -> Result<(), Error> {
    for event in events {
        let line = match format {
            Format::Text => event_line(event),
            Format::Json => serde_json::to_string(event)
                .map_err(|source| Error::Encode { what: "an event", source: source.into() })?,
        };
        context.output.line(&line)?;
    }
    Ok(())
}
