//! What of the host a container has, as far as its own settings say.
//!
//! Invariant: a power is what a container has only because somebody asked for it; what the engine gives
//! to every container is none. Deliberately absent: whether a filter of somebody's own lets less through
//! than the engine's.

use crate::{call::Caller, operation::Operation};
use bollard::models::{HostConfig, HostConfigCgroupnsModeEnum};
use serde::Deserialize;
use trueup_domain::{error::EngineError, id::ContainerId};

/// Whose control groups a container sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cgroups {
    /// Those that the engine shows to every container.
    Usual,
    /// The host's, as somebody asked for it.
    Hosts,
}

/// What of the engine decides which control groups it shows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    /// `1` or `2`.
    #[serde(default)]
    cgroup_version: Option<String>,
}

/// With version 1 of control groups the engine shows the host's to every container, with version 2 only
/// to those that ask.
pub(super) async fn cgroups(
    caller: &Caller,
    container: &ContainerId,
    host: &HostConfig,
) -> Result<Cgroups, EngineError> {
    if host.cgroupns_mode != Some(HostConfigCgroupnsModeEnum::HOST) {
        return Ok(Cgroups::Usual);
    }
    let look = caller.transport.get::<Info>("/info");
    let info = caller.call(Operation::Inspect, container.as_str(), look).await?;
    Ok(info.whose())
}

impl Info {
    /// Whose the groups are that a container sees that is shown the host's.
    fn whose(&self) -> Cgroups {
        match self.cgroup_version.as_deref() {
            Some("1") => Cgroups::Usual,
            _ => Cgroups::Hosts,
        }
    }
}

/// What of the host it has, each as the end of a sentence that begins with "it".
pub(super) fn of(host: &HostConfig, cgroups: Cgroups) -> Vec<String> {
    let mut powers = namespaces(host);
    if cgroups == Cgroups::Hosts {
        powers.push("shares the host's control groups".to_owned());
    }
    if let Some(parent) = host.cgroup_parent.as_deref().filter(|parent| !parent.is_empty()) {
        powers.push(format!("is in the control group `{parent}` of the host"));
    }
    let is_given = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
    let has_devices = host.devices.as_ref().is_some_and(|devices| !devices.is_empty());
    if has_devices || is_given(&host.device_cgroup_rules) {
        powers.push("has devices of the host".to_owned());
    }
    if is_given(&host.volumes_from) {
        powers.push("mounts whatever another container does".to_owned());
    }
    powers.extend(lifted(host));
    powers.extend(uncovered(host));
    powers
}

fn namespaces(host: &HostConfig) -> Vec<String> {
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
    powers
}

/// Protections that are switched off. The engine takes `:` for `=` as well.
fn lifted(host: &HostConfig) -> impl Iterator<Item = String> {
    host.security_opt.iter().flatten().filter_map(|option| {
        let (name, value) = option.split_once(['=', ':'])?;
        let is_lifted = matches!(name, "seccomp" | "apparmor") && value == "unconfined";
        is_lifted.then(|| format!("runs without the engine's protection (`{option}`)"))
    })
}

/// What engines of every version hide from a container.
const HIDDEN: [&str; 3] = ["/proc/kcore", "/proc/keys", "/sys/firmware"];
/// What engines of every version let a container only read.
const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The kernel's own files that are uncovered: all of them with `systempaths=unconfined`, which the engine
/// keeps only as empty lists. Without a list (a privileged container's) nothing is known here.
fn uncovered(host: &HostConfig) -> Option<String> {
    let missing = |list: &Option<Vec<String>>, usual: &[&'static str]| {
        let list = list.as_ref()?;
        usual.iter().copied().find(|path| !list.iter().any(|covered| covered == path))
    };
    let hidden = missing(&host.masked_paths, &HIDDEN)
        .map(|path| format!("sees the host's `{path}`, which the engine hides otherwise"));
    let read_only = || {
        missing(&host.readonly_paths, &READ_ONLY)
            .map(|path| format!("writes to the host's `{path}`, which is read-only otherwise"))
    };
    hidden.or_else(read_only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_control_groups_are_a_power_unless_the_engine_shows_them_to_everybody() {
        for (answer, whose) in [
            (r#"{"CgroupVersion":"1"}"#, Cgroups::Usual),
            (r#"{"CgroupVersion":"2"}"#, Cgroups::Hosts),
            (r#"{"CgroupDriver":"systemd"}"#, Cgroups::Hosts),
        ] {
            let info: Info = serde_json::from_str(answer).unwrap();
            assert_eq!(info.whose(), whose, "{answer}");
        }
    }
}
