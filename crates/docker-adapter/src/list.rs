//! Rows of the engine's container list → the domain, leanly.
//!
//! Only a few fields of a row are read: an odd word anywhere else cannot spoil a list, and 10,000
//! rows cost a fraction of what a full decoding does. A row that is not usable is left out with a
//! warning; whoever misses it has to inspect before acting on its absence anyway.

use crate::{convert::container_state, inherited::Marks};
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;
use trueup_domain::{
    container::ContainerSummary,
    id::{ContainerId, InstanceId, WorkspaceId},
    label,
};

/// One row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Row {
    id: String,
    /// Null for a moment while a container is removed.
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<Labels>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    network_settings: Option<Networking>,
    #[serde(default, rename = "ImageID")]
    image: String,
}

impl Row {
    /// The container's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What tells whose it is; the instance is the one whose containers were asked for.
    pub(crate) fn marks<'a>(&'a self, instance: &'a InstanceId) -> Marks<&'a str> {
        let labels = self.labels.as_ref();
        Marks {
            instance: Some(instance.as_str()),
            workspace: labels.and_then(|labels| labels.workspace.as_deref()),
            generation: labels.and_then(|labels| labels.generation.as_deref()),
        }
    }

    /// The id of its image.
    pub(crate) fn image(&self) -> &str {
        &self.image
    }
}

#[derive(Debug, Deserialize)]
struct Labels {
    // The attribute takes no constant; a test holds it to the label's name.
    #[serde(default, rename = "trueup.workspace-id")]
    workspace: Option<String>,
    #[serde(default, rename = "trueup.generation")]
    generation: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Networking {
    #[serde(default)]
    #[expect(clippy::zero_sized_map_values, reason = "the names are keys; the rest is not read")]
    networks: Option<BTreeMap<String, IgnoredAny>>,
}

/// The path that lists our containers, or those of one workspace.
pub(crate) fn path(instance: &InstanceId, workspace: Option<WorkspaceId>) -> String {
    let ours = format!("{}={instance}", label::INSTANCE_ID);
    let workspace = workspace.map(|id| format!("{}={id}", label::WORKSPACE_ID));
    let labels: Vec<String> = std::iter::once(ours).chain(workspace).collect();
    with_filters("/containers/json?all=1", &[("label", labels)])
}

/// `path` with the engine's filters added to its query.
pub(crate) fn with_filters(path: &str, filters: &[(&str, Vec<String>)]) -> String {
    let filters: serde_json::Map<String, serde_json::Value> =
        filters.iter().map(|(key, values)| ((*key).to_owned(), values.clone().into())).collect();
    let text = serde_json::Value::Object(filters).to_string();
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}filters={encoded}")
}

/// The usable rows.
pub(crate) fn summaries(rows: Vec<Row>) -> Vec<ContainerSummary> {
    let usable = |row: Row| {
        let id = row.id.clone();
        summary(row)
            .map_err(|problem| tracing::warn!(container = id, problem, "a listed row is left out"))
            .ok()
    };
    rows.into_iter().filter_map(usable).collect()
}

/// All rows, for whoever takes what is not among them for absent.
///
/// # Errors
/// What is wrong with the first one that is no use.
pub(crate) fn all_summaries(rows: Vec<Row>) -> Result<Vec<ContainerSummary>, String> {
    rows.into_iter()
        .map(|row| {
            let id = row.id.clone();
            summary(row).map_err(|problem| format!("the row of container {id}: {problem}"))
        })
        .collect()
}

fn summary(row: Row) -> Result<ContainerSummary, String> {
    let workspace = row.labels.and_then(|labels| labels.workspace);
    let workspace = workspace.ok_or("it names no workspace")?.parse()?;
    let networks = row.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let name = row.names.into_iter().flatten().next().unwrap_or_default();
    Ok(ContainerSummary {
        id: ContainerId::new(row.id),
        name: name.trim_start_matches('/').to_owned(),
        workspace,
        state: container_state(row.state.as_deref().unwrap_or_default())?,
        networks: networks.into_keys().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_domain::container::ContainerState;

    const WORKSPACE: &str = "0190f5a0000070008000000000000001";

    fn row(extra: &str) -> String {
        let labels = format!(r#"{{"{}":"{WORKSPACE}","other":"x"}}"#, label::WORKSPACE_ID);
        format!(r#"{{"Id":"abc","Labels":{labels},"Mounts":[{{"Type":"odd"}}]{extra}}}"#)
    }

    #[test]
    fn whoever_asks_for_one_workspace_s_containers_is_told_of_a_row_that_cannot_be_read() {
        let rows = [row(r#","State":"running""#), row(r#","State":"odd""#)];
        let rows: Vec<Row> = serde_json::from_str(&format!("[{}]", rows.join(","))).unwrap();
        let told = all_summaries(rows).unwrap_err();
        assert!(told.starts_with("the row of container abc: ") && told.contains("odd"), "{told}");
    }

    fn read(rows: &[String]) -> Vec<ContainerSummary> {
        summaries(serde_json::from_str(&format!("[{}]", rows.join(","))).unwrap())
    }

    #[test]
    fn a_row_becomes_a_summary() {
        let rows = read(&[row(
            r#","Names":["/trueup-x"],"State":"exited","NetworkSettings":{"Networks":{"a":{"NetworkID":"1"},"b":null}}"#,
        )]);
        assert_eq!(
            rows,
            [ContainerSummary {
                id: ContainerId::new("abc"),
                name: "trueup-x".to_owned(),
                workspace: WORKSPACE.parse().unwrap(),
                state: ContainerState::Exited,
                networks: ["a".to_owned(), "b".to_owned()].into(),
            }]
        );
    }

    #[test]
    fn one_odd_row_does_not_spoil_the_others() {
        let odd = [
            row(r#","State":"levitating""#),
            row(""),
            r#"{"Id":"foreign","Labels":null,"Names":null,"State":"running"}"#.to_owned(),
        ];
        let good = row(r#","Names":null,"State":"removing""#);
        let rows = read(&[&odd[..], &[good]].concat());
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].state, ContainerState::Removing);
    }

    #[test]
    fn filters_are_encoded() {
        let path = path(&InstanceId::new("a b"), None);
        assert_eq!(
            path,
            "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22trueup.instance-id%3Da+b%22%5D%7D"
        );
    }
}
