//! `trueup wait`: ends when workspaces are as they should be, or when the time is over.

use crate::{
    context::Context,
    error::Error,
    selection::{Target, look_up},
    waiting::{Awaited, Goal, wait},
};
use clap::Args;
use trueup_api::domain::{quantity::Period, status::Phase};

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
        Some(("phase", word)) => phase(word).map(Goal::Phase),
        None if text == "ready" => Ok(Goal::Ready),
        None if text == "deleted" => Ok(Goal::Deleted),
        _ => Err("write `ready`, `deleted` or `phase=PHASE`".to_owned()),
    }
}

/// A phase by its name, in any case.
fn phase(word: &str) -> Result<Phase, String> {
    const ALL: [Phase; 16] = [
        Phase::Pending,
        Phase::Pulling,
        Phase::Creating,
        Phase::Starting,
        Phase::Running,
        Phase::Unhealthy,
        Phase::Pausing,
        Phase::Paused,
        Phase::Stopping,
        Phase::Stopped,
        Phase::Restarting,
        Phase::CrashLoop,
        Phase::Archiving,
        Phase::Archived,
        Phase::Deleting,
        Phase::Unknown,
    ];
    ALL.into_iter().find(|phase| phase.to_string().eq_ignore_ascii_case(word)).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(ToString::to_string).collect();
        format!("no phase is called `{word}`; there are {}", names.join(", "))
    })
}
