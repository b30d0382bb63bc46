//! What of the host a container has behind the names of its volumes.
//!
//! A volume may be a folder of the host under a name, or a file system of the host: only its options
//! tell. Deliberately absent: the options of drivers other than the engine's own, whose words nobody
//! knows here, but for a `device`.

use crate::{call::Caller, operation::Operation};
use bollard::models::ContainerInspectResponse;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use trueup_domain::{adoption, error::EngineError};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Volume {
    #[serde(default)]
    driver: String,
    #[serde(default)]
    options: Option<HashMap<String, String>>,
}

/// Each as the end of a sentence that begins with "it". A volume that cannot be looked at is an error:
/// it may be anything.
pub(super) async fn powers(
    caller: &Caller,
    answer: &ContainerInspectResponse,
) -> Result<Vec<String>, EngineError> {
    let mounts = answer.mounts.iter().flatten();
    let names: BTreeSet<_> = mounts.filter_map(|mount| mount.name.as_deref()).collect();
    let mut powers = Vec::new();
    for name in names {
        let path = format!("/volumes/{name}");
        let look = caller.transport.get::<Volume>(&path);
        let volume = caller.call(Operation::ListVolumes, name, look).await?;
        powers.extend(
            power(&volume).map(|what| format!("mounts the volume `{name}`, which is {what}")),
        );
    }
    Ok(powers)
}

/// File systems that are not of the host: memory, and what other machines serve.
const ELSEWHERE: [&str; 7] = ["ceph", "cifs", "nfs", "nfs4", "ramfs", "smb3", "tmpfs"];

fn power(volume: &Volume) -> Option<String> {
    let options = volume.options.as_ref()?;
    let of = |key: &str| options.get(key).map(String::as_str).unwrap_or_default();
    let (kind, device) = (of("type"), of("device"));
    // The kernel looks at the type only when it mounts no folder.
    let is_folder = of("o").split(',').any(|word| matches!(word, "bind" | "rbind"));
    if !is_folder && ELSEWHERE.contains(&kind) {
        return None;
    }
    // What does not begin with `/` begins at the engine's own directory, which is the root.
    let path = Some(device).filter(|device| !device.is_empty());
    let power = path.and_then(adoption::host_power);
    let is_system = !is_folder && !matches!(kind, "" | "none") && volume.driver == "local";
    power.or_else(|| is_system.then(|| format!("a file system of the host (`{kind}`)")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(driver: &str, options: &serde_json::Value) -> Option<String> {
        let volume = json!({"Name": "v", "Driver": driver, "Options": options});
        power(&serde_json::from_value(volume).unwrap())
    }

    #[test]
    fn a_volume_that_is_a_folder_of_the_host_is_judged_as_that_folder() {
        for (options, what) in [
            (json!({"type": "none", "o": "bind", "device": "/"}), "the system directory `/`"),
            (
                json!({"type": "none", "o": "ro,rbind", "device": "etc"}),
                "the system directory `etc`",
            ),
            (
                json!({"type": "nfs", "o": "rbind", "device": "/srv/.."}),
                "the system directory `/srv/..`",
            ),
            (
                json!({"o": "bind", "device": "/var/run/docker.sock"}),
                "the engine's socket `/var/run/docker.sock`",
            ),
            (json!({"type": "ext4", "device": "/dev/sda1"}), "the system directory `/dev/sda1`"),
        ] {
            assert_eq!(of("local", &options).as_deref(), Some(what), "{options}");
        }
        assert_eq!(of("local", &json!({"type": "none", "o": "bind", "device": "/srv/a"})), None);
    }

    #[test]
    fn a_volume_that_is_a_file_system_of_the_host_is_a_power() {
        for (kind, device) in
            [("proc", "x"), ("devtmpfs", "x"), ("overlay", "overlay"), ("sysfs", "")]
        {
            let options = json!({"type": kind, "device": device, "o": "lowerdir=/"});
            let what = format!("a file system of the host (`{kind}`)");
            assert_eq!(of("local", &options), Some(what));
        }
    }

    #[test]
    fn memory_other_machines_and_plain_volumes_are_no_power() {
        for options in [
            json!(null),
            json!({}),
            json!({"o": "size=1m"}),
            json!({"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}),
            json!({"type": "nfs", "device": ":/etc", "o": "addr=10.0.0.1"}),
            json!({"type": "cifs", "device": "//server/share"}),
        ] {
            assert_eq!(of("local", &options), None, "{options}");
        }
        assert_eq!(of("cloud", &json!({"type": "ssd"})), None);
        assert_eq!(
            of("cloud", &json!({"device": "/"})).as_deref(),
            Some("the system directory `/`")
        );
    }
}
