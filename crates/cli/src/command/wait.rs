//! `trueup wait`: ends when workspaces are as they should be, or when the time is over.

use crate::{
    context::Context,
    error::Error,
    selection::{Target, look_up},
    waiting::{Awaited, Goal, wait},
};
use clap::Args;
use trueup_api::domain::quantity::Period;

/// The arguments of `trueup wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// NAME or OWNER/NAME.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) targets: Vec<Target>,
    /// `ready`, `deleted` or `phase=PHASE`.
    #[arg(long = "for", default_value = "ready", value_name = "GOAL", value_parser = goal)]
    pub(crate) goal: Goal,
    /// How long to wait.
    #[arg(long, default_value = "60s", value_parser = crate::arguments::period)]
    pub(crate) timeout: Period,
}

/// Waits for all of them.
pub(crate) async fn run(arguments: &Wait, context: &mut Context<'_>) -> Result<(), Error> {
    let mut found = look_up(context, &arguments.targets).await?;
    if arguments.goal == Goal::Deleted {
        for gone in found.missing.drain(..) {
            context.output.line(&format!("{gone} deleted"))?;
        }
    }
    let awaited = found.all()?.into_iter().map(|view| Awaited {
        key: view.workspace.key(),
        id: view.workspace.id,
        goal: arguments.goal,
    });
    wait(context, awaited.collect(), arguments.timeout.duration()).await
}

fn goal(text: &str) -> Result<Goal, String> {
    match text.split_once('=') {
        Some(("phase", word)) => word.parse().map(Goal::Phase),
        None if text == "ready" => Ok(Goal::Ready),
        None if text == "deleted" => Ok(Goal::Deleted),
        _ => Err("write `ready`, `deleted` or `phase=PHASE`".to_owned()),
    }
}
