//! What a test plays on: a controller, a client for it, and the engine beside it.

use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result};
use bollard::Docker;
use bollard::models::{ContainerInspectResponse, ContainerSummary};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};
use serde_json::{Value, json};
use tokio::time::Instant;
use trueup_api::domain::condition::{Condition, ConditionType};
use trueup_api::domain::manifest::{self, Manifest};
use trueup_api::domain::name::WorkspaceKey;
use trueup_api::domain::status::Phase;
use trueup_api::wire::{Verb, WorkspaceView};
use trueup_api::{Address, Client};
use trueup_tests::controller::Controller;
use trueup_tests::engine::{self, Endpoint};
use trueup_tests::{image, list};

/// Long enough for a slow machine; what takes this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(25);

/// A running controller on an engine.
pub(crate) struct Scene {
    pub(crate) controller: Controller,
    pub(crate) client: Client,
    pub(crate) docker: Docker,
    label: String,
}

impl Scene {
    /// On the engine that `DOCKER_HOST` or the usual socket names.
    pub(crate) async fn set(settings: &[(&str, &str)]) -> Result<Self> {
        Self::set_on(&engine::find().await?, settings).await
    }

    /// On a given engine.
    pub(crate) async fn set_on(engine: &Endpoint, settings: &[(&str, &str)]) -> Result<Self> {
        let docker = engine.client()?;
        image::ensure(&docker).await?;
        let controller = Controller::start(engine, settings)?;
        let client = Client::new(Address::Unix(controller.socket()))?;
        let label = controller.label();
        Ok(Self { controller, client, docker, label })
    }

    /// Declares workspaces; each is a name and the spec beside the image.
    pub(crate) async fn apply(&self, workspaces: &[(&str, Value)]) -> Result<()> {
        let manifests: Vec<_> = workspaces.iter().map(|(name, spec)| declare(name, spec)).collect();
        self.client.apply(&manifests, false).await.context("apply")?;
        Ok(())
    }

    /// A workspace as the API shows it.
    pub(crate) async fn get(&self, name: &str) -> Result<WorkspaceView> {
        Ok(self.client.get(&key(name)).await?)
    }

    /// Waits until a workspace is as wanted, and returns it so.
    pub(crate) async fn until(
        &self,
        name: &str,
        wanted: impl Fn(&WorkspaceView) -> bool,
    ) -> WorkspaceView {
        let what = format!("{name} as wanted");
        eventually(&what, async || {
            let view = self.get(name).await.map_err(|error| format!("{error:#}"))?;
            if wanted(&view) { Ok(view) } else { Err(summary(&view)) }
        })
        .await
    }

    /// Waits until a workspace is ready.
    pub(crate) async fn until_ready(&self, name: &str) -> WorkspaceView {
        self.until(name, is_ready).await
    }

    /// Waits until a workspace is in a phase.
    pub(crate) async fn until_phase(&self, name: &str, phase: Phase) -> WorkspaceView {
        self.until(name, |view| view.workspace.phase() == phase && is_current(view)).await
    }

    /// Asks for another state, as a user does.
    pub(crate) async fn verb(&self, name: &str, verb: Verb) -> Result<()> {
        self.client.set_state(&key(name), verb, None).await?;
        Ok(())
    }

    /// The containers of this instance, all of them or those of one workspace.
    pub(crate) async fn containers(&self, name: Option<&str>) -> Result<Vec<ContainerSummary>> {
        let mut labels = vec![self.label.clone()];
        labels.extend(name.map(|name| format!("trueup.name={name}")));
        let filters = HashMap::from([("label", labels)]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        Ok(self.docker.list_containers(Some(options)).await?)
    }

    /// The one container of a workspace, inspected.
    pub(crate) async fn container(&self, name: &str) -> Result<ContainerInspectResponse> {
        let rows = self.containers(Some(name)).await?;
        anyhow::ensure!(rows.len() == 1, "{name} has {} containers", rows.len());
        let id = rows[0].id.clone().context("an id")?;
        Ok(self.docker.inspect_container(&id, None::<InspectContainerOptions>).await?)
    }

    /// The id of the one container of a workspace.
    pub(crate) async fn container_id(&self, name: &str) -> Result<String> {
        self.container(name).await?.id.context("an id")
    }

    /// What the engine holds of this instance.
    pub(crate) async fn left(&self) -> Result<list::Labelled> {
        list::labelled(&self.docker, &self.label).await
    }

    /// Deletes everything through trueup, volumes too, and proves that nothing is left.
    pub(crate) async fn strike(&mut self) -> Result<()> {
        let output = self.controller.trueup(["delete", "--all", "--volumes"])?;
        let error = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "delete --all: {error}");
        let left = self.left().await?;
        anyhow::ensure!(left.is_empty(), "left behind: {left:?}");
        self.controller.terminate()
    }
}

/// Removes whatever is still on the engine: a test that failed must not disturb the next one.
impl Drop for Scene {
    fn drop(&mut self) {
        self.controller.kill();
        if std::thread::panicking() {
            eprintln!("the end of the controller's log:\n{}", self.controller.log_tail());
        }
        let (docker, label) = (self.docker.clone(), self.label.clone());
        // A runtime cannot be blocked on from inside another one.
        let sweep = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            let swept = runtime.block_on(async {
                tokio::time::timeout(PATIENCE, list::remove(&docker, &label)).await
            });
            if let Ok(Err(error)) = swept {
                eprintln!("cannot clean up: {error:#}");
            }
        });
        let _ = sweep.join();
    }
}

/// A manifest with the test image; `spec` may replace any of it.
pub(crate) fn declare(name: &str, spec: &Value) -> Manifest {
    let mut whole = json!({
        "image": image::IMAGE,
        "imagePullPolicy": "Never",
        "command": [image::PROGRAM, "sleep"],
        "resources": {"cpus": 0.5, "memory": "32MiB", "pids": 32},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    let value = json!({
        "apiVersion": "trueup/v1",
        "kind": "Workspace",
        "metadata": {"name": name, "owner": "tester"},
        "spec": whole,
    });
    manifest::from_json(value).expect("a test's manifest is valid")
}

/// `tester/NAME`.
pub(crate) fn key(name: &str) -> WorkspaceKey {
    WorkspaceKey { owner: "tester".parse().expect("an owner"), name: name.parse().expect("a name") }
}

/// A condition of a workspace.
pub(crate) fn condition(view: &WorkspaceView, kind: ConditionType) -> Option<&Condition> {
    view.workspace.status.conditions.get(kind)
}

/// Whether a workspace is ready, for its newest generation.
pub(crate) fn is_ready(view: &WorkspaceView) -> bool {
    is_current(view) && view.workspace.status.conditions.is_true(ConditionType::Ready)
}

/// Whether the status is about the newest generation.
pub(crate) fn is_current(view: &WorkspaceView) -> bool {
    view.workspace.status.observed_generation == view.workspace.generation
}

/// Tries until it succeeds; panics with the last failure when that takes too long.
pub(crate) async fn eventually<T, E: Debug>(
    what: &str,
    attempt: impl AsyncFn() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) if Instant::now() > deadline => {
                panic!("not {what} after {PATIENCE:?}: {error:?}")
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

fn summary(view: &WorkspaceView) -> String {
    let status = &view.workspace.status;
    let conditions: Vec<_> = status
        .conditions
        .iter()
        .map(|c| format!("{:?}={:?} {}: {}", c.kind, c.status, c.reason, c.message))
        .collect();
    format!("{} ({}); {}", view.workspace.phase(), status.status, conditions.join("; "))
}
