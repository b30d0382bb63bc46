//! `trueup orphans`: what is on the engine and belongs to nothing; shown, or deleted.

use crate::{context::Context, error::Error, render::orphans};
use clap::{Args, ValueEnum};
use trueup_api::{
    domain::orphan::Orphan,
    wire::{DeleteOrphansResponse, OrphanReport},
};

/// The arguments of `trueup orphans`.
#[derive(Debug, Args)]
pub(crate) struct Orphans {
    /// Delete them. What is younger than a minute stays, as it may be just being made; volumes stay
    /// unless asked for.
    #[arg(long)]
    pub(crate) delete: bool,
    /// Delete volumes, too, with all the data in them: also those that a `trueup delete` has kept.
    #[arg(long, requires = "delete")]
    pub(crate) volumes: bool,
    /// How to show them. `json` gives `{orphans: [...], missing: [...]}`, and with `--delete`
    /// `{deleted: [...], kept: [...], failed: [...]}`.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// How orphans are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Shows them, or deletes them and says what came of it.
pub(crate) async fn run(arguments: &Orphans, context: &mut Context<'_>) -> Result<(), Error> {
    let owner = context.owner.as_ref();
    if !arguments.delete {
        let report = context.client.orphans(owner).await?;
        return show(&report, arguments.output, context);
    }
    let response = context.client.delete_orphans(owner, arguments.volumes).await?;
    match arguments.output {
        Format::Json => context.output.json(&response)?,
        Format::Table => tell(&response, context)?,
    }
    match response.failed.len() {
        0 => Ok(()),
        count => Err(Error::NotDeleted { count }),
    }
}

fn show(report: &OrphanReport, format: Format, context: &mut Context<'_>) -> Result<(), Error> {
    if format == Format::Json {
        return context.output.json(report);
    }
    let colour = context.output.is_coloured();
    if report.orphans.is_empty() {
        context.output.note("no orphans");
    } else {
        let table = orphans::table(&report.orphans, crate::age::now(), colour);
        context.output.write(&table)?;
    }
    if !report.missing.is_empty() {
        context.output.note("missing on the engine; the next pass makes what is to run:");
        context.output.write(&orphans::missing(&report.missing, colour))?;
    }
    Ok(())
}

fn tell(response: &DeleteOrphansResponse, context: &mut Context<'_>) -> Result<(), Error> {
    let named = |orphan: &Orphan| format!("{} {}", orphan.object.kind.as_str(), orphan.object.name);
    for orphan in &response.deleted {
        context.output.line(&format!("{} deleted", named(orphan)))?;
    }
    for kept in &response.kept {
        context.output.note(&format!("{} kept: it {}", named(&kept.orphan), kept.why));
    }
    for failed in &response.failed {
        context.output.note(&format!("{} failed: {}", named(&failed.orphan), failed.why));
    }
    if response.deleted.is_empty() && response.kept.is_empty() && response.failed.is_empty() {
        context.output.note("no orphans");
    }
    Ok(())
}
