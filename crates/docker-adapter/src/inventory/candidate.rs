//! Any container, looked at for what decides whether it can be adopted.
//!
//! The domain's words for a container leave out what no workspace has. Here that is read too: what of it
//! reaches the host, and what a declaration has no word for.

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
    let (powers, oddities) = (powers(&host), oddities(&answer, &host));
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

/// What of the host it has, each as the end of a sentence that begins with "it".
fn powers(host: &HostConfig) -> Vec<String> {
    let mut powers = Vec::new();
    for (what, mode) in [
        ("network", &host.network_mode),
        ("processes", &host.pid_mode),
        ("shared memory", &host.ipc_mode),
        ("name", &host.uts_mode),
        ("users", &host.userns_mode),
    ] {
        match mode.as_deref().unwrap_or_default() {
            "host" => powers.push(format!("shares the host's {what}")),
            mode if mode.starts_with("container:") => {
                powers.push(format!("shares the {what} of another container"));
            }
            _ => {}
        }
    }
    let is_given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let has_devices = host.devices.as_ref().is_some_and(|devices| !devices.is_empty());
    if has_devices || is_given(&host.device_cgroup_rules) {
        powers.push("has devices of the host".to_owned());
    }
    if is_given(&host.volumes_from) {
        powers.push("mounts whatever another container does".to_owned());
    }
    powers
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
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(host: &serde_json::Value) -> (ContainerInspectResponse, HostConfig) {
        let answer: ContainerInspectResponse = serde_json::from_value(json!({
            "HostConfig": host,
            "Mounts": [
                {"Type": "volume", "Name": "data", "Destination": "/data"},
                {"Type": "volume", "Name": "0123abcd", "Destination": "/cache"},
                {"Type": "bind", "Source": "/srv/a", "Destination": "/a"},
            ],
        }))
        .unwrap();
        let host = answer.host_config.clone().unwrap();
        (answer, host)
    }

    #[test]
    fn whatever_reaches_the_host_is_a_power() {
        let cases = [
            (json!({"NetworkMode": "host"}), "shares the host's network"),
            (json!({"NetworkMode": "container:abc"}), "shares the network of another container"),
            (json!({"PidMode": "host"}), "shares the host's processes"),
            (json!({"IpcMode": "host"}), "shares the host's shared memory"),
            (json!({"UTSMode": "host"}), "shares the host's name"),
            (json!({"Devices": [{"PathOnHost": "/dev/kvm"}]}), "has devices of the host"),
            (json!({"VolumesFrom": ["db"]}), "mounts whatever another container does"),
        ];
        for (host, power) in cases {
            assert_eq!(powers(&answer(&host).1), [power]);
        }
        let usual =
            json!({"NetworkMode": "default", "PidMode": "", "IpcMode": "private", "Devices": []});
        assert_eq!(powers(&answer(&usual).1), Vec::<String>::new());
    }

    #[test]
    fn what_a_declaration_has_no_word_for_is_named() {
        let host = json!({
            "Binds": ["data:/data", "/srv/a:/a"], "AutoRemove": true, "ShmSize": 1024,
            "ExtraHosts": ["db:10.0.0.1"], "SecurityOpt": ["no-new-privileges", "seccomp=unconfined"],
            "Sysctls": {"net.ipv4.ip_forward": "1"},
        });
        let (answer, host) = answer(&host);
        let named: Vec<_> = oddities(&answer, &host).into_iter().map(|one| one.field).collect();
        let expected =
            ["autoRemove", "shmSize", "volumes", "extraHosts", "securityOptions", "sysctls"];
        assert_eq!(named, expected);
        let usual = super::tests::answer(
            &json!({"Binds": ["data:/data", "0123abcd:/cache"], "ShmSize": 67_108_864}),
        );
        assert_eq!(oddities(&usual.0, &usual.1), []);
    }
}
