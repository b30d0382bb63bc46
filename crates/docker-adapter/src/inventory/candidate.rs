//! Any container, looked at for what decides whether it can be adopted.
//!
//! The domain's words for a container leave out what no workspace has. Here that is read too: what of it
//! reaches the host (in `powers` and `volumes`), and what a declaration has no word for.

mod powers;
mod volumes;

use crate::{
    call::Caller,
    convert,
    engine::{inspect_whole, unreadable},
    operation::Operation,
};
use bollard::{
    errors::Error as Refusal,
    models::{ContainerConfig, ContainerInspectResponse, HostConfig},
};
use serde::Deserialize;
use trueup_domain::{
    adoption::{Candidate, ImageDefaults, LeftAlone},
    error::EngineError,
    id::ContainerId,
};

pub(super) async fn look(
    caller: &Caller,
    container: &ContainerId,
) -> Result<Option<Candidate>, EngineError> {
    let Some(answer) = inspect_whole(caller, container).await? else { return Ok(None) };
    let image = image(caller, answer.image.as_deref().unwrap_or_default()).await?;
    let host = answer.host_config.clone().unwrap_or_default();
    let mut powers = powers::of(&host, powers::cgroups(caller, container, &host).await?);
    powers.extend(volumes::powers(caller, &answer).await?);
    let oddities = oddities(&answer, &host);
    let container = convert::container(answer).map_err(unreadable)?;
    Ok(Some(Candidate { container, image, powers, oddities }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    #[serde(default)]
    config: Option<ContainerConfig>,
}

/// What the image gives. Of one that is gone nothing is known, so that all that the container has counts
/// as its own.
async fn image(caller: &Caller, id: &str) -> Result<ImageDefaults, EngineError> {
    let path = format!("/images/{id}/json");
    let look = async {
        match caller.transport.get::<Image>(&path).await {
            Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            answer => answer.map(|image| image.config),
        }
    };
    let config = caller.call(Operation::HasImage, id, look).await?.unwrap_or_default();
    let given = convert::config::config(String::new(), config, &HostConfig::default());
    Ok(ImageDefaults {
        command: given.command,
        env: given.env,
        working_dir: given.working_dir,
        user: given.user,
        health: given.health,
        labels: given.labels,
    })
}

/// The engine's own size for `/dev/shm`, bytes.
const USUAL_SHM: i64 = 64 << 20;

/// What a declaration has no word for.
fn oddities(answer: &ContainerInspectResponse, host: &HostConfig) -> Vec<LeftAlone> {
    let mut oddities = Vec::new();
    let mut note = |field: &str, why: String| {
        oddities.push(LeftAlone { field: field.to_owned(), why });
    };
    if host.auto_remove.unwrap_or_default() {
        note(
            "autoRemove",
            "the engine removes it once it ends; a new container takes its place".to_owned(),
        );
    }
    if let Some(size) = host.shm_size.filter(|size| ![0, USUAL_SHM].contains(size)) {
        note("shmSize", format!("{size} bytes; a new container has {USUAL_SHM}"));
    }
    if answer.config.as_ref().is_some_and(|config| config.tty.unwrap_or_default()) {
        note("tty", "it has a terminal; a new container has none".to_owned());
    }
    if let Some(swap) = swap(host) {
        note(
            "memorySwap",
            format!("{swap}; with new limits, or in a new container, there is none"),
        );
    }
    let added = added_capabilities(host);
    if !added.is_empty() {
        note("capabilities", format!("{}; a new container has none of them", added.join(", ")));
    }
    for volume in anonymous_volumes(answer, host) {
        note("volumes", format!("the data at `{volume}` has no name and goes with the container"));
    }
    let lists = [
        ("extraHosts", &host.extra_hosts),
        ("dns", &host.dns),
        ("groups", &host.group_add),
        ("links", &host.links),
    ];
    for (field, list) in lists {
        let list = list.as_deref().unwrap_or_default();
        if !list.is_empty() {
            note(field, format!("{}; a new container has none of them", list.join(", ")));
        }
    }
    let is_ours = |option: &&String| !option.starts_with("no-new-privileges");
    for option in host.security_opt.iter().flatten().filter(is_ours) {
        note("securityOptions", format!("`{option}`; a new container has the engine's own"));
    }
    for (field, is_set) in [
        ("ulimits", host.ulimits.as_ref().is_some_and(|all| !all.is_empty())),
        ("sysctls", host.sysctls.as_ref().is_some_and(|all| !all.is_empty())),
        ("gpus", host.device_requests.as_ref().is_some_and(|all| !all.is_empty())),
    ] {
        if is_set {
            note(field, "set; a new container has the engine's own".to_owned());
        }
    }
    oddities
}

/// What it may have in swap beyond its memory. Without a limit to its memory there is none to its swap,
/// which is told with the memory.
fn swap(host: &HostConfig) -> Option<String> {
    let memory = host.memory.filter(|memory| *memory > 0)?;
    match host.memory_swap? {
        ..0 => Some("no limit to its swap".to_owned()),
        // The engine counts both together.
        together if together > memory => {
            Some(format!("{} bytes of swap beyond its memory", together - memory))
        }
        _ => None,
    }
}

/// What it may do that a container does not that asks for nothing.
fn added_capabilities(host: &HostConfig) -> Vec<String> {
    let of = |host: &HostConfig| {
        convert::config::config(String::new(), ContainerConfig::default(), host).capabilities
    };
    of(host).difference(&of(&HostConfig::default())).cloned().collect()
}

/// Where a volume is mounted that nobody asked for by name.
fn anonymous_volumes<'a>(
    answer: &'a ContainerInspectResponse,
    host: &'a HostConfig,
) -> impl Iterator<Item = &'a str> {
    let is_named = |name: &str| {
        let short = host.binds.iter().flatten().filter_map(|bind| bind.split(':').next());
        let long = host.mounts.iter().flatten().filter_map(|mount| mount.source.as_deref());
        short.chain(long).any(|source| source == name)
    };
    answer.mounts.iter().flatten().filter_map(move |mount| {
        let name = mount.name.as_deref()?;
        (!is_named(name)).then(|| mount.destination.as_deref().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests;
