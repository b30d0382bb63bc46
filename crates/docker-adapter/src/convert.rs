//! An inspect answer → a [`Container`].
//!
//! Invariant: a container that was just made from a configuration converts back to it, but for what
//! the image adds (variables, labels) and what the configuration leaves to the image. Fields that an
//! engine leaves out have the meaning of their absence; only an id, a state and a configuration
//! are needed. Deliberately absent: figures that change while a container runs.

pub(crate) mod config;

use bollard::models::{
    ContainerInspectResponse, ContainerState as StateBody, Health, HealthStatusEnum,
};
use jiff::Timestamp;
use trueup_domain::{
    container::{Container, ContainerState, HealthState, NetworkMode},
    id::{ContainerId, ImageId, NetworkId},
};

/// Reads an inspect answer; the error says what is missing.
pub(crate) fn container(answer: ContainerInspectResponse) -> Result<Container, String> {
    let id = answer.id.filter(|id| !id.is_empty()).ok_or("a container without an id")?;
    let state = answer.state.ok_or_else(|| format!("container {id} without a state"))?;
    let word = state.status.as_ref().map(AsRef::as_ref).unwrap_or_default();
    let status = container_state(word)?;
    let made = answer.config.ok_or_else(|| format!("container {id} without a configuration"))?;
    let name = answer.name.as_deref().unwrap_or_default().trim_start_matches('/').to_owned();
    let config = config::config(name, made, &answer.host_config.unwrap_or_default());
    let mut networking = answer.network_settings.unwrap_or_default();
    let attached =
        networking.networks.iter().flat_map(|networks| networks.keys().cloned()).collect();
    let network_id = match &config.network {
        NetworkMode::Named { name } => networking
            .networks
            .as_mut()
            .and_then(|networks| networks.remove(name)?.network_id)
            // Empty until the first start.
            .filter(|id| !id.is_empty())
            .map(NetworkId::new),
        NetworkMode::None | NetworkMode::Bridge => None,
    };
    Ok(Container {
        id: ContainerId::new(id),
        state: status,
        image_id: ImageId::new(answer.image.unwrap_or_default()),
        started_at: time(state.started_at.as_deref()),
        finished_at: time(state.finished_at.as_deref()),
        exit_code: exit_code(status, &state),
        oom_killed: state.oom_killed.unwrap_or_default(),
        restart_count: answer.restart_count.and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
        health: health_state(state.health.as_ref()),
        error: state.error.filter(|error| !error.is_empty()),
        published: config::ports(networking.ports.as_ref()),
        network_id,
        attached,
        config,
    })
}

/// The engine's word for a state; newer engines say `stopping` of a process that still runs.
pub(crate) fn container_state(word: &str) -> Result<ContainerState, String> {
    if word == "stopping" { Ok(ContainerState::Running) } else { word.parse() }
}

/// The engine's zero time means "never".
fn time(text: Option<&str>) -> Option<Timestamp> {
    let time: Timestamp = text?.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

/// The engine keeps a code for whoever never ran: 0, or 127 and 128 after a failed start.
fn exit_code(status: ContainerState, state: &StateBody) -> Option<i64> {
    let ended = !status.has_process() && status != ContainerState::Created;
    state.exit_code.filter(|_| ended)
}

fn health_state(health: Option<&Health>) -> Option<HealthState> {
    match health?.status? {
        HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => None,
        HealthStatusEnum::STARTING => Some(HealthState::Starting),
        HealthStatusEnum::HEALTHY => Some(HealthState::Healthy),
        HealthStatusEnum::UNHEALTHY => Some(HealthState::Unhealthy),
    }
}

#[cfg(test)]
#[path = "convert/tests.rs"]
pub(crate) mod tests;
