//! `trueup apply`: declares what manifests say. Nothing is sent when any file is bad.

use crate::{context::Context, error::Error, input::Sources};
use clap::{ArgGroup, Args};

/// The arguments of `trueup apply`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true).args(["files"]))]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Only say what would be done; the controller checks everything as for a real one.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Applies, and says what came of each manifest.
pub(crate) async fn run(arguments: &Apply, context: &mut Context<'_>) -> Result<(), Error> {
    let manifests = arguments.sources.read(context.owner.as_ref())?;
    let response = context.client.apply(&manifests, arguments.dry_run).await?;
    let remark = if response.dry_run { " (dry run)" } else { "" };
    for item in response.items {
        context.output.line(&format!("{} {}{remark}", item.key, item.outcome))?;
    }
    Ok(())
}
