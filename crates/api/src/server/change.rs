//! Changing one workspace: its desired state, its end, and having it reconciled now.

use super::{
    answer::bad_request,
    extract::{Body, Caller, Key, Parameters},
    state::{Api, State},
    view::{find, overlay},
};
use crate::{
    Problem, ProblemKind,
    wire::{Applied, Outcome, StateRequest, SyncResponse, Verb},
};
use axum::{Json, extract, http::StatusCode};
use trueup_domain::{
    id::ResourceVersion,
    pass::CauseKind,
    port::{SpecWrite, Written},
};

pub(super) async fn set_state(
    extract::State(api): extract::State<Api>,
    Key(key): Key,
    extract::Path((_, _, verb)): extract::Path<(String, String, String)>,
    parameters: Parameters,
    request: ChangeRequest,
) -> Result<Json<Applied>, Problem> {
    parameters.finish()?;
    let verb: Verb = verb.parse().map_err(|why| Problem::new(ProblemKind::NotFound, why))?;
    let write = SpecWrite::SetState {
        key,
        state: verb.state(),
        renew: verb == Verb::Resume,
        expected: request.seen.resource_version,
    };
    write_one(&api.state, write, &request.caller, verb.as_str()).await.map(Json)
}

pub(super) async fn delete(
    extract::State(api): extract::State<Api>,
    Key(key): Key,
    caller: Caller,
    mut parameters: Parameters,
) -> Result<(StatusCode, Json<Applied>), Problem> {
    let volumes = parameters.take("volumes")?.unwrap_or(false);
    let expected = parameters.take("resourceVersion")?.map(ResourceVersion);
    parameters.finish()?;
    let write = SpecWrite::Delete { key, volumes, expected };
    let applied = write_one(&api.state, write, &caller, "delete").await?;
    Ok((StatusCode::ACCEPTED, Json(applied)))
}

pub(super) async fn sync(
    extract::State(api): extract::State<Api>,
    Key(key): Key,
    parameters: Parameters,
    caller: Caller,
) -> Result<(StatusCode, Json<SyncResponse>), Problem> {
    parameters.finish()?;
    let workspace = find(&api.state, &key).await?;
    api.state.live.request_sync(workspace.id, caller.cause(CauseKind::Sync, ""));
    Ok((StatusCode::ACCEPTED, Json(SyncResponse { requested: 1 })))
}

pub(super) async fn sync_all(
    extract::State(api): extract::State<Api>,
    parameters: Parameters,
    caller: Caller,
) -> Result<(StatusCode, Json<SyncResponse>), Problem> {
    parameters.finish()?;
    let all = api.state.workspaces.list().await?;
    for workspace in &all {
        api.state.live.request_sync(workspace.id, caller.cause(CauseKind::Sync, "all"));
    }
    Ok((StatusCode::ACCEPTED, Json(SyncResponse { requested: all.len() })))
}

/// What every change of the state carries besides its path.
pub(super) struct ChangeRequest {
    caller: Caller,
    seen: StateRequest,
}

impl extract::FromRequest<Api> for ChangeRequest {
    type Rejection = Problem;
    async fn from_request(request: extract::Request, api: &Api) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller =
            <Caller as extract::FromRequestParts<Api>>::from_request_parts(&mut parts, api);
        let caller = caller.await?;
        let Body(seen) = Body::from_request(extract::Request::from_parts(parts, body), api).await?;
        Ok(Self { caller, seen })
    }
}

async fn write_one(
    state: &State,
    write: SpecWrite,
    caller: &Caller,
    verb: &str,
) -> Result<Applied, Problem> {
    let written = state.workspaces.write(vec![write], &caller.actor, state.clock.now()).await?;
    let one = written.into_iter().next().ok_or_else(|| bad_request("nothing was written"))?;
    Ok(report(state, &one, caller, verb))
}

/// Says what came of a write, and ties the pass that follows to the caller's trace.
///
/// The store's own news wakes that pass; only a caller that traces needs a cause that says so.
pub(super) fn report(state: &State, written: &Written, caller: &Caller, verb: &str) -> Applied {
    let (outcome, workspace) = match written {
        Written::Created(workspace) => (Outcome::Created, workspace),
        Written::Changed(workspace) => (Outcome::Configured, workspace),
        Written::Unchanged(workspace) => (Outcome::Unchanged, workspace),
    };
    if outcome != Outcome::Unchanged && caller.traceparent.is_some() {
        state.live.request_sync(workspace.id, caller.cause(CauseKind::SpecChange, verb));
    }
    Applied { key: workspace.key(), outcome, workspace: Some(overlay(state, workspace, None)) }
}
