//! Applying manifests: all of them are good and written in one transaction, or none is.

use super::{
    change::report,
    extract::{Body, Caller, Parameters},
    state::{Api, State},
    view::overlay,
};
use crate::{
    ItemProblem, Problem, ProblemKind,
    wire::{Applied, ApplyRequest, ApplyResponse, Outcome},
};
use axum::{Json, extract};
use serde_json::Value;
use std::collections::HashSet;
use trueup_domain::{
    error::StoreError,
    manifest::{self, Manifest},
    port::SpecWrite,
    spec::Spec,
};

pub(super) async fn apply(
    extract::State(api): extract::State<Api>,
    parameters: Parameters,
    caller: Caller,
    Body(request): Body<ApplyRequest>,
) -> Result<Json<ApplyResponse>, Problem> {
    parameters.finish()?;
    let manifests = check(&api.state, request.manifests).await?;
    let items = if request.dry_run {
        preview(&api.state, manifests).await?
    } else {
        write(&api.state, manifests, &caller).await?
    };
    Ok(Json(ApplyResponse { dry_run: request.dry_run, items }))
}

/// Reads and admits every manifest; the problem names all that are bad, not only the first.
async fn check(state: &State, values: Vec<Value>) -> Result<Vec<Manifest>, Problem> {
    let mut manifests = Vec::with_capacity(values.len());
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    for (index, value) in values.into_iter().enumerate() {
        let name = name_of(&value);
        match admit(state, value).await {
            Ok(manifest) if seen.insert(manifest.metadata.key()) => manifests.push(manifest),
            Ok(_) => errors.push((index, name, "is declared twice in one request".to_owned())),
            Err(why) => errors.push((index, name, why)),
        }
    }
    if errors.is_empty() {
        return Ok(manifests);
    }
    let mut problem = Problem::new(ProblemKind::BadManifest, "nothing was applied");
    problem.errors = errors
        .into_iter()
        .map(|(index, name, why)| ItemProblem { index, detail: format!("{name}: {why}") })
        .collect();
    Err(problem)
}

async fn admit(state: &State, value: Value) -> Result<Manifest, String> {
    let manifest = manifest::from_json(value)?;
    state.admit.admit(&manifest).await?;
    Ok(manifest)
}

/// What to call a manifest that may be bad.
fn name_of(value: &Value) -> String {
    let text = |field| value.pointer(&format!("/metadata/{field}")).and_then(Value::as_str);
    match (text("owner"), text("name")) {
        (Some(owner), Some(name)) => format!("{owner}/{name}"),
        (None, Some(name)) => name.to_owned(),
        _ => "a manifest without a name".to_owned(),
    }
}

async fn write(
    state: &State,
    manifests: Vec<Manifest>,
    caller: &Caller,
) -> Result<Vec<Applied>, Problem> {
    let writes = manifests.into_iter().map(|manifest| SpecWrite::Apply {
        id_if_new: state.clock.workspace_id(),
        metadata: manifest.metadata,
        spec: Box::new(manifest.spec),
        expected: None,
    });
    let now = state.clock.now();
    let written = state.workspaces.write(writes.collect(), &caller.actor, now).await?;
    Ok(written.iter().map(|one| report(state, one, caller, "apply")).collect())
}

/// What a write would come to, by the rules that the store has for it.
async fn preview(state: &State, manifests: Vec<Manifest>) -> Result<Vec<Applied>, Problem> {
    let mut items = Vec::with_capacity(manifests.len());
    for Manifest { metadata, spec, .. } in manifests {
        let key = metadata.key();
        let Some(stored) = state.workspaces.find(&key).await? else {
            items.push(Applied { key, outcome: Outcome::Created, workspace: None });
            continue;
        };
        if stored.deletion.is_some() {
            return Err(StoreError::Deleting { subject: key.to_string() }.into());
        }
        let spec = Spec { state: spec.state.or(stored.spec.state), ..spec };
        let same = spec == stored.spec && metadata == stored.metadata;
        let outcome = if same { Outcome::Unchanged } else { Outcome::Configured };
        items.push(Applied { key, outcome, workspace: Some(overlay(state, &stored, None)) });
    }
    Ok(items)
}
