//! The queries. They run on a reading connection, or on the writing one inside its transaction.

use super::row;
use crate::Error;
use sqlx::{QueryBuilder, Row, SqliteExecutor};
use std::collections::HashMap;
use trueup_domain::{
    event::Event,
    id::{ContainerId, EventId, WorkspaceId},
    name::WorkspaceKey,
    pass::Pass,
    port::{ErrorCount, EventQuery, RetryState},
    workspace::Workspace,
};

/// How many events one query answers with at most.
const EVENTS_AT_ONCE: u32 = 1000;
const ROWS_WITHOUT_A_BREAK: usize = 256;

macro_rules! select_workspaces {
    ($rest:literal) => {
        concat!(
            "SELECT w.id, w.owner, w.name, w.labels, w.spec, w.generation, w.resource_version, \
             w.created_at, w.adopted, w.deletion, s.status \
             FROM workspaces w LEFT JOIN statuses s ON s.workspace_id = w.id ",
            $rest
        )
    };
}

/// SQLite takes a column that is not aggregated from the row that has the `max`, by its documentation.
macro_rules! select_errors {
    ($rest:literal) => {
        concat!(
            "SELECT workspace_id, count(*) AS count, max(id) AS id, time \
             FROM events WHERE type = 'error' ",
            $rest
        )
    };
}

pub(super) async fn workspace(
    executor: impl SqliteExecutor<'_>,
    id: WorkspaceId,
) -> Result<Option<Workspace>, Error> {
    let row = sqlx::query(select_workspaces!("WHERE w.id = ?1"))
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(row::workspace).transpose()
}

pub(super) async fn workspace_called(
    executor: impl SqliteExecutor<'_>,
    key: &WorkspaceKey,
) -> Result<Option<Workspace>, Error> {
    let row = sqlx::query(select_workspaces!("WHERE w.owner = ?1 AND w.name = ?2"))
        .bind(key.owner.as_str())
        .bind(key.name.as_str())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(row::workspace).transpose()
}

/// What the workspace is called that has adopted the container.
pub(super) async fn adopter(
    executor: impl SqliteExecutor<'_>,
    container: &ContainerId,
) -> Result<Option<WorkspaceKey>, Error> {
    let row = sqlx::query(select_workspaces!("WHERE w.adopted = ?1"))
        .bind(container.as_str())
        .fetch_optional(executor)
        .await?;
    Ok(row.as_ref().map(row::workspace).transpose()?.map(|workspace| workspace.key()))
}

pub(super) async fn workspaces(executor: impl SqliteExecutor<'_>) -> Result<Vec<Workspace>, Error> {
    let rows =
        sqlx::query(select_workspaces!("ORDER BY w.owner, w.name")).fetch_all(executor).await?;
    let mut workspaces = Vec::with_capacity(rows.len());
    // Ten thousand specs take a while to read; others may want the thread in between.
    for chunk in rows.chunks(ROWS_WITHOUT_A_BREAK) {
        for row in chunk {
            workspaces.push(row::workspace(row)?);
        }
        tokio::task::yield_now().await;
    }
    Ok(workspaces)
}

pub(super) async fn passes(
    executor: impl SqliteExecutor<'_>,
    id: WorkspaceId,
    limit: u32,
) -> Result<Vec<Pass>, Error> {
    let rows = sqlx::query(
        "SELECT id, pass FROM passes WHERE workspace_id = ?1 ORDER BY id DESC LIMIT ?2",
    )
    .bind(id.to_string())
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.iter().map(row::pass).collect()
}

pub(super) async fn events(
    executor: impl SqliteExecutor<'_>,
    query: &EventQuery,
) -> Result<Vec<Event>, Error> {
    // A place that no event can have is simply after all of them.
    let after = i64::try_from(query.after.0).unwrap_or(i64::MAX);
    let limit = match query.limit {
        0 => EVENTS_AT_ONCE,
        limit => limit.min(EVENTS_AT_ONCE),
    };
    let mut sql = QueryBuilder::new(
        "SELECT id, time, type, actor, reason, message, old_status, new_status, trace_id, \
         workspace_id, owner, name FROM events WHERE id > ",
    );
    sql.push_bind(after);
    if let Some(id) = query.workspace {
        sql.push(" AND workspace_id = ").push_bind(id.to_string());
    }
    if let Some(key) = &query.key {
        sql.push(" AND owner = ").push_bind(key.owner.as_str());
        sql.push(" AND name = ").push_bind(key.name.as_str());
    }
    sql.push(" ORDER BY id LIMIT ").push_bind(limit);
    let rows = sql.build().fetch_all(executor).await?;
    rows.iter().map(row::event).collect()
}

pub(super) async fn retries(
    executor: impl SqliteExecutor<'_>,
) -> Result<Vec<(WorkspaceId, RetryState)>, Error> {
    let rows = sqlx::query(
        "SELECT workspace_id, failures, step, retry_at FROM retries ORDER BY workspace_id",
    )
    .fetch_all(executor)
    .await?;
    rows.iter().map(row::retry).collect()
}

pub(super) async fn newest_event(executor: impl SqliteExecutor<'_>) -> Result<EventId, Error> {
    let row =
        sqlx::query("SELECT coalesce(max(id), 0) AS id FROM events").fetch_one(executor).await?;
    // Ids come from AUTOINCREMENT, which begins at 1.
    Ok(EventId(row.try_get::<i64, _>("id")?.unsigned_abs()))
}

pub(super) async fn errors(
    executor: impl SqliteExecutor<'_>,
    workspace: WorkspaceId,
) -> Result<ErrorCount, Error> {
    let row = sqlx::query(select_errors!("AND workspace_id = ?1 GROUP BY workspace_id"))
        .bind(workspace.to_string())
        .fetch_optional(executor)
        .await?;
    let found = row.as_ref().map(row::errors).transpose()?;
    Ok(found.map(|(_, errors)| errors).unwrap_or_default())
}

pub(super) async fn all_errors(
    executor: impl SqliteExecutor<'_>,
) -> Result<HashMap<WorkspaceId, ErrorCount>, Error> {
    let rows = sqlx::query(select_errors!("GROUP BY workspace_id")).fetch_all(executor).await?;
    rows.iter().map(row::errors).collect()
}
