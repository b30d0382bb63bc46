//! Rows of the engine's lists → objects, leanly: an odd word in a field that nobody reads spoils nothing.

use crate::inherited::Marks;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use trueup_domain::{
    container::ContainerState,
    id::InstanceId,
    label,
    port::{Object, ObjectKind},
};

type Labels = HashMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ContainerRow {
    pub(super) id: String,
    /// The id of its image.
    #[serde(default, rename = "ImageID")]
    pub(super) image: String,
    /// Null for a moment while a container is removed.
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<Labels>,
    /// Seconds since the epoch.
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    host_config: Option<HostRow>,
    #[serde(default)]
    network_settings: Option<NetworkingRow>,
    #[serde(default)]
    mounts: Option<Vec<MountRow>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostRow {
    #[serde(default)]
    network_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkingRow {
    #[serde(default)]
    networks: Option<HashMap<String, Option<EndpointRow>>>,
}

#[derive(Debug, Deserialize)]
struct EndpointRow {
    /// Empty until the first start.
    #[serde(default, rename = "NetworkID")]
    network: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MountRow {
    /// A volume's name; a folder has none.
    #[serde(default)]
    name: Option<String>,
}

impl ContainerRow {
    pub(super) fn is_labelled(&self, instance: &InstanceId) -> bool {
        is_labelled(self.labels.as_ref(), instance)
    }

    /// What tells whose it is.
    pub(super) fn marks(&self) -> Marks<&str> {
        let of = |key| self.labels.as_ref()?.get(key).map(String::as_str);
        Marks {
            instance: of(label::INSTANCE_ID),
            workspace: of(label::WORKSPACE_ID),
            generation: of(label::GENERATION),
        }
    }

    pub(super) fn object(self) -> Object {
        let name = self.names.into_iter().flatten().next().unwrap_or_default();
        let state = crate::convert::container_state(self.state.as_deref().unwrap_or_default());
        Object {
            created_at: self.created.and_then(|at| Timestamp::from_second(at).ok()),
            // A word that is not known may mean a process.
            in_use: state.map_or(true, ContainerState::has_process),
            ..object(
                ObjectKind::Container,
                self.id,
                name.trim_start_matches('/').to_owned(),
                self.labels,
            )
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NetworkRow {
    id: String,
    name: String,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    labels: Option<Labels>,
}

impl NetworkRow {
    pub(super) fn is_labelled(&self, instance: &InstanceId) -> bool {
        is_labelled(self.labels.as_ref(), instance)
    }

    pub(super) fn object(self, used: &Used) -> Object {
        Object {
            created_at: time(self.created.as_deref()),
            in_use: used.networks.contains(&self.id) || used.networks.contains(&self.name),
            ..object(ObjectKind::Network, self.id, self.name, self.labels)
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Volumes {
    #[serde(default)]
    pub(super) volumes: Option<Vec<VolumeRow>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct VolumeRow {
    name: String,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    labels: Option<Labels>,
}

impl VolumeRow {
    pub(super) fn is_labelled(&self, instance: &InstanceId) -> bool {
        is_labelled(self.labels.as_ref(), instance)
    }

    pub(super) fn made_at(&self) -> Option<Timestamp> {
        time(self.created_at.as_deref())
    }

    pub(super) fn object(self, used: &Used) -> Object {
        Object {
            created_at: self.made_at(),
            in_use: used.volumes.contains(&self.name),
            ..object(ObjectKind::Volume, self.name.clone(), self.name, self.labels)
        }
    }
}

/// What containers refer to, stopped ones too: networks by name and by id, volumes by name.
pub(super) struct Used {
    networks: HashSet<String>,
    volumes: HashSet<String>,
}

impl Used {
    pub(super) fn by(rows: &[ContainerRow]) -> Self {
        let mut used = Self { networks: HashSet::new(), volumes: HashSet::new() };
        for row in rows {
            used.networks
                .extend(row.host_config.iter().filter_map(|host| host.network_mode.clone()));
            let networks = row.network_settings.iter().filter_map(|all| all.networks.as_ref());
            for (name, endpoint) in networks.flatten() {
                used.networks.insert(name.clone());
                used.networks.extend(endpoint.iter().filter_map(|one| one.network.clone()));
            }
            let mounts = row.mounts.iter().flatten();
            used.volumes.extend(mounts.filter_map(|mount| mount.name.clone()));
        }
        used
    }
}

/// As the engine writes times; whatever else it may write means that the age is not known.
fn time(text: Option<&str>) -> Option<Timestamp> {
    let time: Timestamp = text?.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

fn is_labelled(labels: Option<&Labels>, instance: &InstanceId) -> bool {
    let label = labels.and_then(|labels| labels.get(label::INSTANCE_ID));
    label.map(String::as_str) == Some(instance.as_str())
}

fn object(kind: ObjectKind, id: String, name: String, labels: Option<Labels>) -> Object {
    let labels = labels.unwrap_or_default();
    let workspace = labels.get(label::WORKSPACE_ID).and_then(|id| id.parse().ok());
    Object {
        kind,
        id,
        name,
        workspace,
        owner: labels.get(label::OWNER).cloned(),
        workspace_name: labels.get(label::NAME).cloned(),
        created_at: None,
        in_use: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "0190f5a0000070008000000000000001";

    fn container(rest: &str) -> ContainerRow {
        serde_json::from_str(&format!(r#"{{"Id":"c1","Odd":{{}}{rest}}}"#)).unwrap()
    }

    fn labels() -> String {
        format!(
            r#""Labels":{{"{}":"i","{}":"{WORKSPACE}","{}":"alice","{}":"web"}}"#,
            label::INSTANCE_ID,
            label::WORKSPACE_ID,
            label::OWNER,
            label::NAME
        )
    }

    #[test]
    fn a_container_row_becomes_an_object() {
        let rest =
            format!(r#","Names":["/web"],"Created":1790000000,"State":"running",{}"#, labels());
        let row = container(&rest);
        assert!(row.is_labelled(&InstanceId::new("i")));
        assert!(!row.is_labelled(&InstanceId::new("other")));
        let object = row.object();
        assert_eq!((object.kind, object.id.as_str()), (ObjectKind::Container, "c1"));
        assert_eq!((object.name.as_str(), object.in_use), ("web", true));
        assert_eq!(object.workspace, Some(WORKSPACE.parse().unwrap()));
        assert_eq!(object.owner.as_deref(), Some("alice"));
        assert_eq!(object.workspace_name.as_deref(), Some("web"));
        assert_eq!(object.created_at, Some(Timestamp::from_second(1_790_000_000).unwrap()));
    }

    #[test]
    fn a_label_that_is_no_id_names_no_workspace_and_a_strange_state_counts_as_a_process() {
        let label = format!(r#","Labels":{{"{}":"x"}},"State":"levitating""#, label::WORKSPACE_ID);
        let object = container(&label).object();
        assert_eq!((object.workspace, object.in_use), (None, true));
        assert!(!container(r#","State":"exited""#).object().in_use);
    }

    #[test]
    fn what_containers_refer_to_is_used_by_whatever_name() {
        let used = Used::by(&[container(
            r#","HostConfig":{"NetworkMode":"asked-for"},
               "NetworkSettings":{"Networks":{"joined":{"NetworkID":"n1"},"left":null}},
               "Mounts":[{"Type":"volume","Name":"v1"},{"Type":"bind","Source":"/srv"}]"#,
        )]);
        for name in ["asked-for", "joined", "n1", "left"] {
            assert!(used.networks.contains(name), "{name}");
        }
        assert!(used.volumes.contains("v1"));
        let network = |id: &str, name: &str| -> NetworkRow {
            serde_json::from_str(&format!(r#"{{"Id":"{id}","Name":"{name}"}}"#)).unwrap()
        };
        assert!(network("n1", "x").object(&used).in_use);
        assert!(network("n2", "joined").object(&used).in_use);
        assert!(!network("n2", "x").object(&used).in_use);
    }

    #[test]
    fn times_are_read_in_every_form_that_engines_write() {
        for text in ["2026-11-22T10:00:00Z", "2026-11-22T11:00:00.000000001+01:00"] {
            assert!(time(Some(text)).is_some(), "{text}");
        }
        for text in ["", "soon", "0001-01-01T00:00:00Z"] {
            assert_eq!(time(Some(text)), None, "{text}");
        }
    }
}
