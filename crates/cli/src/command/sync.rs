//! `trueup sync`: has workspaces reconciled now, whatever the controller would do next.

use crate::{
    context::Context,
    error::Error,
    selection::{Target, look_up},
};
use clap::{ArgGroup, Args};

/// The arguments of `trueup sync`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["targets", "all"]))]
pub(crate) struct Sync {
    /// NAME or OWNER/NAME.
    #[arg(value_name = "NAME")]
    pub(crate) targets: Vec<Target>,
    /// All workspaces of all owners.
    #[arg(long)]
    pub(crate) all: bool,
}

/// Asks for it, and says of how many.
pub(crate) async fn run(arguments: &Sync, context: &mut Context<'_>) -> Result<(), Error> {
    if arguments.all {
        let requested = context.client.sync(None).await?.requested;
        return context.output.line(&format!("{requested} workspaces will be synced"));
    }
    for view in look_up(context, &arguments.targets).await?.all()? {
        let key = view.workspace.key();
        context.client.sync(Some(&key)).await?;
        context.output.line(&format!("{key} will be synced"))?;
    }
    Ok(())
}
