//! `trueup validate`: checks manifests without a controller.
//!
//! What only the host knows is not checked here: whether a project folder exists and is allowed.

use crate::{error::Error, input::Sources, output::Output};
use clap::{ArgGroup, Args};
use trueup_api::domain::name::Owner;

/// The arguments of `trueup validate`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true).args(["files"]))]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) sources: Sources,
}

/// Reads everything, and says so when all is well.
pub(crate) fn run(
    arguments: &Validate,
    owner: Option<&Owner>,
    output: &mut Output,
) -> Result<(), Error> {
    let manifests = arguments.sources.read(owner)?;
    for manifest in &manifests {
        output.line(&format!("{} is valid", manifest.key()))?;
    }
    Ok(())
}
