//! The commands, one file each: its arguments, and what it does with them.

pub(crate) mod adopt;
pub(crate) mod apply;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod orphans;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod sync;
pub(crate) mod top;
pub(crate) mod usage;
pub(crate) mod validate;
pub(crate) mod version;
pub(crate) mod wait;

use crate::{
    arguments::{Arguments, Command},
    context::Context,
    error::Error,
    output::Output,
};
use trueup_api::wire::Verb;

/// Carries out a command line.
pub(crate) async fn run(arguments: Arguments, output: &mut Output) -> Result<(), Error> {
    let Arguments { global, command } = arguments;
    let mut context = match &command {
        Command::Run(arguments) => return run::run(arguments).await,
        Command::Validate(arguments) => {
            return validate::run(arguments, global.owner.as_ref(), output);
        }
        _ => Context::new(global, output)?,
    };
    let context = &mut context;
    match &command {
        // Answered above: they need no controller.
        Command::Run(_) | Command::Validate(_) => Ok(()),
        Command::Apply(arguments) => apply::run(arguments, context).await,
        Command::Get(arguments) => get::run(arguments, context).await,
        Command::Describe(arguments) => describe::run(arguments, context).await,
        Command::Delete(arguments) => delete::run(arguments, context).await,
        Command::Start(arguments) => state::run(Verb::Start, arguments, context).await,
        Command::Stop(arguments) => state::run(Verb::Stop, arguments, context).await,
        Command::Pause(arguments) => state::run(Verb::Pause, arguments, context).await,
        Command::Resume(arguments) => state::run(Verb::Resume, arguments, context).await,
        Command::Archive(arguments) => state::run(Verb::Archive, arguments, context).await,
        Command::Sync(arguments) => sync::run(arguments, context).await,
        Command::Events(arguments) => events::run(arguments, context).await,
        Command::Wait(arguments) => wait::run(arguments, context).await,
        Command::Adopt(arguments) => adopt::run(arguments, context).await,
        Command::Orphans(arguments) => orphans::run(arguments, context).await,
        Command::Top(arguments) => top::run(arguments, context).await,
        Command::Usage(arguments) => usage::run(arguments, context).await,
        Command::Doctor(arguments) => doctor::run(arguments, context).await,
        Command::Version(arguments) => version::run(arguments, context).await,
    }
}
