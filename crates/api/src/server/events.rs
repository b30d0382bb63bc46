//! The event log: a page of it, and waiting for the next event.
//!
//! A long poll subscribes to the changes *before* it reads, so that nothing can happen between the
//! two, and reads again when a change comes: the log is the truth, a change only wakes.

use super::{
    answer::bad_request,
    connection::Connection,
    extract::Parameters,
    recent,
    state::{Api, State},
};
use crate::{Problem, ProblemKind, wire::EventPage};
use axum::{Json, extract};
use futures::StreamExt;
use std::time::Duration;
use tokio::time::Instant;
use trueup_domain::{
    event::Event,
    id::EventId,
    name::{Name, Owner, WorkspaceKey},
    port::{Change, EventQuery},
};

/// The longest that a long poll waits.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(1);
const LIMIT: u32 = 100;
pub(super) const MOST: u32 = 1000;

pub(super) async fn events(
    extract::State(api): extract::State<Api>,
    connection: Connection,
    mut parameters: Parameters,
) -> Result<Json<EventPage>, Problem> {
    let filter = Filter { owner: parameters.take("owner")?, name: parameters.take("name")? };
    let last = parameters.take::<u32>("last")?;
    if let Some(last) = last {
        parameters.finish()?;
        return recent::newest(&api.state, &filter, last.clamp(1, MOST)).await.map(Json);
    }
    let after = EventId(parameters.take("after")?.unwrap_or(0));
    let limit = parameters.take("limit")?.unwrap_or(LIMIT).clamp(1, MOST);
    let wait = Duration::from_secs(parameters.take("wait")?.unwrap_or(0));
    parameters.finish()?;
    if wait > LONGEST_WAIT {
        return Err(bad_request(format!("`wait` is {} at most", LONGEST_WAIT.as_secs())));
    }
    let reader = Reader { state: &api.state, filter: &filter, limit };
    if wait.is_zero() {
        return reader.read(after).await.map(Json);
    }
    let Ok(_place) = api.polls.try_acquire() else {
        let detail = "too many requests wait for events; come again later";
        return Err(Problem::new(ProblemKind::Unavailable, detail));
    };
    reader.wait(after, Instant::now() + wait, &connection).await.map(Json)
}

/// Whose events are wanted.
pub(super) struct Filter {
    owner: Option<Owner>,
    name: Option<Name>,
}

impl Filter {
    /// The query for the part of it that the store can answer.
    pub(super) fn query(&self, after: EventId, limit: u32) -> EventQuery {
        let key = match (self.owner.clone(), self.name.clone()) {
            (Some(owner), Some(name)) => Some(WorkspaceKey { owner, name }),
            _ => None,
        };
        EventQuery { after, workspace: None, key, limit }
    }

    /// The whole of it.
    pub(super) fn takes(&self, event: &Event) -> bool {
        self.owner.as_ref().is_none_or(|owner| *owner == event.workspace.owner)
            && self.name.as_ref().is_none_or(|name| *name == event.workspace.name)
    }
}

struct Reader<'a> {
    state: &'a State,
    filter: &'a Filter,
    limit: u32,
}

impl Reader<'_> {
    /// The next events that the filter takes, read on until there are some or the log ends.
    async fn read(&self, mut after: EventId) -> Result<EventPage, Problem> {
        loop {
            let query = self.filter.query(after, self.limit);
            let mut items = self.state.events.events(&query).await?;
            let is_last = items.len() < self.limit as usize;
            after = items.last().map_or(after, |event| event.id);
            items.retain(|event| self.filter.takes(event));
            if is_last || !items.is_empty() {
                return Ok(EventPage { items, next: after });
            }
        }
    }

    /// The same, but waits for some; the page is empty when none came.
    async fn wait(
        &self,
        after: EventId,
        deadline: Instant,
        connection: &Connection,
    ) -> Result<EventPage, Problem> {
        let mut changes = self.state.changes.subscribe();
        let mut page = self.read(after).await?;
        while page.items.is_empty() {
            let change = tokio::select! {
                change = changes.next() => change,
                () = tokio::time::sleep_until(deadline) => break,
                () = connection.closing.cancelled() => break,
            };
            match change {
                Some(change) if self.concerns(&change) => page = self.read(page.next).await?,
                Some(_) => {}
                None => break,
            }
        }
        Ok(page)
    }

    fn concerns(&self, change: &Change) -> bool {
        match change {
            Change::Workspace { events, .. } => events.iter().any(|event| self.filter.takes(event)),
            Change::Missed(_) => true,
        }
    }
}
