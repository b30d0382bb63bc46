//! What is on the engine and belongs to nothing: found, and deleted.
//!
//! Invariant: the engine is looked at before the store is, so that a workspace that is declared in
//! between is never taken for one that does not exist.

use super::{
    extract::{Body, Caller, Parameters},
    state::{Api, State},
};
use crate::{
    Problem, ProblemKind,
    wire::{DeleteOrphansRequest, DeleteOrphansResponse, NotDeleted, OrphanReport},
};
use axum::{Json, extract};
use futures::{StreamExt, stream};
use std::time::Duration;
use tokio::time::Instant;
use trueup_domain::{
    error::EngineError,
    name::Owner,
    orphan::{Orphan, OrphanReason, orphans},
    port::{ObjectKind, Removal},
};

/// How long a deletion may take: what is begun within [`BUDGET`] is finished within this.
pub(super) const DEADLINE: Duration = Duration::from_mins(3);
/// After this nothing more is begun; a frozen container's end may take a minute, its removal another.
const BUDGET: Duration = Duration::from_mins(1);
/// Removals at once: the engine gets no faster beyond.
const AT_ONCE: usize = 4;

pub(super) async fn list(
    extract::State(api): extract::State<Api>,
    mut parameters: Parameters,
) -> Result<Json<OrphanReport>, Problem> {
    let owner = parameters.take("owner")?;
    parameters.finish()?;
    look(&api.state, owner.as_ref()).await.map(Json)
}

pub(super) async fn delete(
    extract::State(api): extract::State<Api>,
    parameters: Parameters,
    caller: Caller,
    Body(request): Body<DeleteOrphansRequest>,
) -> Result<Json<DeleteOrphansResponse>, Problem> {
    parameters.finish()?;
    let until = Instant::now() + BUDGET;
    let found = look(&api.state, request.owner.as_ref()).await?.orphans;
    let mut response = DeleteOrphansResponse::default();
    // A network or a volume can go only when the containers on it are gone.
    for kind in [ObjectKind::Container, ObjectKind::Network, ObjectKind::Volume] {
        let of_kind: Vec<_> =
            found.iter().filter(|orphan| orphan.object.kind == kind).cloned().collect();
        let mut outcomes = stream::iter(of_kind)
            .map(|orphan| async {
                let outcome = remove(&api.state, &orphan, request.volumes, until).await;
                (orphan, outcome)
            })
            .buffered(AT_ONCE);
        while let Some((orphan, outcome)) = outcomes.next().await {
            note(&caller, &orphan, &outcome);
            match outcome {
                Outcome::Deleted => response.deleted.push(orphan),
                Outcome::Kept(why) => response.kept.push(NotDeleted { orphan, why }),
                Outcome::Failed(why) => response.failed.push(NotDeleted { orphan, why }),
            }
        }
    }
    Ok(Json(response))
}

enum Outcome {
    Deleted,
    Kept(String),
    Failed(String),
}

async fn look(state: &State, owner: Option<&Owner>) -> Result<OrphanReport, Problem> {
    let stock = state.inventory.stock().await?;
    let workspaces = state.workspaces.list().await?;
    let mut report = orphans(&stock, &workspaces, &state.policy);
    if let Some(owner) = owner {
        report.orphans.retain(|orphan| orphan.object.owner.as_deref() == Some(owner.as_str()));
        report.missing.retain(|missing| missing.workspace.owner == *owner);
    }
    Ok(report)
}

async fn remove(state: &State, orphan: &Orphan, volumes: bool, until: Instant) -> Outcome {
    if !orphan.is_deletable(volumes) {
        return Outcome::Kept(orphan.fate.to_string());
    }
    if Instant::now() > until {
        return Outcome::Kept("was not reached in time; ask again".to_owned());
    }
    match has_become_its_workspaces(state, orphan).await {
        Ok(false) => {}
        Ok(true) => return Outcome::Kept("is its workspace's own by now".to_owned()),
        Err(why) => return Outcome::Failed(why),
    }
    match state.inventory.remove(&orphan.object, volumes).await {
        Ok(Removal::Removed | Removal::Gone) => Outcome::Deleted,
        Ok(Removal::InUse) => Outcome::Kept("is used by a container".to_owned()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// A pass that lost its container since may have taken up the second one.
async fn has_become_its_workspaces(state: &State, orphan: &Orphan) -> Result<bool, String> {
    let Some(id) = orphan.object.workspace else { return Ok(false) };
    if orphan.reason != OrphanReason::SecondContainer {
        return Ok(false);
    }
    let workspace = state.workspaces.get(id).await.map_err(|error| error.to_string())?;
    let recorded = workspace.as_ref().and_then(|workspace| workspace.status.container.as_ref());
    Ok(recorded.is_some_and(|container| container.id.as_str() == orphan.object.id))
}

/// Nothing else keeps in mind what was removed without a workspace, and by whom.
fn note(caller: &Caller, orphan: &Orphan, outcome: &Outcome) {
    let (actor, name, id) = (&caller.actor, &orphan.object.name, &orphan.object.id);
    let kind = orphan.object.kind.as_str();
    match outcome {
        Outcome::Deleted => tracing::info!(actor, kind, name, id, "an orphan was deleted"),
        Outcome::Kept(why) => tracing::debug!(actor, kind, name, id, why, "an orphan was kept"),
        Outcome::Failed(why) => {
            tracing::warn!(actor, kind, name, id, why, "an orphan could not be deleted");
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        Self::new(ProblemKind::Unavailable, format!("the engine did not do it: {error}"))
    }
}
