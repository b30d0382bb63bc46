//! Between rows and values, both ways.
//!
//! A row that cannot be read is an error that names it. It is never skipped: a workspace left out of a
//! list would look like one that is gone.

use crate::Error;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{Row, sqlite::SqliteRow};
use std::{error, str::FromStr};
use trueup_domain::{
    event::{Event, NewEvent},
    id::{ContainerId, EventId, Generation, ResourceVersion, WorkspaceId},
    name::WorkspaceKey,
    pass::Pass,
    port::{ErrorCount, RetryState},
    spec::Metadata,
    status::{Status, WorkspaceStatus},
    workspace::Workspace,
};

type Cause = Box<dyn error::Error + Send + Sync>;

/// A workspace from the columns of `workspaces` and the `status`, which is NULL before the first pass.
pub(super) fn workspace(row: &SqliteRow) -> Result<Workspace, Error> {
    let read = || {
        let status: Option<String> = row.try_get("status")?;
        let adopted: Option<String> = row.try_get("adopted")?;
        let deletion: Option<String> = row.try_get("deletion")?;
        let WorkspaceKey { owner, name } = key(row)?;
        Ok(Workspace {
            id: text(row, "id")?,
            metadata: Metadata { name, owner, labels: json(row, "labels")? },
            spec: json(row, "spec")?,
            generation: Generation(count(row, "generation")?),
            resource_version: ResourceVersion(count(row, "resource_version")?),
            created_at: text(row, "created_at")?,
            adopted: adopted.map(ContainerId::new),
            deletion: deletion.as_deref().map(serde_json::from_str).transpose()?,
            status: match status.as_deref() {
                Some(status) => serde_json::from_str(status)?,
                None => Status::default(),
            },
        })
    };
    read().map_err(|source| unreadable("workspaces", row.try_get::<String, _>("id"), source))
}

/// An entry of the log.
pub(super) fn event(row: &SqliteRow) -> Result<Event, Error> {
    let read = || {
        Ok(Event {
            id: EventId(count(row, "id")?),
            workspace_id: text::<WorkspaceId>(row, "workspace_id")?,
            workspace: key(row)?,
            what: NewEvent {
                time: text::<Timestamp>(row, "time")?,
                kind: serde_json::from_value(Value::String(row.try_get("type")?))?,
                actor: row.try_get("actor")?,
                reason: row.try_get("reason")?,
                message: row.try_get("message")?,
                old_status: status_word(row, "old_status")?,
                new_status: status_word(row, "new_status")?,
                trace_id: row.try_get("trace_id")?,
            },
        })
    };
    read().map_err(|source| unreadable("events", row.try_get::<i64, _>("id"), source))
}

/// The record of one pass.
pub(super) fn pass(row: &SqliteRow) -> Result<Pass, Error> {
    json(row, "pass").map_err(|source| unreadable("passes", row.try_get::<i64, _>("id"), source))
}

/// The failures of a workspace.
pub(super) fn retry(row: &SqliteRow) -> Result<(WorkspaceId, RetryState), Error> {
    let read = || {
        let retry_at: Option<String> = row.try_get("retry_at")?;
        let state = RetryState {
            failures: count(row, "failures")?.try_into()?,
            step: count(row, "step")?.try_into()?,
            retry_at: retry_at.as_deref().map(str::parse).transpose()?,
        };
        Ok((text(row, "workspace_id")?, state))
    };
    read().map_err(|source| unreadable("retries", row.try_get::<String, _>("workspace_id"), source))
}

/// The errors of a workspace.
pub(super) fn errors(row: &SqliteRow) -> Result<(WorkspaceId, ErrorCount), Error> {
    let read = || {
        let errors = ErrorCount { count: count(row, "count")?, last: Some(text(row, "time")?) };
        Ok((text(row, "workspace_id")?, errors))
    };
    read().map_err(|source| unreadable("events", row.try_get::<i64, _>("id"), source))
}

/// A value as the text of a JSON document.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Unstorable(error.into()))
}

/// A counter as SQLite has them: signed.
pub(super) fn to_integer(count: u64) -> Result<i64, Error> {
    i64::try_from(count).map_err(|error| Error::Unstorable(error.into()))
}

/// A counter as it comes from SQLite.
pub(super) fn count(row: &SqliteRow, column: &str) -> Result<u64, Cause> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?)?)
}

fn key(row: &SqliteRow) -> Result<WorkspaceKey, Cause> {
    Ok(WorkspaceKey { owner: text(row, "owner")?, name: text(row, "name")? })
}

fn text<T>(row: &SqliteRow, column: &str) -> Result<T, Cause>
where
    T: FromStr<Err: Into<Cause>>,
{
    row.try_get::<String, _>(column)?.parse().map_err(Into::into)
}

fn json<T: serde::de::DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T, Cause> {
    Ok(serde_json::from_str(row.try_get(column)?)?)
}

fn status_word(row: &SqliteRow, column: &str) -> Result<Option<WorkspaceStatus>, Cause> {
    let word: Option<String> = row.try_get(column)?;
    Ok(word.map(|word| serde_json::from_value(Value::String(word))).transpose()?)
}

fn unreadable(table: &'static str, id: Result<impl ToString, sqlx::Error>, source: Cause) -> Error {
    let id = id.map_or_else(|_| "?".to_owned(), |id| id.to_string());
    Error::Unreadable { table, id, source }
}
