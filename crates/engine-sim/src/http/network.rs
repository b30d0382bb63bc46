//! Networks.

use super::{
    answer::{Answered, Query, change, content, made, odd, send},
    body::Content,
    filter::Filters,
};
use crate::{Answer, Network, NetworkRequest, Request, SimEngine};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};

const ENABLE_ICC: &str = "/Options/com.docker.network.bridge.enable_icc";

pub(super) fn routes() -> Router<SimEngine> {
    Router::new()
        .route("/networks", get(list))
        .route("/networks/create", post(create))
        .route("/networks/{name}", get(inspect).delete(remove))
        .route("/networks/{name}/connect", post(connect))
        .route("/networks/{name}/disconnect", post(disconnect))
}

async fn list(State(sim): State<SimEngine>, query: Query) -> Answered {
    let filters = Filters::parse(&query)?;
    let networks = all(&sim).await?;
    let wanted = |network: &&Network| {
        filters.any("name", |part| network.name.contains(part))
            && filters.any("id", |part| network.id.as_str().contains(part))
            && filters.labels(&network.labels)
    };
    content(networks.iter().filter(wanted).map(render).collect())
}

async fn all(sim: &SimEngine) -> Result<Vec<Network>, super::answer::Failed> {
    match send(sim, Request::ListNetworks).await? {
        Answer::Networks(networks) => Ok(networks),
        _ => Err(odd()),
    }
}

async fn inspect(State(sim): State<SimEngine>, Path(name): Path<String>) -> Answered {
    all(&sim).await?;
    let network = sim.model(|model| model.network(&name).cloned())?;
    content(render(&network))
}

fn render(network: &Network) -> Value {
    let pools: Vec<_> =
        network.subnet.iter().map(|subnet| json!({"Subnet": subnet.to_string()})).collect();
    json!({
        "Id": network.id.as_str(), "Name": network.name, "Labels": network.labels,
        "Created": network.created.to_string(), "Driver": "bridge", "Scope": "local",
        "IPAM": {"Driver": "default", "Config": pools}, "Containers": {},
        "Options": {"com.docker.network.bridge.enable_icc": network.inter_container.to_string()},
    })
}

async fn create(State(sim): State<SimEngine>, Json(body): Json<Value>) -> Answered {
    let body = Content(&body);
    let subnet = body.text("/IPAM/Config/0/Subnet").and_then(|text| text.parse().ok());
    let icc = body.value("/Options").and_then(|options| options.get(&ENABLE_ICC[9..]));
    let network = NetworkRequest {
        name: body.text("/Name").unwrap_or_default().to_owned(),
        labels: body.words_by_key("/Labels"),
        inter_container: icc.and_then(Value::as_str) != Some("false"),
        subnet,
    };
    match send(&sim, Request::CreateNetwork { network }).await? {
        Answer::Made(id) => made(json!({"Id": id, "Warning": ""})),
        _ => Err(odd()),
    }
}

async fn remove(State(sim): State<SimEngine>, Path(network): Path<String>) -> Answered {
    change(&sim, Request::RemoveNetwork { network }).await
}

async fn connect(
    State(sim): State<SimEngine>,
    Path(network): Path<String>,
    Json(body): Json<Value>,
) -> Answered {
    let container = Content(&body).text("/Container").unwrap_or_default().to_owned();
    send(&sim, Request::Connect { network, container }).await?;
    Ok(StatusCode::OK.into_response())
}

async fn disconnect(
    State(sim): State<SimEngine>,
    Path(network): Path<String>,
    Json(body): Json<Value>,
) -> Answered {
    let container = Content(&body).text("/Container").unwrap_or_default().to_owned();
    send(&sim, Request::Disconnect { network, container }).await?;
    Ok(StatusCode::OK.into_response())
}
