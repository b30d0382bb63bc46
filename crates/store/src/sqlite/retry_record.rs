//! Carrying out what the queue records of its failures.
//!
//! Nothing is announced: nobody but the queue has a use for it, and the queue knows it already.

use super::job::Operation;
use crate::Error;
use async_trait::async_trait;
use sqlx::SqliteConnection;
use trueup_domain::{
    error::StoreError,
    id::WorkspaceId,
    port::{Change, RetryState},
};

/// All changes of one call, in their order.
pub(super) struct RecordRetries {
    pub(super) changes: Vec<(WorkspaceId, Option<RetryState>)>,
}

#[async_trait]
impl Operation for RecordRetries {
    /// How many rows were written or removed.
    type Reply = u64;
    const NAME: &'static str = "record retries";

    async fn carry_out(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(u64, Vec<Change>), StoreError> {
        let mut written = 0;
        for (id, state) in &self.changes {
            let done = match state {
                Some(state) => store(connection, *id, state).await,
                None => forget(connection, *id).await,
            };
            written += done.map_err(|error| error.during(Self::NAME))?;
        }
        Ok((written, Vec::new()))
    }

    fn has_written(written: &u64, _news: &[Change]) -> bool {
        *written > 0
    }
}

/// Taken from `workspaces`, so that one that is gone is no row rather than a broken reference.
async fn store(
    connection: &mut SqliteConnection,
    id: WorkspaceId,
    state: &RetryState,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "INSERT INTO retries (workspace_id, failures, step, retry_at) \
         SELECT id, ?2, ?3, ?4 FROM workspaces WHERE id = ?1 \
         ON CONFLICT (workspace_id) DO UPDATE SET failures = excluded.failures, \
         step = excluded.step, retry_at = excluded.retry_at",
    )
    .bind(id.to_string())
    .bind(state.failures)
    .bind(state.step)
    .bind(state.retry_at.map(|time| time.to_string()))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

async fn forget(connection: &mut SqliteConnection, id: WorkspaceId) -> Result<u64, Error> {
    let done = sqlx::query("DELETE FROM retries WHERE workspace_id = ?1")
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
