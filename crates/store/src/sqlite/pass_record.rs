//! Carrying out what passes record.

use super::{
    job::Operation,
    read,
    row::{to_integer, to_json},
    spec_write::append_event,
};
use crate::{Error, decision::is_current};
use async_trait::async_trait;
use sqlx::SqliteConnection;
use std::sync::Arc;
use trueup_domain::{
    error::StoreError,
    event::Event,
    id::WorkspaceId,
    port::{Change, PassRecord, Recorded},
    status::Status,
    workspace::Workspace,
};

/// A pass's record, and how much history stays.
pub(super) struct RecordPass {
    pub(super) record: PassRecord,
    pub(super) passes_per_workspace: u32,
    pub(super) passes_of_removed: u32,
}

#[async_trait]
impl Operation for RecordPass {
    type Reply = Recorded;
    const NAME: &'static str = "record pass";

    async fn carry_out(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(Recorded, Vec<Change>), StoreError> {
        self.store(connection).await.map_err(|error| error.during(Self::NAME))
    }
}

impl RecordPass {
    async fn store(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(Recorded, Vec<Change>), Error> {
        let record = &self.record;
        let Some(stored) = read::workspace(&mut *connection, record.workspace).await? else {
            return Ok((Recorded::Stale, Vec::new()));
        };
        if !is_current(record, &stored)? {
            return Ok((Recorded::Stale, Vec::new()));
        }
        let events = self.append(connection, &stored).await?;
        if record.remove {
            self.remove(connection).await?;
            let change = Change::Workspace { old: Some(Arc::new(stored)), new: None, events };
            return Ok((Recorded::Removed, vec![change]));
        }
        store_status(connection, record.workspace, &record.status).await?;
        let new = Arc::new(Workspace { status: record.status.clone(), ..stored.clone() });
        let old = Some(Arc::new(stored));
        let change = Change::Workspace { old, new: Some(new.clone()), events };
        Ok((Recorded::Stored(new), vec![change]))
    }

    /// Appends the events, and the pass to the history, whose oldest entries give way.
    async fn append(
        &self,
        connection: &mut SqliteConnection,
        stored: &Workspace,
    ) -> Result<Arc<[Event]>, Error> {
        let mut events = Vec::with_capacity(self.record.events.len());
        for event in &self.record.events {
            events.push(append_event(connection, stored, event.clone()).await?);
        }
        let id = stored.id.to_string();
        sqlx::query("INSERT INTO passes (workspace_id, pass) VALUES (?1, ?2)")
            .bind(&id)
            .bind(to_json(&self.record.pass)?)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "DELETE FROM passes WHERE workspace_id = ?1 AND id <= (SELECT id FROM passes \
             WHERE workspace_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(&id)
        .bind(self.passes_per_workspace)
        .execute(connection)
        .await?;
        Ok(events.into())
    }

    /// Removes the row, its status and retries with it, and counts its history among that of the removed.
    async fn remove(&self, connection: &mut SqliteConnection) -> Result<(), Error> {
        let id = self.record.workspace.to_string();
        sqlx::query("DELETE FROM workspaces WHERE id = ?1")
            .bind(&id)
            .execute(&mut *connection)
            .await?;
        sqlx::query("UPDATE passes SET gone = 1 WHERE workspace_id = ?1")
            .bind(&id)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "DELETE FROM passes WHERE gone = 1 AND id <= (SELECT id FROM passes \
             WHERE gone = 1 ORDER BY id DESC LIMIT 1 OFFSET ?1)",
        )
        .bind(self.passes_of_removed)
        .execute(connection)
        .await?;
        Ok(())
    }
}

async fn store_status(
    connection: &mut SqliteConnection,
    id: WorkspaceId,
    status: &Status,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO statuses (workspace_id, observed_generation, status) VALUES (?1, ?2, ?3) \
         ON CONFLICT (workspace_id) DO UPDATE SET \
         observed_generation = excluded.observed_generation, status = excluded.status",
    )
    .bind(id.to_string())
    .bind(to_integer(status.observed_generation.0)?)
    .bind(to_json(status)?)
    .execute(connection)
    .await?;
    Ok(())
}
