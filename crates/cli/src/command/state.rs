//! `trueup start`, `stop`, `pause`, `resume` and `archive`: what a workspace should be doing.

use crate::{
    context::Context,
    error::Error,
    selection::{Target, look_up},
    waiting::{Awaited, Goal, gave_up, wait},
};
use clap::Args;
use trueup_api::{
    domain::{quantity::Period, spec::DesiredState, status::Phase},
    wire::{Applied, Outcome, Verb, WorkspaceView},
};

/// The arguments of the commands that change the desired state.
#[derive(Debug, Args)]
pub(crate) struct State {
    /// NAME or OWNER/NAME.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) targets: Vec<Target>,
    /// Wait until it is so.
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait.
    #[arg(long, default_value = "5m", value_parser = crate::arguments::period)]
    pub(crate) timeout: Period,
}

/// Changes the state of all targets; of none when one of them does not exist.
pub(crate) async fn run(
    verb: Verb,
    arguments: &State,
    context: &mut Context<'_>,
) -> Result<(), Error> {
    let views = look_up(context, &arguments.targets).await?.all()?;
    let mut awaited = Vec::new();
    for view in views {
        let key = view.workspace.key();
        let applied = context.client.set_state(&key, verb, None).await?;
        context.output.line(&tell(verb, &applied))?;
        let changed = applied.workspace.unwrap_or(view);
        if verb == Verb::Start && gave_up(&changed) {
            context
                .output
                .note(&format!("{key}: recovery gave up; `trueup resume {key}` tries anew"));
        }
        awaited.push(await_state(verb, &changed));
    }
    if arguments.wait { wait(context, awaited, arguments.timeout.duration()).await } else { Ok(()) }
}

fn tell(verb: Verb, applied: &Applied) -> String {
    let (will, already) = match verb.state() {
        DesiredState::Running => ("run", "running"),
        DesiredState::Stopped => ("be stopped", "stopped"),
        DesiredState::Paused => ("be paused", "paused"),
        DesiredState::Archived => ("be archived", "archived"),
    };
    match applied.outcome {
        Outcome::Unchanged => format!("{} is declared {already} already", applied.key),
        Outcome::Created | Outcome::Configured => format!("{} will {will}", applied.key),
    }
}

fn await_state(verb: Verb, view: &WorkspaceView) -> Awaited {
    let phase = match verb.state() {
        DesiredState::Running => Phase::Running,
        DesiredState::Stopped => Phase::Stopped,
        DesiredState::Paused => Phase::Paused,
        DesiredState::Archived => Phase::Archived,
    };
    let goal = Goal::Reached(phase, view.workspace.generation);
    Awaited { key: view.workspace.key(), id: view.workspace.id, goal }
}
