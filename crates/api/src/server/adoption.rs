//! Taking over a container that somebody else made, as it runs.
//!
//! Nothing is asked of the engine but what the container is: the store is all that changes, and the pass
//! that follows finds the container by its id.

use super::{
    change::report,
    extract::{Body, Caller, Parameters},
    state::{Api, State},
};
use crate::{
    Problem, ProblemKind,
    wire::{AdoptRequest, Adopted, Applied, Outcome},
};
use axum::{Json, extract};
use std::collections::BTreeMap;
use trueup_domain::{
    adoption::{self, Candidate, LeftAlone, Refusal},
    id::ContainerId,
    manifest::Manifest,
    name::WorkspaceKey,
    port::SpecWrite,
    spec::Metadata,
};

pub(super) async fn adopt(
    extract::State(api): extract::State<Api>,
    parameters: Parameters,
    caller: Caller,
    Body(request): Body<AdoptRequest>,
) -> Result<Json<Adopted>, Problem> {
    parameters.finish()?;
    let state = &api.state;
    let candidate = find(state, &request.container).await?;
    let (manifest, left_alone) = declare(state, &request, &candidate).await?;
    let (key, container) = (manifest.key(), candidate.container.id);
    refuse_taken(state, &key, &container).await?;
    let spec = manifest.spec.clone();
    let applied = if request.dry_run {
        Applied { key, outcome: Outcome::Created, workspace: None }
    } else {
        write(state, manifest, container.clone(), &caller).await?
    };
    Ok(Json(Adopted { dry_run: request.dry_run, applied, container, spec, left_alone }))
}

async fn find(state: &State, container: &str) -> Result<Candidate, Problem> {
    let found = state.inventory.candidate(&ContainerId::new(container)).await?;
    found.ok_or_else(|| {
        Problem::new(ProblemKind::NotFound, format!("the engine has no container `{container}`"))
    })
}

/// What the container declares, if it and the host allow it.
async fn declare(
    state: &State,
    request: &AdoptRequest,
    candidate: &Candidate,
) -> Result<(Manifest, Vec<LeftAlone>), Problem> {
    let refuse = |why: String| {
        let detail = format!("cannot adopt {}: {why}", candidate.container.config.name);
        Problem::new(ProblemKind::NotAdoptable, detail)
    };
    let refused = |refusal: Refusal| refuse(refusal.to_string());
    let name = match &request.name {
        Some(name) => name.clone(),
        None => adoption::name_of(&candidate.container).map_err(refused)?,
    };
    let owner = request.owner.clone().unwrap_or_default();
    let metadata = Metadata { name, owner, labels: BTreeMap::new() };
    let (manifest, left) =
        adoption::declare(candidate, metadata, &state.policy).map_err(refused)?;
    state.admit.admit(&manifest).await.map_err(refuse)?;
    Ok((manifest, left))
}

/// Says in words what the store would only call a conflict.
async fn refuse_taken(
    state: &State,
    key: &WorkspaceKey,
    container: &ContainerId,
) -> Result<(), Problem> {
    let all = state.workspaces.list().await?;
    let is_same = |id: &Option<ContainerId>| id.as_ref() == Some(container);
    let holder = all.iter().find(|workspace| is_same(&workspace.adopted));
    let detail = match holder {
        Some(holder) if holder.key() == *key => return Ok(()),
        Some(holder) => format!("{} has adopted the container already", holder.key()),
        None if all.iter().any(|workspace| workspace.key() == *key) => {
            format!("there is a workspace {key} already; give this one another name")
        }
        None => return Ok(()),
    };
    Err(Problem::new(ProblemKind::Conflict, detail))
}

async fn write(
    state: &State,
    manifest: Manifest,
    container: ContainerId,
    caller: &Caller,
) -> Result<Applied, Problem> {
    let write = SpecWrite::Adopt {
        id_if_new: state.clock.workspace_id(),
        metadata: manifest.metadata,
        spec: Box::new(manifest.spec),
        container,
    };
    let written = state.workspaces.write(vec![write], &caller.actor, state.clock.now()).await?;
    let one = written
        .first()
        .ok_or_else(|| Problem::new(ProblemKind::Other, "the store answered with nothing"))?;
    Ok(report(state, one, caller, "adopt"))
}
