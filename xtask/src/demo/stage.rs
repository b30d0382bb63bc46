//! What the demo plays on: a controller in a scratch folder, and the engine beside it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bollard::Docker;
use bollard::query_parameters::InspectContainerOptions;
use serde_json::Value;
use tokio::time::Instant;
use trueup_tests::{controller::Controller, engine, image, list};

use crate::{cargo, terminal};

/// How often the engine is asked while something is waited for.
pub(super) const POLL: Duration = Duration::from_millis(5);

/// How long nothing is said about a workspace that is not ready.
const COMPLAIN_AFTER: Duration = Duration::from_secs(5);

/// A running controller and its engine.
pub(super) struct Stage {
    controller: Controller,
    pub(super) docker: Docker,
}

/// A container, as the engine says.
pub(super) struct Container {
    pub(super) id: String,
    pub(super) running: bool,
    pub(super) started_at: String,
    pub(super) memory: i64,
}

impl Stage {
    /// Finds the engine, builds the image and the binary, starts the controller.
    pub(super) async fn set() -> Result<Self> {
        let endpoint = engine::find().await?;
        let docker = endpoint.client()?;
        terminal::step(&format!("the engine at {}", endpoint.as_str()));
        terminal::step("building trueup and the image trueup/workload:test (minutes at first)");
        cargo::run(cargo::command(&["build", "--package", "trueup-cli"]))?;
        image::ensure(&docker).await?;
        let controller = Controller::start(&endpoint, &[])?;
        terminal::step(&format!("trueup run, in {}", controller.folder().display()));
        Ok(Self { controller, docker })
    }

    /// Runs the command line and returns what it printed; fails when it fails.
    pub(super) fn trueup(&self, arguments: &[&str]) -> Result<String> {
        let output = self.controller.trueup(arguments)?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("`trueup {}` failed ({}):\n{error}", arguments.join(" "), output.status);
        }
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// A workspace as `trueup get -o json` shows it.
    pub(super) fn workspace(&self, key: &str) -> Result<Value> {
        let text = self.trueup(&["get", key, "-o", "json"])?;
        let value: Value = serde_json::from_str(&text)?;
        // One name gives one workspace or a list of one.
        let item = value.get("items").and_then(|items| items.get(0)).cloned();
        Ok(item.unwrap_or(value))
    }

    /// Its container, as the engine says; looked up by the label, never by what trueup claims.
    pub(super) async fn container(&self, key: &str) -> Result<Option<Container>> {
        let (owner, name) = key.split_once('/').context("a key is OWNER/NAME")?;
        let filters = [
            self.controller.label(),
            format!("trueup.owner={owner}"),
            format!("trueup.name={name}"),
        ];
        let filters = std::collections::HashMap::from([("label", filters.to_vec())]);
        let options = bollard::query_parameters::ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let rows = self.docker.list_containers(Some(options)).await?;
        if rows.len() > 1 {
            bail!("{key} has {} containers", rows.len());
        }
        let Some(id) = rows.into_iter().next().and_then(|row| row.id) else { return Ok(None) };
        self.inspect(&id).await
    }

    /// A container by its id; `None` when it is gone.
    pub(super) async fn inspect(&self, id: &str) -> Result<Option<Container>> {
        use bollard::errors::Error::DockerResponseServerError;
        let found = self.docker.inspect_container(id, None::<InspectContainerOptions>).await;
        let container = match found {
            Err(DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            found => found?,
        };
        let state = container.state.unwrap_or_default();
        Ok(Some(Container {
            id: id.to_owned(),
            running: state.running.unwrap_or_default() && !state.paused.unwrap_or_default(),
            started_at: state.started_at.unwrap_or_default(),
            memory: container.host_config.and_then(|config| config.memory).unwrap_or_default(),
        }))
    }

    /// Waits until every workspace is Ready, and shows how many are.
    pub(super) async fn wait_until_all_ready(&self, patience: Duration) -> Result<()> {
        let begin = Instant::now();
        let mut shown = None;
        let mut complained = begin;
        loop {
            let list: Value = serde_json::from_str(&self.trueup(&["get", "-o", "json"])?)?;
            let items = list["items"].as_array().cloned().unwrap_or_default();
            let ready = items.iter().filter(|item| is_ready(item)).count();
            if shown != Some(ready) {
                terminal::note(&format!("{ready} of {} ready", items.len()));
                shown = Some(ready);
            }
            if ready == items.len() && ready > 0 {
                return Ok(());
            }
            if complained.elapsed() > COMPLAIN_AFTER {
                complained = Instant::now();
                for item in items.iter().filter(|item| !is_ready(item)) {
                    terminal::note(&complaint(item));
                }
            }
            if begin.elapsed() > patience {
                let table = self.trueup(&["get", "-o", "wide"])?;
                bail!("not all workspaces are ready after {patience:?}:\n{table}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the engine still holds of ours.
    pub(super) async fn left(&self) -> Result<list::Labelled> {
        list::labelled(&self.docker, &self.controller.label()).await
    }

    /// The label on all of it.
    pub(super) fn label(&self) -> String {
        self.controller.label()
    }

    /// Ends the controller in order.
    pub(super) fn end(&mut self) -> Result<()> {
        self.controller.terminate()
    }

    /// Ends the controller however it is, and removes whatever the engine still holds of ours.
    pub(super) async fn clear(&mut self) -> Result<()> {
        self.controller.kill();
        list::remove(&self.docker, &self.controller.label()).await
    }

    /// The end of the controller's log.
    pub(super) fn log_tail(&self) -> String {
        self.controller.log_tail()
    }

    /// Leaves all of it running and says how to reach and how to end it.
    pub(super) fn leave(&mut self) {
        let (host, pid) = (self.controller.host(), self.controller.pid().unwrap_or_default());
        let folder = self.controller.leave();
        let client = format!("cargo run --quiet --package trueup-cli -- --host {host}");
        terminal::step("left running; to look at it, and to end it:");
        terminal::result(&format!("{client} get"));
        terminal::result(&format!("{client} delete --all --volumes"));
        terminal::result(&format!("kill {pid}; rm -r {}", folder.display()));
    }
}

/// Whether a workspace's condition `Ready` is true.
pub(super) fn is_ready(workspace: &Value) -> bool {
    let conditions = workspace["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// What a workspace that is not ready says about itself.
fn complaint(workspace: &Value) -> String {
    let name = workspace["metadata"]["name"].as_str().unwrap_or_default();
    let conditions = workspace["status"]["conditions"].as_array();
    let message = |kind| {
        let said = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
        said.and_then(|condition| condition["message"].as_str()).filter(|text| !text.is_empty())
    };
    format!("{name}: {}", message("Degraded").or(message("Ready")).unwrap_or("not ready yet"))
}
