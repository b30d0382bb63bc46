//! About the controller itself: alive, ready, which version, and its metrics.

use super::{
    answer::describe,
    extract::Parameters,
    state::{Api, EngineStatus, State},
};
use crate::{
    Problem, ProblemKind,
    wire::{Check, Health, VersionInfo},
};
use axum::{
    Json, extract,
    http::{StatusCode, header},
    response::IntoResponse,
};
use std::time::Duration;

/// The format of what a collector of metrics is answered.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long the store may take to prove itself.
const STORE_DEADLINE: Duration = Duration::from_secs(2);

/// Alive: the process answers. Looks at nothing else, so that trouble elsewhere gets nobody to
/// restart it.
pub(super) async fn healthz(parameters: Parameters) -> Result<Json<Health>, Problem> {
    parameters.finish()?;
    Ok(Json(Health { ok: true, checks: Vec::new() }))
}

/// Ready: the store answers and takes writes, and the engine can be watched.
pub(super) async fn readyz(
    extract::State(api): extract::State<Api>,
    parameters: Parameters,
) -> Result<(StatusCode, Json<Health>), Problem> {
    parameters.finish()?;
    let checks = vec![check_store(&api.state).await, check_engine(&api.state)];
    let ok = checks.iter().all(|check| check.ok);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(Health { ok, checks })))
}

pub(super) async fn version(
    extract::State(api): extract::State<Api>,
    parameters: Parameters,
) -> Result<Json<VersionInfo>, Problem> {
    parameters.finish()?;
    Ok(Json(api.state.version.clone()))
}

/// The metrics, in the one format that there is, whatever the collector says it would accept: those
/// of today all read it.
pub(super) async fn metrics(
    extract::State(api): extract::State<Api>,
    parameters: Parameters,
) -> Result<impl IntoResponse, Problem> {
    parameters.finish()?;
    let text = api.state.metrics.text().map_err(|_| {
        tracing::error!("the metrics could not be written down");
        Problem::new(ProblemKind::Other, "the metrics could not be written down")
    })?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text))
}

async fn check_store(state: &State) -> Check {
    let failure = match tokio::time::timeout(STORE_DEADLINE, state.events.newest_event()).await {
        Ok(Ok(_)) => state.workspaces.health().err(),
        Ok(Err(error)) => Some(describe(&error)),
        Err(_) => Some(format!("no answer within {} s", STORE_DEADLINE.as_secs())),
    };
    check("store", failure)
}

fn check_engine(state: &State) -> Check {
    check(
        "engine",
        match state.live.engine_status() {
            EngineStatus::Reachable => None,
            EngineStatus::Unreachable(why) => Some(why),
        },
    )
}

fn check(name: &str, failure: Option<String>) -> Check {
    Check { name: name.to_owned(), ok: failure.is_none(), message: failure.unwrap_or_default() }
}
