//! `trueup usage`: what a workspace used over time, or what all use together now.

use crate::{
    age,
    arguments::{label, period},
    context::Context,
    error::Error,
    render::{chart, usage},
    selection::{Target, look_up},
};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use std::{str::FromStr, time::Duration};
use trueup_api::{UsageRange, WorkspaceFilter, domain::quantity::Period};

/// The shortest step that is asked for unless the user asks; sampling is rarely closer.
const SHORTEST: Duration = Duration::from_secs(1);

/// The arguments of `trueup usage`.
#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// NAME or OWNER/NAME: what that workspace used over time. None means what all use together now.
    #[arg(value_name = "NAME")]
    pub(crate) target: Option<Target>,
    /// From when on: a time such as 2026-11-22T10:00:00Z, or a period back from now such as 1h.
    #[arg(long, value_name = "TIME", default_value = "1h", requires = "target")]
    pub(crate) since: Moment,
    /// Until when; not given: now.
    #[arg(long, value_name = "TIME", requires = "target")]
    pub(crate) until: Option<Moment>,
    /// How much time one point sums up, such as 1m; not given: as much as a bar of the chart shows.
    #[arg(long, value_name = "PERIOD", value_parser = period, requires = "target")]
    pub(crate) step: Option<Period>,
    /// Sum up by `owner` or by `label:KEY`.
    #[arg(long, value_name = "WHAT", value_parser = grouping, conflicts_with = "target")]
    pub(crate) by: Option<String>,
    /// Only workspaces with this label; may be repeated, all must match.
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE", value_parser = label,
          conflicts_with = "target")]
    pub(crate) labels: Vec<(String, String)>,
    /// How to show it. `json` gives `{points, step, since, until, source}` for a NAME,
    /// `{groups, summary, source}` with --by, and else `{items, summary, source}`.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// How usage is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// A time as it was written, and what it means to us; the controller reads it by its own clock.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    text: String,
    when: When,
}

#[derive(Debug, Clone, Copy)]
enum When {
    At(Timestamp),
    Before(Duration),
}

impl FromStr for Moment {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let when = match (text.parse(), period(text)) {
            (Ok(time), _) => When::At(time),
            (_, Ok(period)) => When::Before(period.duration()),
            _ => return Err("write a time such as 2026-11-22T10:00:00Z, or a period such as 1h"),
        };
        Ok(Self { text: text.to_owned(), when })
    }
}

impl Moment {
    fn at(&self, now: Timestamp) -> Timestamp {
        match self.when {
            When::At(time) => time,
            When::Before(period) => now.checked_sub(period).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Shows one over time, or all together.
pub(crate) async fn run(arguments: &Usage, context: &mut Context<'_>) -> Result<(), Error> {
    match &arguments.target {
        Some(target) => over_time(arguments, target, context).await,
        None => together(arguments, context).await,
    }
}

async fn over_time(
    arguments: &Usage,
    target: &Target,
    context: &mut Context<'_>,
) -> Result<(), Error> {
    let views = look_up(context, std::slice::from_ref(target)).await?.all()?;
    for view in views {
        let key = view.workspace.key();
        let history = context.client.usage_history(&key, &range(arguments, age::now())).await?;
        if arguments.output == Format::Json {
            context.output.json(&history)?;
            continue;
        }
        context.output.write(&chart::render(&key.to_string(), &history))?;
        if history.points.is_empty() {
            context.output.note("nothing was read in this time");
        }
    }
    Ok(())
}

fn range(arguments: &Usage, now: Timestamp) -> UsageRange {
    let until = arguments.until.as_ref();
    let end = until.map_or(now, |until| until.at(now));
    let length = Duration::try_from(end.duration_since(arguments.since.at(now)));
    // What makes no sense is refused by the controller, in its words.
    let bar = (length.unwrap_or_default() / chart::BARS).max(SHORTEST);
    let whole = Duration::from_secs(bar.as_secs());
    UsageRange {
        since: Some(arguments.since.text.clone()),
        until: until.map(|until| until.text.clone()),
        step: Some(arguments.step.unwrap_or_else(|| whole.into())),
    }
}

async fn together(arguments: &Usage, context: &mut Context<'_>) -> Result<(), Error> {
    let filter = WorkspaceFilter { owner: context.owner.clone(), labels: arguments.labels.clone() };
    let Some(by) = &arguments.by else {
        let list = context.client.usage(&filter).await?;
        return match arguments.output {
            Format::Json => context.output.json(&list),
            Format::Table => context.output.write(&usage::summary(&list, age::now())),
        };
    };
    let groups = context.client.usage_by(&filter, by).await?;
    if arguments.output == Format::Json {
        return context.output.json(&groups);
    }
    if groups.groups.is_empty() {
        context.output.note("no workspaces");
        return Ok(());
    }
    let title = by.strip_prefix("label:").unwrap_or("OWNER");
    let colour = context.output.is_coloured();
    context.output.write(&usage::groups(&groups, title, age::now(), colour))?;
    context.output.note(&usage::source(&groups.source));
    Ok(())
}

fn grouping(text: &str) -> Result<String, String> {
    let is_label = text.strip_prefix("label:").is_some_and(|key| !key.is_empty());
    let is_known = text == "owner" || is_label;
    if is_known { Ok(text.to_owned()) } else { Err("write `owner` or `label:KEY`".to_owned()) }
}
