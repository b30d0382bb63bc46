//! What is shown of a container in more than one place.

use trueup_api::domain::{
    container::PortBinding,
    status::{ContainerStatus, Status},
};

/// How often the command was started again, by trueup or by the engine.
pub(super) fn restarts(status: &Status) -> u64 {
    let engine = status.container.as_ref().map_or(0, |container| container.restart_count);
    status.recovery.restarts.saturating_add(engine)
}

/// The published ports as `docker ps` writes them: `127.0.0.1:32789->8080/tcp`.
pub(super) fn published(container: &ContainerStatus) -> String {
    container.ports.iter().map(binding).collect::<Vec<_>>().join(", ")
}

fn binding(port: &PortBinding) -> String {
    let inside = format!("{}/{}", port.container, port.protocol.as_str());
    match port.host {
        Some(host) if port.address.contains(':') => format!("[{}]:{host}->{inside}", port.address),
        Some(host) => format!("{}:{host}->{inside}", port.address),
        None => inside,
    }
}
