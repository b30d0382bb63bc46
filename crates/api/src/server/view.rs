//! Reading: workspaces as they are stored, overlaid with what the running controller knows.

use super::{
    answer::bad_request,
    extract::{Key, Parameters},
    state::{Api, State},
};
use crate::{
    Problem, ProblemKind,
    wire::{PassList, UsageSource, WorkspaceList, WorkspaceMetrics, WorkspaceView},
};
use axum::{Json, extract};
use futures::future;
use serde::{
    Deserialize,
    de::{IntoDeserializer, value::Error as WordError},
};
use std::{collections::HashMap, str::FromStr, sync::Arc};
use trueup_domain::{
    id::WorkspaceId,
    name::{Owner, WorkspaceKey},
    port::ErrorCount,
    status::Phase,
    workspace::Workspace,
};

const PASSES: u32 = 10;
const MOST_PASSES: u32 = 1000;

pub(super) async fn list(
    extract::State(api): extract::State<Api>,
    mut parameters: Parameters,
) -> Result<Json<WorkspaceList>, Problem> {
    let selection = Selection::read(&mut parameters)?;
    parameters.finish()?;
    let (selected, errors) = select(&api.state, &selection).await?;
    let items = selected
        .iter()
        .map(|workspace| overlay(&api.state, workspace, Some(&errors_of(&errors, workspace))))
        .collect();
    Ok(Json(WorkspaceList { items }))
}

pub(super) async fn get(
    extract::State(api): extract::State<Api>,
    Key(key): Key,
    parameters: Parameters,
) -> Result<Json<WorkspaceView>, Problem> {
    parameters.finish()?;
    let workspace = find(&api.state, &key).await?;
    let errors = api.state.events.errors(workspace.id).await?;
    Ok(Json(overlay(&api.state, &workspace, Some(&errors))))
}

pub(super) async fn passes(
    extract::State(api): extract::State<Api>,
    Key(key): Key,
    mut parameters: Parameters,
) -> Result<Json<PassList>, Problem> {
    let limit = parameters.take("limit")?.unwrap_or(PASSES).clamp(1, MOST_PASSES);
    parameters.finish()?;
    let workspace = find(&api.state, &key).await?;
    let items = api.state.passes.passes(workspace.id, limit).await?;
    Ok(Json(PassList { items }))
}

/// The workspace of that name, or the problem that there is none.
pub(super) async fn find(state: &State, key: &WorkspaceKey) -> Result<Arc<Workspace>, Problem> {
    let found = state.workspaces.find(key).await?;
    found.ok_or_else(|| Problem::new(ProblemKind::NotFound, format!("no workspace {key}")))
}

/// The selected workspaces by owner and name, and the errors of all that have any.
pub(super) async fn select(
    state: &State,
    selection: &Selection,
) -> Result<(Vec<Arc<Workspace>>, ErrorCounts), Problem> {
    let (mut all, errors) =
        future::try_join(state.workspaces.list(), state.events.all_errors()).await?;
    all.retain(|workspace| selection.takes(workspace));
    Ok((all, errors))
}

/// By the workspace's identity; who has none has no entry.
pub(super) type ErrorCounts = HashMap<WorkspaceId, ErrorCount>;

/// The errors of one of them.
pub(super) fn errors_of(errors: &ErrorCounts, workspace: &Workspace) -> ErrorCount {
    errors.get(&workspace.id).copied().unwrap_or_default()
}

/// The workspace as the API shows it. Without errors it is not said whether it had any.
pub(super) fn overlay(
    state: &State,
    workspace: &Workspace,
    errors: Option<&ErrorCount>,
) -> WorkspaceView {
    let metrics = metrics(state, workspace.id, errors);
    let live = state.live.live(workspace.id);
    let mut workspace = workspace.clone();
    workspace.status.phase = workspace.phase();
    if let Some(live) = &live {
        let status = &mut workspace.status;
        status.sync_attempts = status.sync_attempts.max(live.sync_attempts);
        status.last_sync_attempt = status.last_sync_attempt.max(live.last_sync_attempt);
    }
    WorkspaceView { workspace, live, metrics }
}

/// What it uses now.
pub(super) fn metrics(
    state: &State,
    id: WorkspaceId,
    errors: Option<&ErrorCount>,
) -> WorkspaceMetrics {
    let usage = state.usage.usage(id);
    let source = state.usage.source(id).map(UsageSource::from);
    WorkspaceMetrics { source, ..WorkspaceMetrics::new(usage.as_ref(), errors, state.clock.now()) }
}

/// Which workspaces are listed: those that match everything that is given.
pub(super) struct Selection {
    owner: Option<Owner>,
    labels: Vec<(String, String)>,
    phase: Option<Phase>,
}

impl Selection {
    /// Takes its part of the parameters.
    pub(super) fn read(parameters: &mut Parameters) -> Result<Self, Problem> {
        let owner = parameters.take("owner")?;
        let phase = parameters.take::<PhaseWord>("phase")?.map(|PhaseWord(phase)| phase);
        let split = |label: String| match label.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(bad_request(format!("parameter `label`: `{label}` is not `key=value`"))),
        };
        let labels =
            parameters.take_all("label").into_iter().map(split).collect::<Result<_, _>>()?;
        Ok(Self { owner, labels, phase })
    }

    fn takes(&self, workspace: &Workspace) -> bool {
        let labels = &workspace.metadata.labels;
        let has = |(key, value): &(String, String)| {
            labels.iter().any(|(k, v)| k.as_str() == key && v == value)
        };
        self.owner.as_ref().is_none_or(|owner| *owner == workspace.metadata.owner)
            && self.phase.is_none_or(|phase| phase == workspace.phase())
            && self.labels.iter().all(has)
    }
}

/// A phase by its name.
struct PhaseWord(Phase);

impl FromStr for PhaseWord {
    type Err = WordError;
    fn from_str(word: &str) -> Result<Self, WordError> {
        Phase::deserialize(word.into_deserializer()).map(Self)
    }
}
