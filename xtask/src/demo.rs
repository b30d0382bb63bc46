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
#[expect(clippy::needless_pass_by_value, reason = "the demo will take its options apart")]
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    bail!("the demo is not built yet (--keep: {})", args.keep)
}
