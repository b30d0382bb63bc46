//! Volumes.

use super::{
    answer::{Answered, Query, change, content, made, odd, send},
    body::Content,
    filter::Filters,
};
use crate::{Answer, Request, SimEngine, Volume};
use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn routes() -> Router<SimEngine> {
    Router::new()
        .route("/volumes", get(list))
        .route("/volumes/create", post(create))
        .route("/volumes/{name}", get(inspect).delete(remove))
}

async fn list(State(sim): State<SimEngine>, query: Query) -> Answered {
    let filters = Filters::parse(&query)?;
    match send(&sim, Request::ListVolumes { labels: BTreeMap::new() }).await? {
        Answer::Volumes(volumes) => {
            let wanted = |volume: &&Volume| {
                filters.any("name", |part| volume.name.contains(part))
                    && filters.labels(&volume.labels)
            };
            let rows: Vec<_> = volumes.iter().filter(wanted).map(render).collect();
            content(json!({"Volumes": rows, "Warnings": null}))
        }
        _ => Err(odd()),
    }
}

async fn inspect(State(sim): State<SimEngine>, Path(volume): Path<String>) -> Answered {
    match send(&sim, Request::InspectVolume { volume }).await? {
        Answer::Volume(volume) => content(render(&volume)),
        _ => Err(odd()),
    }
}

async fn create(State(sim): State<SimEngine>, Json(body): Json<Value>) -> Answered {
    let body = Content(&body);
    let volume = body.text("/Name").unwrap_or_default().to_owned();
    let labels = body.words_by_key("/Labels");
    match send(&sim, Request::CreateVolume { volume, labels }).await? {
        Answer::Volume(volume) => made(render(&volume)),
        _ => Err(odd()),
    }
}

async fn remove(State(sim): State<SimEngine>, Path(volume): Path<String>) -> Answered {
    change(&sim, Request::RemoveVolume { volume }).await
}

fn render(volume: &Volume) -> Value {
    json!({
        "Name": volume.name, "Driver": "local", "Scope": "local", "Options": {},
        "Mountpoint": format!("/var/lib/docker/volumes/{}/_data", volume.name),
        "Labels": volume.labels, "CreatedAt": volume.created.to_string(),
    })
}
