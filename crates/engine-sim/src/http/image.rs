//! Images: looked at, pulled and imported.

use super::answer::{Answered, Query, change, content, made, odd, send};
use crate::{Answer, Image, Request, SimEngine, model::desk::Failure};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{StreamExt, stream};
use serde_json::json;

/// An archive to import; it is read and thrown away.
const LARGEST_ARCHIVE: usize = 512 << 20;

pub(super) fn routes() -> Router<SimEngine> {
    Router::new()
        .route("/images/create", post(create).layer(DefaultBodyLimit::max(LARGEST_ARCHIVE)))
        .route("/commit", post(commit))
        .route("/images/{*rest}", get(inspect).delete(remove))
}

async fn inspect(State(sim): State<SimEngine>, Path(rest): Path<String>) -> Answered {
    let Some(name) = rest.strip_suffix("/json") else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    match send(&sim, Request::InspectImage { image: name.to_owned() }).await? {
        Answer::Image(image) => {
            let env: Vec<_> =
                image.env.iter().map(|(key, value)| format!("{key}={value}")).collect();
            content(json!({
                "Id": image.id.as_str(), "RepoTags": [name], "Os": "linux", "Architecture": "amd64",
                "Config": {
                    "Labels": image.labels, "Env": env, "Cmd": image.command,
                    "WorkingDir": image.working_dir, "User": image.user,
                },
            }))
        }
        _ => Err(odd()),
    }
}

async fn commit(State(sim): State<SimEngine>, query: Query) -> Answered {
    let word = |key: &str| query.get(key).map_or("", String::as_str);
    let tag = if word("tag").is_empty() { "latest" } else { word("tag") };
    let image = format!("{}:{tag}", word("repo"));
    let id = sim.model(|model| model.commit(word("container"), &image))?;
    made(json!({"Id": id.as_str()}))
}

async fn remove(State(sim): State<SimEngine>, Path(rest): Path<String>) -> Answered {
    sim.model(|model| model.remove_image(&rest))?;
    content(json!([{"Untagged": rest}]))
}

async fn create(State(sim): State<SimEngine>, query: Query, uri: Uri, _archive: Bytes) -> Answered {
    let word = |key: &str| query.get(key).map_or("", String::as_str);
    let separator = if word("tag").contains(':') { '@' } else { ':' };
    let tag = if word("tag").is_empty() { "latest" } else { word("tag") };
    if word("fromSrc") == "-" {
        let name = format!("{}:{tag}", word("repo"));
        sim.model(|model| model.add_image(&name, imported(&name, &uri)));
        return content(json!({"status": "imported"}));
    }
    let image = format!("{}{separator}{tag}", word("fromImage"));
    if !sim.model(|model| model.is_reachable()) {
        return change(&sim, Request::Pull { image }).await;
    }
    let begun = stream::once(std::future::ready(Ok(format!("{}\n", json!({"status": "Pulling"})))));
    let ended = stream::once(async move {
        match sim.request(Request::Pull { image }).await {
            Ok(_) => Ok(format!("{}\n", json!({"status": "Downloaded"}))),
            Err(Failure::Refused(refusal)) => {
                let message = refusal.message;
                Ok(format!("{}\n", json!({"errorDetail": {"message": message}, "error": message})))
            }
            Err(_) => Err(std::io::Error::other("cut by the simulation")),
        }
    });
    Ok(Response::new(Body::from_stream(begun.chain(ended))))
}

/// What an import's `changes` ask for; a query may hold several of them, of several lines each.
fn imported(name: &str, uri: &Uri) -> Image {
    let mut image = Image::new(name);
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    for (_, changes) in pairs.filter(|(key, _)| *key == "changes") {
        for change in decoded(changes).lines() {
            apply(&mut image, change);
        }
    }
    image
}

fn apply(image: &mut Image, change: &str) {
    let Some((word, rest)) = change.split_once(' ') else { return };
    let pair = rest.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    match word {
        "LABEL" => image.labels.extend(pair),
        "ENV" => image.env.extend(pair),
        "CMD" => image.command = serde_json::from_str(rest).ok(),
        _ => {}
    }
}

/// Text without percent signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next(), rest.next()].map(Option::unwrap_or_default);
                let hex = std::str::from_utf8(&digits).ok();
                bytes.extend(hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
