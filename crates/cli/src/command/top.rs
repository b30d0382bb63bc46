//! `trueup top`: what workspaces use now, live on a terminal, once anywhere else.

use crate::{
    arguments::{label, period},
    context::Context,
    error::Error,
    render::usage,
    top::{self, Sort},
};
use clap::{Args, ValueEnum};
use std::io::{self, IsTerminal};
use trueup_api::{WorkspaceFilter, domain::quantity::Period};

/// The arguments of `trueup top`.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Show a plain table once, as where there is no terminal.
    #[arg(long)]
    pub(crate) once: bool,
    /// What comes first; names come in their order, everything else with the greatest first.
    #[arg(short, long, value_enum, default_value_t = Sort::Cpu)]
    pub(crate) sort: Sort,
    /// Only those with this label; may be repeated, all must match.
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// How often to look, from 200ms. How often figures are read is the controller's affair.
    #[arg(short, long, value_name = "PERIOD", default_value = "2s", value_parser = interval)]
    pub(crate) interval: Period,
    /// How to show them. `json` gives `{items, summary, source}`, once.
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

/// Shows them once, or until the user has seen enough.
pub(crate) async fn run(arguments: &Top, context: &mut Context<'_>) -> Result<(), Error> {
    let filter = WorkspaceFilter { owner: context.owner.clone(), labels: arguments.labels.clone() };
    let is_data = arguments.output == Format::Json;
    let has_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if !is_data && !arguments.once && has_terminal {
        let interval = arguments.interval.duration();
        return top::run(&context.client, &filter, arguments.sort, interval).await;
    }
    let mut list = context.client.usage(&filter).await?;
    top::sort(&mut list.items, arguments.sort);
    if is_data {
        return context.output.json(&list);
    }
    if list.items.is_empty() {
        context.output.note("no workspaces");
        return Ok(());
    }
    let items: Vec<_> = list.items.iter().collect();
    context.output.write(&usage::table(&items, context.output.is_coloured()))?;
    context.output.note(&usage::source(&list.source));
    Ok(())
}

fn interval(text: &str) -> Result<Period, String> {
    let period = period(text)?;
    if period.duration().as_millis() < 200 {
        Err("it is 200ms at least".to_owned())
    } else {
        Ok(period)
    }
}
