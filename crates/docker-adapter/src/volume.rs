//! Named volumes: listed by workspace, made and removed.
//!
//! Invariant: a volume without our instance label is neither taken over nor removed. Deliberately
//! absent: drivers other than the engine's own.

use crate::{call::Caller, list::with_filters, operation::Operation};
use bollard::{
    errors::Error as Refusal, models::VolumeCreateRequest, query_parameters::RemoveVolumeOptions,
};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use trueup_domain::{
    error::{EngineError, ErrorClass, Reason},
    id::{InstanceId, WorkspaceId},
    label,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    volumes: Option<Vec<Row>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    name: String,
}

/// The names of the volumes of a workspace of ours, in order.
pub(crate) async fn list(
    caller: &Caller,
    instance: &InstanceId,
    workspace: WorkspaceId,
) -> Result<Vec<String>, EngineError> {
    let labels = vec![
        format!("{}={instance}", label::INSTANCE_ID),
        format!("{}={workspace}", label::WORKSPACE_ID),
    ];
    let path = with_filters("/volumes", &[("label", labels)]);
    let look = caller.transport.get::<Answer>(&path);
    let answer = caller.call(Operation::ListVolumes, &workspace.to_string(), look).await?;
    let mut names: Vec<String> =
        answer.volumes.unwrap_or_default().into_iter().map(|row| row.name).collect();
    names.sort();
    Ok(names)
}

/// Makes the volume; the engine answers with the one that is there, labels unchanged, if any.
pub(crate) async fn ensure(
    caller: &Caller,
    instance: &InstanceId,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> Result<(), EngineError> {
    let request = VolumeCreateRequest {
        name: Some(name.to_owned()),
        labels: Some(labels.clone().into_iter().collect()),
        ..Default::default()
    };
    let work = caller.docker().create_volume(request);
    let volume = caller.call(Operation::EnsureVolume, name, work).await?;
    check(Operation::EnsureVolume, instance, name, &volume.labels)
}

/// Removes the volume with all that is in it.
pub(crate) async fn remove(
    caller: &Caller,
    instance: &InstanceId,
    name: &str,
) -> Result<(), EngineError> {
    let operation = Operation::RemoveVolume;
    let look = async { absent_if_gone(caller.docker().inspect_volume(name).await.map(Some)) };
    let Some(volume) = caller.call(operation, name, look).await? else { return Ok(()) };
    check(operation, instance, name, &volume.labels)?;
    let work = async {
        let removal = caller.docker().remove_volume(name, None::<RemoveVolumeOptions>);
        absent_if_gone(removal.await.map(Some))
    };
    caller.call(operation, name, work).await.map(|_| ())
}

fn absent_if_gone<T>(answer: Result<Option<T>, Refusal>) -> Result<Option<T>, Refusal> {
    match answer {
        Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        other => other,
    }
}

fn check(
    operation: Operation,
    instance: &InstanceId,
    name: &str,
    labels: &HashMap<String, String>,
) -> Result<(), EngineError> {
    if labels.get(label::INSTANCE_ID).map(String::as_str) == Some(instance.as_str()) {
        return Ok(());
    }
    Err(EngineError {
        operation: operation.words(),
        class: ErrorClass::Terminal,
        reason: Reason::NameConflict,
        message: format!("the volume {name} exists and is not ours"),
    })
}
