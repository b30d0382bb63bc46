//! Usage: the newest figures of a selection, each and together, and the history of one workspace.
//!
//! Figures are looked up in memory, history in the store; nothing is measured because somebody asks.

mod grouping;
mod moment;
mod stream;

pub(super) use stream::stream;

use super::{
    answer::bad_request,
    extract::{Key, Parameters},
    state::{Api, State},
    view::{Selection, errors_of, find, metrics, select},
};
use crate::{
    Problem,
    wire::{UsageGroup, UsageGroups, UsageHistory, UsageList, UsageSource, WorkspaceUsage},
};
use axum::{
    Json, extract,
    response::{IntoResponse, Response},
};
use grouping::Grouping;
use jiff::Timestamp;
use moment::{Length, Moment};
use std::{collections::BTreeMap, time::Duration};
use trueup_domain::{
    port::ErrorCount,
    usage::{Range, Resolution, Summary},
    workspace::Workspace,
};

/// How far back a history goes when nothing is said.
const SINCE: Duration = Duration::from_hours(1);

/// What the selected workspaces use now: each of them, or by group.
pub(super) async fn now(
    extract::State(api): extract::State<Api>,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let selection = Selection::read(&mut parameters)?;
    let grouping = parameters.take::<Grouping>("by")?;
    parameters.finish()?;
    let (selected, errors) = select(&api.state, &selection).await?;
    let source = UsageSource::from(api.state.usage.engine_source());
    let mut summary = Summary::default();
    let mut groups = BTreeMap::<Option<String>, Summary>::new();
    let mut items = Vec::new();
    for workspace in &selected {
        let usage = api.state.usage.usage(workspace.id);
        let status = workspace.status.status;
        summary.add(status, usage.as_ref());
        match &grouping {
            Some(grouping) => {
                groups.entry(grouping.of(workspace)).or_default().add(status, usage.as_ref());
            }
            None => items.push(item(&api.state, workspace, errors_of(&errors, workspace))),
        }
    }
    if grouping.is_none() {
        return Ok(Json(UsageList { items, summary, source }).into_response());
    }
    let groups = groups.into_iter().map(|(group, summary)| UsageGroup { group, summary }).collect();
    Ok(Json(UsageGroups { groups, summary, source }).into_response())
}

fn item(state: &State, workspace: &Workspace, errors: ErrorCount) -> WorkspaceUsage {
    WorkspaceUsage {
        workspace_id: workspace.id,
        workspace: workspace.key(),
        status: Some(workspace.status.status),
        phase: Some(workspace.phase()),
        metrics: metrics(state, workspace.id, Some(&errors)),
    }
}

/// What one workspace used over time.
pub(super) async fn history(
    extract::State(api): extract::State<Api>,
    Key(key): Key,
    mut parameters: Parameters,
) -> Result<Json<UsageHistory>, Problem> {
    let state = &api.state;
    let now = state.clock.now();
    let range = range(&mut parameters, now)?;
    parameters.finish()?;
    let workspace = find(state, &key).await?;
    let points = state.usage_log.history(workspace.id, &range, now).await?;
    let kept = Resolution::for_range(range.since, range.step, now).step();
    let Range { since, until, step } = range;
    Ok(Json(UsageHistory {
        points,
        step: step.max(kept).into(),
        since,
        until,
        source: state.usage.source(workspace.id).map(UsageSource::from),
    }))
}

fn range(parameters: &mut Parameters, now: Timestamp) -> Result<Range, Problem> {
    let mut at = |name: &str, otherwise: Duration| {
        let moment = parameters.take(name)?.unwrap_or(Moment::Before(otherwise));
        moment.at(now).ok_or_else(|| bad_request(format!("`{name}` is too far away")))
    };
    let (since, until) = (at("since", SINCE)?, at("until", Duration::ZERO)?);
    if since >= until {
        return Err(bad_request(format!("`since` ({since}) is not before `until` ({until})")));
    }
    let step = parameters.take("step")?.map_or(Duration::ZERO, |Length(step)| step);
    Ok(Range { since, until, step })
}
