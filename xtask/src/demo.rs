//! `cargo xtask demo`: shows the product at work. Not built yet.

use anyhow::bail;

/// What the demo can be told.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave everything running at the end instead of removing it
    #[arg(long)]
    keep: bool,
}

/// Runs the demo.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let Args { keep: _ } = args;
    bail!("the demo is not built yet")
}
