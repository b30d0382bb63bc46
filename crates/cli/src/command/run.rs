//! `trueup run`: the controller itself, in the foreground, until it is told to end.

use crate::error::Error;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `trueup run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The configuration, a TOML file. Not given: the defaults and the environment.
    #[arg(long, env = "TRUEUP_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Runs the controller.
#[expect(clippy::unused_async, reason = "the controller is not wired in yet")]
pub(crate) async fn run(arguments: &Run) -> Result<(), Error> {
    let _ = &arguments.config;
    Err(Error::NoController)
}
