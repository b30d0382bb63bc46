//! `trueup adopt`: takes over a running container that somebody else made.

use crate::{context::Context, error::Error};
use clap::{Args, ValueEnum};
use trueup_api::{
    domain::{manifest::Manifest, name::Name, spec::Metadata},
    wire::{AdoptRequest, Adopted, Outcome},
};

/// The arguments of `trueup adopt`.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// The container: its name, its id, or the beginning of one. It must run, and no trueup may have
    /// made it. With `--owner` the workspace is that owner's.
    #[arg(value_name = "CONTAINER")]
    pub(crate) container: String,
    /// What the workspace is called; not given: as the container is.
    #[arg(long)]
    pub(crate) name: Option<Name>,
    /// Only show what it would declare and what would be left alone.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to show it. `json` gives the whole answer.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// How an adoption is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Adopts it, and says what of it its declaration does not say.
pub(crate) async fn run(arguments: &Adopt, context: &mut Context<'_>) -> Result<(), Error> {
    let request = AdoptRequest {
        container: arguments.container.clone(),
        name: arguments.name.clone(),
        owner: context.owner.clone(),
        dry_run: arguments.dry_run,
    };
    let adopted = context.client.adopt(&request).await?;
    if arguments.output == Format::Json {
        return context.output.json(&adopted);
    }
    tell(&adopted, context)
}

fn tell(adopted: &Adopted, context: &mut Context<'_>) -> Result<(), Error> {
    let key = &adopted.applied.key;
    if adopted.dry_run {
        let metadata = Metadata {
            name: key.name.clone(),
            owner: key.owner.clone(),
            labels: std::collections::BTreeMap::new(),
        };
        context.output.yaml(&Manifest::new(metadata, adopted.spec.clone()))?;
    } else {
        let id = adopted.container.as_str();
        let id = id.get(..12).unwrap_or(id);
        let words = match adopted.applied.outcome {
            Outcome::Created | Outcome::Configured => "has adopted",
            Outcome::Unchanged => "had adopted",
        };
        context.output.line(&format!("{key} {words} the container {id}"))?;
    }
    if !adopted.left_alone.is_empty() {
        context.output.note("left alone until a change of its declaration needs a new container:");
        for one in &adopted.left_alone {
            context.output.note(&format!("  {}: {}", one.field, one.why));
        }
    }
    Ok(())
}
