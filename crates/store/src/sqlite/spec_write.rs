//! Carrying out what users write.

use super::{
    job::Operation,
    read,
    row::{to_integer, to_json},
};
use crate::{
    Error,
    decision::{Author, Draft, Verdict, decide, key_of},
};
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};
use std::sync::Arc;
use trueup_domain::{
    error::StoreError,
    event::{Event, NewEvent},
    id::{ContainerId, EventId, ResourceVersion},
    port::{Change, SpecWrite, Written},
    workspace::Workspace,
};

/// All writes of one call.
pub(super) struct SpecWrites {
    pub(super) writes: Vec<SpecWrite>,
    pub(super) actor: String,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Operation for SpecWrites {
    type Reply = Vec<Written>;
    const NAME: &'static str = "write workspaces";

    async fn carry_out(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(Vec<Written>, Vec<Change>), StoreError> {
        let author = Author { actor: &self.actor, now: self.now };
        let mut written = Vec::with_capacity(self.writes.len());
        let mut changes = Vec::new();
        // Each sees what those before it wrote, so that the same workspace may come several times.
        for write in &self.writes {
            let stored = read::workspace_called(&mut *connection, &key_of(write))
                .await
                .map_err(|error| error.during(Self::NAME))?;
            refuse_adopted_elsewhere(connection, write).await?;
            let verdict = decide(write, stored, author)?;
            let (outcome, change) =
                store(connection, verdict).await.map_err(|error| error.during(Self::NAME))?;
            written.push(outcome);
            changes.extend(change);
        }
        Ok((written, changes))
    }
}

/// A container is one workspace's; an index of the table holds it, too.
async fn refuse_adopted_elsewhere(
    connection: &mut SqliteConnection,
    write: &SpecWrite,
) -> Result<(), StoreError> {
    let SpecWrite::Adopt { container, metadata, .. } = write else { return Ok(()) };
    let adopter = read::adopter(connection, container).await;
    match adopter.map_err(|error| error.during(SpecWrites::NAME))? {
        Some(key) if key != metadata.key() => {
            Err(StoreError::Conflict { subject: format!("container {container} of {key}") })
        }
        _ => Ok(()),
    }
}

async fn store(
    connection: &mut SqliteConnection,
    verdict: Verdict,
) -> Result<(Written, Option<Change>), Error> {
    match verdict {
        Verdict::Unchanged(workspace) => Ok((Written::Unchanged(Arc::new(workspace)), None)),
        Verdict::Create(Draft { mut workspace, event }) => {
            workspace.resource_version = next_version(connection).await?;
            insert(connection, &workspace).await?;
            let new = Arc::new(workspace);
            let events = [append_event(connection, &new, event).await?].into();
            let change = Change::Workspace { old: None, new: Some(new.clone()), events };
            Ok((Written::Created(new), Some(change)))
        }
        Verdict::Change { old, draft: Draft { mut workspace, event } } => {
            workspace.resource_version = next_version(connection).await?;
            update(connection, &workspace).await?;
            let new = Arc::new(workspace);
            let events = [append_event(connection, &new, event).await?].into();
            let old = Some(Arc::from(old));
            let change = Change::Workspace { old, new: Some(new.clone()), events };
            Ok((Written::Changed(new), Some(change)))
        }
    }
}

/// One counter for the whole store, so that versions of different workspaces have an order too.
async fn next_version(connection: &mut SqliteConnection) -> Result<ResourceVersion, Error> {
    let row = sqlx::query(
        "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'resource_version' \
         RETURNING CAST(value AS INTEGER) AS version",
    )
    .fetch_one(connection)
    .await?;
    Ok(ResourceVersion(row.try_get::<i64, _>("version")?.unsigned_abs()))
}

async fn insert(connection: &mut SqliteConnection, workspace: &Workspace) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO workspaces (id, owner, name, labels, spec, generation, resource_version, \
         created_at, adopted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .bind(workspace.id.to_string())
    .bind(workspace.metadata.owner.as_str())
    .bind(workspace.metadata.name.as_str())
    .bind(to_json(&workspace.metadata.labels)?)
    .bind(to_json(&workspace.spec)?)
    .bind(to_integer(workspace.generation.0)?)
    .bind(to_integer(workspace.resource_version.0)?)
    .bind(workspace.created_at.to_string())
    .bind(workspace.adopted.as_ref().map(ContainerId::as_str))
    .execute(connection)
    .await?;
    Ok(())
}

async fn update(connection: &mut SqliteConnection, workspace: &Workspace) -> Result<(), Error> {
    sqlx::query(
        "UPDATE workspaces SET labels = ?2, spec = ?3, generation = ?4, resource_version = ?5, \
         deletion = ?6, adopted = ?7 WHERE id = ?1",
    )
    .bind(workspace.id.to_string())
    .bind(to_json(&workspace.metadata.labels)?)
    .bind(to_json(&workspace.spec)?)
    .bind(to_integer(workspace.generation.0)?)
    .bind(to_integer(workspace.resource_version.0)?)
    .bind(workspace.deletion.as_ref().map(to_json).transpose()?)
    .bind(workspace.adopted.as_ref().map(ContainerId::as_str))
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives an event its place at the end of the log.
pub(super) async fn append_event(
    connection: &mut SqliteConnection,
    workspace: &Workspace,
    what: NewEvent,
) -> Result<Event, Error> {
    let done = sqlx::query(
        "INSERT INTO events (time, type, actor, reason, message, old_status, new_status, trace_id, \
         workspace_id, owner, name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )
    .bind(what.time.to_string())
    .bind(what.kind.as_str())
    .bind(&what.actor)
    .bind(&what.reason)
    .bind(&what.message)
    .bind(what.old_status.map(|status| status.to_string()))
    .bind(what.new_status.map(|status| status.to_string()))
    .bind(&what.trace_id)
    .bind(workspace.id.to_string())
    .bind(workspace.metadata.owner.as_str())
    .bind(workspace.metadata.name.as_str())
    .execute(connection)
    .await?;
    // Ids come from AUTOINCREMENT, which begins at 1.
    let id = EventId(done.last_insert_rowid().unsigned_abs());
    Ok(Event { id, workspace_id: workspace.id, workspace: workspace.key(), what })
}
