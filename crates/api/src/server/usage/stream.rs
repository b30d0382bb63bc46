//! Each new figure, to whoever listens, as server-sent events.
//!
//! The sampler waits for nobody: a reader who is slow misses figures and holds nobody up, as its
//! subscription is bounded and nothing is read from it while its socket is full. A stream ends with its
//! connection, cleanly when that is ended from here; the reader then comes again.

use crate::{
    Problem, ProblemKind,
    server::{
        connection::Connection,
        extract::Parameters,
        state::{Api, State},
    },
    wire::{UsageSource, WorkspaceMetrics, WorkspaceUsage},
};
use axum::{
    extract,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::OwnedSemaphorePermit;
use trueup_domain::{
    id::WorkspaceId,
    name::{Name, Owner, WorkspaceKey},
    usage::Usage,
};

/// How often something is sent though there is no news, so that either side notices the other's end.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How many names a stream remembers; with more it begins to look them up anew.
const NAMES: usize = 20_000;

pub(in crate::server) async fn stream(
    extract::State(api): extract::State<Api>,
    connection: Connection,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let filter = Filter { owner: parameters.take("owner")?, name: parameters.take("name")? };
    parameters.finish()?;
    let Ok(place) = Arc::clone(&api.streams).try_acquire_owned() else {
        let detail = "too many streams of figures are open; come again later";
        return Err(Problem::new(ProblemKind::Unavailable, detail));
    };
    let figures = api.state.usage.subscribe();
    let names = names(&api.state).await?;
    let listener = Listener { state: api.state.clone(), filter, figures, names, _place: place };
    let end = connection.closing.cancelled_owned();
    let events = stream::unfold(listener, async |mut listener| {
        let usage = listener.next().await?;
        Some((Event::default().event("usage").json_data(&usage), listener))
    });
    let events = events.take_until(Box::pin(end));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

async fn names(state: &State) -> Result<HashMap<WorkspaceId, WorkspaceKey>, Problem> {
    let all = state.workspaces.list().await?;
    Ok(all.iter().map(|workspace| (workspace.id, workspace.key())).collect())
}

/// Whose figures are wanted.
struct Filter {
    owner: Option<Owner>,
    name: Option<Name>,
}

impl Filter {
    fn takes(&self, key: &WorkspaceKey) -> bool {
        self.owner.as_ref().is_none_or(|owner| *owner == key.owner)
            && self.name.as_ref().is_none_or(|name| *name == key.name)
    }
}

/// One who listens.
struct Listener {
    state: State,
    filter: Filter,
    figures: BoxStream<'static, (WorkspaceId, Usage)>,
    /// A workspace keeps its name for life.
    names: HashMap<WorkspaceId, WorkspaceKey>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// The next figure that is wanted; `None`: there will be no more.
    async fn next(&mut self) -> Option<WorkspaceUsage> {
        loop {
            let (id, usage) = self.figures.next().await?;
            let Some(key) = self.name(id).await else { continue };
            if self.filter.takes(&key) {
                let source = self.state.usage.source(id).map(UsageSource::from);
                let metrics = WorkspaceMetrics::new(Some(&usage), None, self.state.clock.now());
                let metrics = WorkspaceMetrics { source, ..metrics };
                let (status, phase) = (None, None);
                return Some(WorkspaceUsage {
                    workspace_id: id,
                    workspace: key,
                    status,
                    phase,
                    metrics,
                });
            }
        }
    }

    /// What a workspace is called; `None`: it is gone, or the store cannot tell now.
    async fn name(&mut self, id: WorkspaceId) -> Option<WorkspaceKey> {
        if let Some(key) = self.names.get(&id) {
            return Some(key.clone());
        }
        let key = self.state.workspaces.get(id).await.ok()??.key();
        if self.names.len() >= NAMES {
            self.names.clear();
        }
        self.names.insert(id, key.clone());
        Some(key)
    }
}
