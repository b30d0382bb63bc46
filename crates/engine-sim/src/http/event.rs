//! The event stream.
//!
//! An event that is asked for may be lost, doubled, unreadable, or the last one of its stream, as the
//! faults say. Deliberately absent: order and silence as faults, which are the port's.

use super::{
    answer::{Answered, Query, invalid, odd, send},
    filter::Filters,
};
use crate::{Answer, Event, EventKind, Request, SimEngine, StreamFault};
use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub(super) fn routes() -> Router<SimEngine> {
    Router::new().route("/events", get(events))
}

async fn events(State(sim): State<SimEngine>, query: Query) -> Answered {
    let filters = Filters::parse(&query)?;
    let since = match query.get("since") {
        Some(text) => parse(text).ok_or_else(|| invalid(format!("no time: {text}")))?,
        None => sim.clock(),
    };
    let Answer::Subscribed(handle) = send(&sim, Request::Subscribe { since }).await? else {
        return Err(odd());
    };
    let raw = sim.raw_events(&handle);
    let lines = raw.map(move |event| {
        let is_wanted = passes(&filters, &event);
        let text =
            if is_wanted { spoil(line(&event), sim.draw_event(&handle)) } else { String::new() };
        Ok::<_, std::io::Error>(text)
    });
    // An empty piece first: the head is sent before anything has happened.
    let pieces = stream::once(std::future::ready(Ok(String::new()))).chain(lines);
    Ok(Response::new(Body::from_stream(pieces)))
}

/// Seconds with a fraction, or a date.
fn parse(text: &str) -> Option<Timestamp> {
    let Some((seconds, fraction)) = text.split_once('.') else {
        let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        return seconds.or_else(|| text.parse().ok());
    };
    if let Ok(date) = text.parse() {
        return Some(date);
    }
    let nanos: i128 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let seconds: i128 = seconds.parse().ok()?;
    Timestamp::from_nanosecond(seconds * 1_000_000_000 + nanos).ok()
}

const fn word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Container => "container",
        EventKind::Network => "network",
        EventKind::Volume => "volume",
        EventKind::Image => "image",
    }
}

fn passes(filters: &Filters, event: &Event) -> bool {
    filters.any("type", |kind| kind == word(event.kind))
        && filters.any("event", |action| event.action == action)
        && filters.any("container", |id| event.kind == EventKind::Container && event.subject == id)
        && filters.labels(&event.labels)
}

/// What is left of a line.
fn spoil(line: String, fault: Option<StreamFault>) -> String {
    match fault {
        Some(StreamFault::Lose) => String::new(),
        Some(StreamFault::Duplicate) => line.repeat(2),
        Some(StreamFault::Unreadable) => "{\"Action\": 7}\n".to_owned(),
        None | Some(StreamFault::Cut | StreamFault::Reorder | StreamFault::Silence(_)) => line,
    }
}

fn line(event: &Event) -> String {
    let labels = event.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
    let attributes: Map<String, Value> = labels.collect();
    let nanos = i64::try_from(event.at.as_nanosecond()).unwrap_or(i64::MAX);
    let line = json!({
        "Type": word(event.kind), "Action": event.action, "status": event.action,
        "id": event.subject, "scope": "local",
        "Actor": {"ID": event.subject, "Attributes": attributes},
        "time": event.at.as_second(), "timeNano": nanos,
    });
    format!("{line}\n")
}
