//! Containers.

use super::{
    answer::{Answered, Query, change, content, made, odd, send},
    body::{self, Content, clamp},
    filter::Filters,
    inspect,
};
use crate::{Answer, Limits, Refusal, Request, Row, SimEngine};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{delete, get, post},
};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn routes() -> Router<SimEngine> {
    Router::new()
        .route("/containers/json", get(list))
        .route("/containers/create", post(create))
        .route("/containers/{id}", delete(remove))
        .route("/containers/{id}/json", get(look))
        .route("/containers/{id}/logs", get(logs))
        .route("/containers/{id}/update", post(update))
        .route("/containers/{id}/{verb}", post(act))
}

async fn list(State(sim): State<SimEngine>, query: Query) -> Answered {
    let filters = Filters::parse(&query)?;
    if let ([network], Some("1")) = (filters.words("network"), query.get("limit").map(|n| &**n)) {
        return first_on(&sim, network).await;
    }
    let labels = filters.valued_labels();
    let Answer::Rows(rows) = send(&sim, Request::List { labels }).await? else {
        return Err(odd());
    };
    let limit = query.get("limit").and_then(|text| text.parse().ok()).filter(|limit| *limit > 0);
    let all = query.get("all").is_some_and(|word| matches!(word.as_str(), "1" | "true"));
    let rows: Vec<Value> = sim.model(|model| {
        // A network is named by its id or its name.
        let names: Vec<String> = filters
            .words("network")
            .iter()
            .map(|word| {
                model.network(word).map_or_else(|_| word.clone(), |network| network.name.clone())
            })
            .collect();
        let wanted = |row: &&Row| {
            (all || limit.is_some() || row.state.has_process())
                && filters.labels(&row.labels)
                && filters.any("name", |part| row.name.contains(part.trim_start_matches('/')))
                && filters.any("id", |part| row.id.as_str().starts_with(part))
                && (names.is_empty() || names.iter().any(|name| row.networks.contains(name)))
        };
        let rows = rows.iter().filter(wanted).take(limit.unwrap_or(usize::MAX));
        rows.map(|row| inspect::row(model, row)).collect()
    });
    content(Value::Array(rows))
}

/// How the adapter asks whether a network is used; it is a question of its own, so that it meets the same
/// faults here as over the port.
async fn first_on(sim: &SimEngine, network: &str) -> Answered {
    let network = sim.model(|model| {
        model.network(network).map_or_else(|_| network.to_owned(), |found| found.name.clone())
    });
    send(sim, Request::IsNetworkUsed { network: network.clone() }).await?;
    let first = sim.model(|model| Some(inspect::row(model, &model.first_on(&network)?)));
    content(first.into_iter().collect())
}

async fn create(State(sim): State<SimEngine>, query: Query, Json(body): Json<Value>) -> Answered {
    let name = query.get("name").cloned();
    let name = name.unwrap_or_else(|| {
        sim.model(|model| format!("nameless_{}", model.counters().containers_made))
    });
    let config = Box::new(body::config(name, &body));
    match send(&sim, Request::Create { config }).await? {
        Answer::Made(id) => made(json!({"Id": id, "Warnings": []})),
        _ => Err(odd()),
    }
}

async fn look(State(sim): State<SimEngine>, Path(container): Path<String>) -> Answered {
    let Answer::Container(found) = send(&sim, Request::Inspect { container }).await? else {
        return Err(odd());
    };
    let value = sim.model(|model| {
        // It may be gone between the answer and here, which is no broken connection.
        model.inspect(found.id.as_str())?;
        Ok::<_, Refusal>(model.view(&found.id).map(|view| inspect::full(model, &view)))
    });
    content(value?.ok_or_else(odd)?)
}

/// Only what an init said before it gave up, in the frames of a log without a terminal.
async fn logs(State(sim): State<SimEngine>, Path(container): Path<String>) -> Answered {
    const STDERR: u8 = 2;
    let Answer::Container(found) = send(&sim, Request::Inspect { container }).await? else {
        return Err(odd());
    };
    let line = inspect::init_words(&found).map(|words| format!("[FATAL tini (7)] {words}\n"));
    let mut frames = Vec::new();
    if let Some(line) = line {
        frames.extend([STDERR, 0, 0, 0]);
        frames.extend(u32::try_from(line.len()).unwrap_or_default().to_be_bytes());
        frames.extend(line.into_bytes());
    }
    Ok(frames.into_response())
}

async fn update(
    State(sim): State<SimEngine>,
    Path(container): Path<String>,
    Json(body): Json<Value>,
) -> Answered {
    let body = Content(&body);
    let limits = Limits {
        cpu_millis: clamp(body.number("/NanoCpus") / 1_000_000),
        memory: u64::try_from(body.number("/Memory")).unwrap_or_default(),
        memory_swap: body.number("/MemorySwap"),
        pids: clamp(body.number("/PidsLimit")),
        restart: body::restarts(&body),
    };
    send(&sim, Request::Update { container, limits }).await?;
    content(json!({"Warnings": []}))
}

async fn act(
    State(sim): State<SimEngine>,
    Path((container, verb)): Path<(String, String)>,
    query: Query,
) -> Answered {
    let seconds = || query.get("t").and_then(|text| text.parse().ok()).unwrap_or(10);
    let request = match verb.as_str() {
        "start" => Request::Start { container },
        "stop" => Request::Stop { container, grace: Duration::from_secs(seconds()) },
        "kill" => Request::Kill { container },
        "pause" => Request::Pause { container },
        "unpause" => Request::Unpause { container },
        "rename" => {
            Request::Rename { container, to: query.get("name").cloned().unwrap_or_default() }
        }
        _ => return Ok(StatusCode::NOT_FOUND.into_response()),
    };
    change(&sim, request).await
}

async fn remove(
    State(sim): State<SimEngine>,
    Path(container): Path<String>,
    query: Query,
) -> Answered {
    let force = query.get("force").is_some_and(|word| matches!(word.as_str(), "1" | "true"));
    change(&sim, Request::Remove { container, force }).await
}
