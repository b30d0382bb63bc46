//! `trueup describe`: everything about a workspace on one page.

use crate::{
    age,
    context::Context,
    error::Error,
    render::page::{Page, render},
    selection::{Target, look_up},
};
use clap::Args;
use trueup_api::EventFilter;

const PASSES: u32 = 5;
const EVENTS: u32 = 10;

/// The arguments of `trueup describe`.
#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// NAME or OWNER/NAME.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) targets: Vec<Target>,
}

/// Describes each in turn.
pub(crate) async fn run(arguments: &Describe, context: &mut Context<'_>) -> Result<(), Error> {
    let views = look_up(context, &arguments.targets).await?.all()?;
    for (index, view) in views.iter().enumerate() {
        let key = view.workspace.key();
        let passes = context.client.passes(&key, PASSES).await?.items;
        let events = context.client.newest_events(&EventFilter::from(&key), EVENTS).await?.items;
        let page = Page { view, passes: &passes, events: &events, now: age::now() };
        let gap = if index == 0 { "" } else { "\n\n" };
        context.output.write(&format!("{gap}{}", render(&page)))?;
    }
    Ok(())
}
