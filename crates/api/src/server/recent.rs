//! The newest events of a selection.
//!
//! The log is read forwards only, so this goes back from its end in ever larger steps until there
//! is enough. Each step reads on from where the one before began; nothing is read twice but the
//! first page after a step.

use super::{
    events::{Filter, MOST},
    state::State,
};
use crate::{Problem, wire::EventPage};
use std::collections::VecDeque;
use trueup_domain::{event::Event, id::EventId};

const FIRST_STEP: u64 = 1000;
const GROWTH: u64 = 16;

/// The newest `count` events that the filter takes, oldest first.
pub(super) async fn newest(
    state: &State,
    filter: &Filter,
    count: u32,
) -> Result<EventPage, Problem> {
    let end = state.events.newest_event().await?;
    let mut step = FIRST_STEP;
    loop {
        let start = EventId(end.0.saturating_sub(step));
        let found = last_between(state, filter, (start, end), count as usize).await?;
        if found.len() >= count as usize || start.0 == 0 {
            return Ok(EventPage { items: found.into(), next: end });
        }
        step = step.saturating_mul(GROWTH);
    }
}

/// The newest `count` of the events after `start`, up to and with `end`.
async fn last_between(
    state: &State,
    filter: &Filter,
    (mut start, end): (EventId, EventId),
    count: usize,
) -> Result<VecDeque<Event>, Problem> {
    let mut found = VecDeque::new();
    while start < end {
        let events = state.events.events(&filter.query(start, MOST)).await?;
        let is_last = events.len() < MOST as usize;
        start = events.last().map_or(end, |event| event.id);
        let wanted = events.into_iter().filter(|event| event.id <= end && filter.takes(event));
        found.extend(wanted);
        found.drain(..found.len().saturating_sub(count));
        if is_last {
            break;
        }
    }
    Ok(found)
}
