//! Networks by name: looked up, made and removed.
//!
//! Invariants: only networks with our instance label are seen, and those are told by their id once
//! found; a network is made one at a time. Old engines (API before 1.44) let two networks have one
//! name, after which nothing can use either: the request therefore asks for the engine's own check,
//! which bollard's models have no field for, and a double that came about all the same is removed.
//! Deliberately absent: attaching; a container names its network when it is made.

use crate::{
    call::Caller,
    list::with_filters,
    operation::Operation,
    subnet::{self, Block},
};
use bollard::errors::Error as Refusal;
use serde::Deserialize;
use serde_json::json;
use trueup_domain::{
    action::NetworkConfig,
    error::{EngineError, ErrorClass, Reason},
    id::{InstanceId, NetworkId},
    label,
    observed::NetworkState,
};

const ENABLE_ICC: &str = "com.docker.network.bridge.enable_icc";

/// Our network with that name, if there is one.
pub(crate) async fn find(
    caller: &Caller,
    instance: &InstanceId,
    name: &str,
) -> Result<Option<NetworkState>, EngineError> {
    let look = async {
        match ours(caller, instance, name).await?.into_iter().next() {
            Some(row) => {
                let used = is_used(caller, name).await?;
                Ok(Some(NetworkState { id: NetworkId::new(row.id), used }))
            }
            None => Ok(None),
        }
    };
    caller.call(Operation::FindNetwork, name, look).await
}

/// Makes the network unless we have it.
pub(crate) async fn ensure(
    caller: &Caller,
    instance: &InstanceId,
    config: &NetworkConfig,
) -> Result<(), EngineError> {
    let range = match config.range.as_deref().map(str::parse::<Block>).transpose() {
        Ok(range) => range,
        Err(message) => return Err(refused(ErrorClass::Terminal, Reason::Refused, message)),
    };
    let work = make(caller, instance, config, range);
    match caller.call(Operation::EnsureNetwork, &config.name, work).await? {
        Ensured::Done => Ok(()),
        Ensured::Foreign => Err(refused(
            ErrorClass::Terminal,
            Reason::NameConflict,
            format!("the network {} exists and is not ours", config.name),
        )),
        Ensured::Exhausted(range) => Err(refused(
            ErrorClass::Retryable,
            Reason::SubnetsExhausted,
            format!("no free subnet is left in {range}"),
        )),
    }
}

/// Removes our network with that name, unless a container refers to it.
pub(crate) async fn remove(
    caller: &Caller,
    instance: &InstanceId,
    name: &str,
) -> Result<(), EngineError> {
    let work = async {
        if is_used(caller, name).await? {
            // The engine itself would only look at running containers.
            return Ok(());
        }
        for row in ours(caller, instance, name).await? {
            match caller.docker().remove_network(&row.id).await {
                Err(refusal) if !is_gone_or_used(&refusal) => return Err(refusal),
                _ => {}
            }
        }
        Ok(())
    };
    caller.call(Operation::RemoveNetwork, name, work).await
}

enum Ensured {
    Done,
    Foreign,
    Exhausted(Block),
}

async fn make(
    caller: &Caller,
    instance: &InstanceId,
    config: &NetworkConfig,
    range: Option<Block>,
) -> Result<Ensured, Refusal> {
    let found = ours(caller, instance, &config.name).await?;
    if !found.is_empty() {
        remove_doubles(caller, &found[1..]).await;
        return Ok(Ensured::Done);
    }
    let subnet = match range {
        Some(range) => match free_subnet(caller, range, config.seed).await? {
            Some(subnet) => Some(subnet),
            None => return Ok(Ensured::Exhausted(range)),
        },
        None => None,
    };
    match caller.transport.post("/networks/create", &body(config, subnet)).await {
        Err(refusal) if is_name_taken(&refusal) => {
            // An attempt that was given up may have been carried out since we looked.
            let found = ours(caller, instance, &config.name).await?;
            Ok(if found.is_empty() { Ensured::Foreign } else { Ensured::Done })
        }
        outcome => outcome.map(|()| Ensured::Done),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    id: String,
    name: String,
    #[serde(default)]
    created: String,
    #[serde(default, rename = "IPAM")]
    ipam: Option<Addressing>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Addressing {
    #[serde(default)]
    config: Option<Vec<Pool>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pool {
    #[serde(default)]
    subnet: Option<String>,
}

/// Ours with exactly that name, the oldest first.
async fn ours(caller: &Caller, instance: &InstanceId, name: &str) -> Result<Vec<Row>, Refusal> {
    let label = format!("{}={instance}", label::INSTANCE_ID);
    let path =
        with_filters("/networks", &[("name", vec![name.to_owned()]), ("label", vec![label])]);
    let mut rows: Vec<Row> = caller.transport.get(&path).await?;
    // The engine's filter takes a part of a name too.
    rows.retain(|row| row.name == name);
    rows.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
    Ok(rows)
}

/// Whether any container at all refers to it; one row is enough to know.
async fn is_used(caller: &Caller, name: &str) -> Result<bool, Refusal> {
    let path =
        with_filters("/containers/json?all=1&limit=1", &[("network", vec![name.to_owned()])]);
    let rows: Vec<serde::de::IgnoredAny> = caller.transport.get(&path).await?;
    Ok(!rows.is_empty())
}

async fn free_subnet(caller: &Caller, range: Block, seed: u64) -> Result<Option<Block>, Refusal> {
    let rows: Vec<Row> = caller.transport.get("/networks").await?;
    let taken: Vec<Block> = rows
        .iter()
        .filter_map(|row| row.ipam.as_ref()?.config.as_ref())
        .flatten()
        // IPv6 subnets do not parse, and cannot overlap.
        .filter_map(|pool| pool.subnet.as_deref()?.parse().ok())
        .collect();
    Ok(subnet::choose(range, &taken, seed))
}

/// Best effort: a double that is in use stays, and the engine says so when a name is ambiguous.
async fn remove_doubles(caller: &Caller, doubles: &[Row]) {
    for row in doubles {
        if let Err(error) = caller.docker().remove_network(&row.id).await {
            tracing::warn!(network = row.name, id = row.id, %error, "a double network stays");
        }
    }
}

fn body(config: &NetworkConfig, subnet: Option<Block>) -> serde_json::Value {
    let pools: Vec<_> = subnet.iter().map(|block| json!({"Subnet": block.to_string()})).collect();
    json!({
        "Name": config.name,
        "CheckDuplicate": true,
        "Driver": "bridge",
        "Labels": config.labels,
        "IPAM": {"Config": pools},
        "Options": {ENABLE_ICC: config.inter_container.to_string()},
    })
}

fn is_name_taken(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::DockerResponseServerError { status_code: 409, message }
        if message.contains("already exists"))
}

fn is_gone_or_used(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::DockerResponseServerError { status_code: 404, .. } => true,
        Refusal::DockerResponseServerError { status_code: 403 | 409, message } => {
            message.contains("active endpoints") || message.contains("in use")
        }
        _ => false,
    }
}

fn refused(class: ErrorClass, reason: Reason, message: String) -> EngineError {
    EngineError { operation: Operation::EnsureNetwork.words(), class, reason, message }
}
