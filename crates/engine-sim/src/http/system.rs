//! What the engine says of itself.

use super::answer::{Answered, content, odd, send};
use crate::{Answer, Request, SimEngine};
use axum::{Router, extract::State, http::HeaderName, response::IntoResponse, routing::get};
use serde_json::json;

const VERSION: &str = "20.10.24-sim";

pub(super) fn routes() -> Router<SimEngine> {
    Router::new()
        .route("/_ping", get(ping))
        .route("/version", get(version))
        .route("/info", get(info))
}

/// It takes no lock: it says nothing of whether anything else works.
async fn ping() -> impl IntoResponse {
    let header = |name| HeaderName::from_static(name);
    ([(header("api-version"), "1.41"), (header("ostype"), "linux")], "OK")
}

async fn version(State(sim): State<SimEngine>) -> Answered {
    if !sim.model(|model| model.is_reachable()) {
        return Err(odd());
    }
    content(json!({
        "Version": VERSION, "ApiVersion": "1.41", "MinAPIVersion": "1.12",
        "Os": "linux", "Arch": "amd64", "GitCommit": "sim", "KernelVersion": "sim",
    }))
}

async fn info(State(sim): State<SimEngine>) -> Answered {
    match send(&sim, Request::Time).await? {
        Answer::Time(time) => content(json!({
            "ID": "SIM", "Name": "engine-sim", "ServerVersion": VERSION, "OSType": "linux",
            "SystemTime": time.to_string(), "NCPU": 2, "MemTotal": 8_i64 << 30,
        })),
        _ => Err(odd()),
    }
}
