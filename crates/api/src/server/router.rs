//! Which handler answers what.

use super::{
    adoption, apply, change, events, guard, health, orphans,
    state::{Api, Inner, State},
    usage, view,
};
use crate::{Problem, ProblemKind};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    middleware,
    routing::{get, post},
};
use std::{sync::Arc, time::Duration};

/// Room for some thousand manifests.
const LARGEST_BODY: usize = 4 << 20;
const DEADLINE: Duration = Duration::from_secs(30);

/// The routes, answered from this state. It is to be served by [`serve`](super::serve), which tells
/// it who asks.
pub fn router(state: State) -> Router {
    let api: Api = Arc::new(Inner::from(state));
    let quick = Router::new()
        .route("/v1/workspaces", get(view::list).post(apply::apply))
        .route("/v1/workspaces/{owner}/{name}", get(view::get).delete(change::delete))
        .route("/v1/workspaces/{owner}/{name}/passes", get(view::passes))
        .route("/v1/workspaces/{owner}/{name}/usage", get(usage::history))
        .route("/v1/workspaces/{owner}/{name}/sync", post(change::sync))
        .route("/v1/workspaces/{owner}/{name}/{verb}", post(change::set_state))
        .route("/v1/sync", post(change::sync_all))
        .route("/v1/adopt", post(adoption::adopt))
        .route("/v1/orphans", get(orphans::list))
        .route("/v1/usage", get(usage::now))
        .route("/v1/usage/stream", get(usage::stream))
        .route("/v1/version", get(health::version))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route_layer(middleware::from_fn_with_state(DEADLINE, guard::bound_time));
    let slow = Router::new().route("/v1/events", get(events::events)).route_layer(
        middleware::from_fn_with_state(events::LONGEST_WAIT + DEADLINE, guard::bound_time),
    );
    let sweeping = Router::new()
        .route("/v1/orphans/delete", post(orphans::delete))
        .route_layer(middleware::from_fn_with_state(orphans::DEADLINE, guard::bound_time));
    quick
        .merge(slow)
        .merge(sweeping)
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn(guard::refuse_browsers))
        .with_state(api)
}

async fn unknown_path(request: Request) -> Problem {
    let path = request.uri().path();
    Problem::new(ProblemKind::NotFound, format!("there is nothing at `{path}`"))
}

async fn wrong_method(request: Request) -> Problem {
    let detail = format!("`{}` does not take {}", request.uri().path(), request.method());
    Problem::new(ProblemKind::MethodNotAllowed, detail)
}
