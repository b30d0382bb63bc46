//! The command line's grammar. What a command's own arguments mean is said beside the command.

use crate::command::{
    adopt::Adopt, apply::Apply, delete::Delete, describe::Describe, doctor::Doctor, events::Events,
    get::Get, orphans::Orphans, run::Run, state::State, sync::Sync, top::Top, usage::Usage,
    validate::Validate, version::Version, wait::Wait,
};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};
use std::{env, ffi::OsString};
use trueup_api::{
    Address,
    domain::{name::Owner, quantity::Period},
};

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line is wrong
  3  a manifest or the configuration is bad; nothing was changed
  4  there is no such workspace
  5  someone else changed it first, or it is being deleted
  6  the controller cannot be reached
  7  what was waited for did not come in time
130  interrupted while it waited";

/// Declares development workspaces and keeps Docker in the state that was declared.
#[derive(Debug, Parser)]
#[command(name = "trueup", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// The command line of this process. A variable of the environment that is empty counts as one
    /// that is not set.
    pub(crate) fn of_process() -> Result<Self, clap::Error> {
        Self::read(env::args_os())
    }

    fn read(
        line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command()
            .mut_args(without_empty_variable)
            .mut_subcommands(|command| command.mut_args(without_empty_variable));
        let mut matches = command.try_get_matches_from_mut(line)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

fn without_empty_variable(arg: Arg) -> Arg {
    let is_empty = |name| env::var_os(name).is_some_and(|value| value.is_empty());
    if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg }
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where the controller is: `/path/to/socket` or `http://127.0.0.1:PORT`.
    /// Not given: the user's own socket, for root `/run/trueup/trueup.sock`.
    #[arg(long, global = true, env = "TRUEUP_HOST", value_name = "ADDRESS")]
    pub(crate) host: Option<Address>,
    /// Only this owner's workspaces. Also says whose a NAME without an owner is, and whose the
    /// workspace of a manifest that names no owner; a manifest that names another is refused.
    #[arg(long, global = true, env = "TRUEUP_OWNER")]
    pub(crate) owner: Option<Owner>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Be the controller.
    Run(Run),
    /// Declare the workspaces of manifests, all of them or none.
    Apply(Apply),
    /// Show workspaces.
    Get(Get),
    /// Show everything about a workspace: spec, status, last passes, last events.
    Describe(Describe),
    /// Remove workspaces; their named volumes stay unless asked otherwise.
    Delete(Delete),
    /// Have workspaces run.
    Start(State),
    /// Have workspaces stopped; their containers stay.
    Stop(State),
    /// Have all processes of workspaces frozen.
    Pause(State),
    /// Have workspaces run again, also after recovery gave up.
    Resume(State),
    /// Have the containers of workspaces removed; named volumes stay.
    Archive(State),
    /// Have workspaces reconciled now.
    Sync(Sync),
    /// Take over a running container that somebody else made, as it is.
    Adopt(Adopt),
    /// Show what is on the engine and belongs to no workspace, and what workspaces are without; or
    /// delete it.
    Orphans(Orphans),
    /// Show what happened.
    Events(Events),
    /// Show what workspaces use now, live and sorted; as a plain table where there is no terminal.
    Top(Top),
    /// Show what a workspace used over time; without a NAME what all use together now.
    Usage(Usage),
    /// Say whether the controller can be reached, whether it can do its work, and where figures of
    /// usage come from.
    Doctor(Doctor),
    /// Check manifests without a controller.
    Validate(Validate),
    /// Wait until workspaces are as they should be.
    Wait(Wait),
    /// Show the versions of this client and of the controller.
    Version(Version),
}

/// A length of time, as in a manifest: `30s`, `5m`.
pub(crate) fn period(text: &str) -> Result<Period, String> {
    Period::try_from(text.to_owned())
}

/// A label as `KEY=VALUE`.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests;
