//! `trueup delete`: asks for the end of workspaces, and waits for it unless told not to.

use crate::{
    context::Context,
    error::Error,
    input::Sources,
    selection::{Found, Target, look_up},
    waiting::{Awaited, Goal, wait},
};
use clap::{ArgGroup, Args};
use futures::{StreamExt, TryStreamExt, stream};
use trueup_api::{
    WorkspaceFilter,
    domain::{name::WorkspaceKey, quantity::Period, volume_name},
    wire::WorkspaceView,
};

/// The arguments of `trueup delete`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["targets", "files", "all"]))]
pub(crate) struct Delete {
    /// NAME or OWNER/NAME.
    #[arg(value_name = "NAME")]
    pub(crate) targets: Vec<Target>,
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// All workspaces, or all of `--owner`.
    #[arg(long)]
    pub(crate) all: bool,
    /// Remove their named volumes and what is in them, too.
    #[arg(long)]
    pub(crate) volumes: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// Whether to wait for the end, and how long.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// Wait until they are gone (this is the default).
    #[arg(long, overrides_with = "no_wait")]
    pub(crate) wait: bool,
    /// Do not wait.
    #[arg(long, overrides_with = "wait")]
    pub(crate) no_wait: bool,
    /// How long to wait.
    #[arg(long, default_value = "5m", value_parser = crate::arguments::period)]
    pub(crate) timeout: Period,
}

/// How many deletions are asked for side by side.
const AT_ONCE: usize = 16;

/// Deletes, waits, and says which volumes were kept.
pub(crate) async fn run(arguments: &Delete, context: &mut Context<'_>) -> Result<(), Error> {
    let Found { views, missing } = select(arguments, context).await?;
    // What a file declares may be gone already; a name that was typed should exist.
    if arguments.sources.files.is_empty() && !missing.is_empty() {
        return Err(Error::NotFound { wanted: missing });
    }
    for key in missing {
        context.output.note(&format!("{key} is not there"));
    }
    let keys: Vec<_> = views.iter().map(|view| view.workspace.key()).collect();
    let client = context.client.clone();
    let ask = |key: WorkspaceKey| {
        let (client, volumes) = (&client, arguments.volumes);
        async move { client.delete(&key, volumes).await.map(|_| key) }
    };
    // Side by side, so that they share a write to the disk.
    let mut asked = stream::iter(keys).map(ask).buffered(AT_ONCE);
    while let Some(key) = asked.try_next().await? {
        if arguments.waiting.no_wait {
            context.output.line(&format!("{key} will be deleted"))?;
        }
    }
    drop(asked);
    if !arguments.waiting.no_wait {
        let awaited = views.iter().map(awaited).collect();
        wait(context, awaited, arguments.waiting.timeout.duration()).await?;
    }
    if !arguments.volumes {
        for view in &views {
            tell_kept(view, context);
        }
    }
    Ok(())
}

async fn select(arguments: &Delete, context: &Context<'_>) -> Result<Found, Error> {
    if arguments.all {
        let filter = WorkspaceFilter { owner: context.owner.clone(), labels: Vec::new() };
        let views = context.client.list(&filter).await?.items;
        return Ok(Found { views, missing: Vec::new() });
    }
    let manifests = arguments.sources.read(context.owner.as_ref())?;
    let declared = manifests.into_iter().map(|manifest| {
        let key = manifest.key();
        Target { owner: Some(key.owner), name: key.name }
    });
    let targets: Vec<_> = arguments.targets.iter().cloned().chain(declared).collect();
    look_up(context, &targets).await
}

fn awaited(view: &WorkspaceView) -> Awaited {
    Awaited { key: view.workspace.key(), id: view.workspace.id, goal: Goal::Deleted }
}

fn tell_kept(view: &WorkspaceView, context: &mut Context<'_>) {
    // An earlier `delete --volumes` is not taken back by a later one without.
    let already_asked = view.workspace.deletion.as_ref().is_some_and(|deletion| deletion.volumes);
    let volumes = &view.workspace.spec.volumes;
    if volumes.is_empty() || already_asked {
        return;
    }
    let names: Vec<_> =
        volumes.iter().map(|volume| volume_name(&view.workspace, &volume.name)).collect();
    let (key, listed, words) = (view.workspace.key(), names.join(", "), names.join(" "));
    context.output.note(&format!("{key}: kept volumes {listed}"));
    context.output.note(&format!("  to remove them, too: docker volume rm {words}"));
}
