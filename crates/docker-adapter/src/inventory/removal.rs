//! Removing one thing that was found: another look, then the one call.
//!
//! A container ends gently first, also a frozen one: it may be writing to a volume that its workspace
//! goes on with. Invariant: no data goes unless volumes are to go, those without a name included.

use super::rows::{NetworkRow, VolumeRow};
use crate::{call::Caller, engine, inherited, list::with_filters, operation::Operation, perform};
use bollard::{errors::Error as Refusal, query_parameters::RemoveVolumeOptions};
use std::time::Duration;
use trueup_domain::{
    action::Action,
    container::ContainerState,
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, InstanceId},
    label,
    port::{Object, ObjectKind, Removal},
};

/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);

pub(super) async fn remove(
    caller: &Caller,
    instance: &InstanceId,
    object: &Object,
    volumes: bool,
) -> Result<Removal, EngineError> {
    match object.kind {
        ObjectKind::Container => container(caller, instance, object, volumes).await,
        ObjectKind::Network => network(caller, instance, object).await,
        ObjectKind::Volume => volume(caller, instance, object).await,
    }
}

async fn container(
    caller: &Caller,
    instance: &InstanceId,
    object: &Object,
    volumes: bool,
) -> Result<Removal, EngineError> {
    let id = ContainerId::new(object.id.clone());
    let Some(found) = engine::inspect(caller, &id).await? else { return Ok(Removal::Gone) };
    // A name that looks like the id would have been found as well.
    let is_same = found.id == id && found.label(label::INSTANCE_ID) == Some(instance.as_str());
    if !is_same || inherited::is_inherited(caller, &found).await? {
        return Err(not_ours(Operation::Remove, object));
    }
    if found.state == ContainerState::Paused {
        // What is frozen takes no signal but the last one.
        let thaw = Action::UnpauseContainer(id.clone());
        perform::perform(caller, instance, &thaw).await?;
    }
    if found.state.has_process() {
        let stop = Action::StopContainer { container: id.clone(), grace: GRACE };
        perform::perform(caller, instance, &stop).await?;
    }
    perform::remove(caller, &id, volumes).await?;
    Ok(Removal::Removed)
}

async fn network(
    caller: &Caller,
    instance: &InstanceId,
    object: &Object,
) -> Result<Removal, EngineError> {
    let operation = Operation::RemoveNetwork;
    let (id, path) = (&object.id, format!("/networks/{}", object.id));
    let look = async { unless_gone(caller.transport.get::<NetworkRow>(&path).await) };
    let Some(found) = caller.call(operation, id, look).await? else { return Ok(Removal::Gone) };
    if !found.is_labelled(instance) {
        return Err(not_ours(operation, object));
    }
    let work = async {
        // The engine itself would only look at running containers.
        let users =
            with_filters("/containers/json?all=1&limit=1", &[("network", vec![id.clone()])]);
        let users: Vec<serde::de::IgnoredAny> = caller.transport.get(&users).await?;
        if users.is_empty() {
            outcome(caller.docker().remove_network(id).await)
        } else {
            Ok(Removal::InUse)
        }
    };
    caller.call(operation, id, work).await
}

/// A volume has no id. One that somebody has made anew under the name was made at another time.
async fn volume(
    caller: &Caller,
    instance: &InstanceId,
    object: &Object,
) -> Result<Removal, EngineError> {
    let (operation, name) = (Operation::RemoveVolume, &object.name);
    let path = format!("/volumes/{name}");
    let look = async { unless_gone(caller.transport.get::<VolumeRow>(&path).await) };
    let Some(found) = caller.call(operation, name, look).await? else { return Ok(Removal::Gone) };
    if found.made_at() != object.created_at || !found.is_labelled(instance) {
        return Err(not_ours(operation, object));
    }
    let work =
        async { outcome(caller.docker().remove_volume(name, None::<RemoveVolumeOptions>).await) };
    caller.call(operation, name, work).await
}

fn unless_gone<T>(answer: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// What the engine says of a network or a volume that it was to remove.
fn outcome(answer: Result<(), Refusal>) -> Result<Removal, Refusal> {
    match answer {
        Ok(()) => Ok(Removal::Removed),
        Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(Removal::Gone),
        Err(Refusal::DockerResponseServerError { status_code: 403 | 409, message })
            if message.contains("in use") || message.contains("active endpoints") =>
        {
            Ok(Removal::InUse)
        }
        Err(refusal) => Err(refusal),
    }
}

fn not_ours(operation: Operation, object: &Object) -> EngineError {
    EngineError {
        operation: operation.words(),
        class: ErrorClass::Terminal,
        reason: Reason::NameConflict,
        message: format!("the {} {} is not what was found", object.kind.as_str(), object.name),
    }
}
