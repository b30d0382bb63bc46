//! The ports, as calls to the writer and to the readers.
//!
//! A write has a span on its caller's side, so that in a trace it is a child of the pass or request
//! that made it, and covers its wait in the queue.

use super::{
    SqliteStore, health::root_cause, job::Operation, pass_record::RecordPass, read,
    retry_record::RecordRetries, spec_write::SpecWrites,
};
use crate::Error;
use async_trait::async_trait;
use jiff::Timestamp;
use std::{collections::HashMap, sync::Arc};
use tracing::{Instrument, Span, field::Empty, info_span};
use trueup_domain::{
    error::StoreError,
    event::Event,
    id::{EventId, WorkspaceId},
    name::WorkspaceKey,
    pass::Pass,
    port::{
        ErrorCount, EventLog, EventQuery, PassLog, PassRecord, Recorded, Retries, RetryState,
        SpecWrite, Workspaces, Written,
    },
    workspace::Workspace,
};

#[async_trait]
impl Workspaces for SqliteStore {
    async fn get(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, StoreError> {
        let found = self.read("read workspace", read::workspace(&self.readers, id)).await?;
        Ok(found.map(Arc::new))
    }

    async fn find(&self, key: &WorkspaceKey) -> Result<Option<Arc<Workspace>>, StoreError> {
        let found = read::workspace_called(&self.readers, key);
        Ok(self.read("find workspace", found).await?.map(Arc::new))
    }

    async fn list(&self) -> Result<Vec<Arc<Workspace>>, StoreError> {
        let all = self.read("list workspaces", read::workspaces(&self.readers)).await?;
        Ok(all.into_iter().map(Arc::new).collect())
    }

    async fn write(
        &self,
        writes: Vec<SpecWrite>,
        actor: &str,
        now: Timestamp,
    ) -> Result<Vec<Written>, StoreError> {
        let span = info_span!(
            "store.write",
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = "sqlite",
            db.operation.name = "write",
            db.operation.batch.size = writes.len(),
        );
        self.submit_in(span, SpecWrites { writes, actor: actor.to_owned(), now }).await
    }

    fn health(&self) -> Result<(), String> {
        self.place.check().map_err(|error| root_cause(&error))?;
        self.health.check()
    }
}

#[async_trait]
impl PassLog for SqliteStore {
    async fn record(&self, record: PassRecord) -> Result<Recorded, StoreError> {
        let span = info_span!(
            "store.record",
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = "sqlite",
            db.operation.name = "record",
        );
        let operation = RecordPass {
            record,
            passes_per_workspace: self.options.passes_per_workspace,
            passes_of_removed: self.options.passes_of_removed,
        };
        self.submit_in(span, operation).await
    }

    async fn passes(&self, id: WorkspaceId, limit: u32) -> Result<Vec<Pass>, StoreError> {
        self.read("read passes", read::passes(&self.readers, id, limit)).await
    }
}

#[async_trait]
impl EventLog for SqliteStore {
    async fn events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
        self.read("read events", read::events(&self.readers, query)).await
    }

    async fn newest_event(&self) -> Result<EventId, StoreError> {
        self.read("read the newest event", read::newest_event(&self.readers)).await
    }

    async fn errors(&self, workspace: WorkspaceId) -> Result<ErrorCount, StoreError> {
        self.read("count errors", read::errors(&self.readers, workspace)).await
    }

    async fn all_errors(&self) -> Result<HashMap<WorkspaceId, ErrorCount>, StoreError> {
        self.read("count all errors", read::all_errors(&self.readers)).await
    }
}

#[async_trait]
impl Retries for SqliteStore {
    async fn load(&self) -> Result<Vec<(WorkspaceId, RetryState)>, StoreError> {
        self.read("load retries", read::retries(&self.readers)).await
    }

    async fn record(
        &self,
        changes: Vec<(WorkspaceId, Option<RetryState>)>,
    ) -> Result<(), StoreError> {
        let span = info_span!(
            "store.record_retries",
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = "sqlite",
            db.operation.name = "record_retries",
            db.operation.batch.size = changes.len(),
        );
        self.submit_in(span, RecordRetries { changes }).await.map(drop)
    }
}

impl SqliteStore {
    async fn read<T>(
        &self,
        operation: &'static str,
        query: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, StoreError> {
        let query = async { query.await.map_err(|error| error.during(operation)) };
        self.within_deadline(operation, query).await
    }

    async fn submit_in<O: Operation>(
        &self,
        span: Span,
        operation: O,
    ) -> Result<O::Reply, StoreError> {
        let reply = self.submit(operation).instrument(span.clone()).await;
        // A conflict is an answer; only a failure of the storage makes the span an error.
        if matches!(reply, Err(StoreError::Backend { .. })) {
            span.record("otel.status_code", "ERROR");
        }
        reply
    }
}
