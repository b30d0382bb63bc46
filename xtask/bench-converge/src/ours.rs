//! Our side: the release binary as a controller, spoken to by its own command line.
//!
//! What is measured is what a user would see who types the same: from the start of `apply` or
//! `delete` to the engine's last event. Deliberately absent: the API's client.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bollard::query_parameters::InspectContainerOptions;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};
use trueup_tests::controller::Controller;
use trueup_tests::{image, list};

use crate::pattern::Pattern;
use crate::stage::Stage;
use crate::watch::Watch;

/// Without it a debug build would be measured.
const BINARY: &str = "TRUEUP_BIN";
const OWNER: &str = "bench";
/// How many there are when the pattern is read: enough for each of the shared networks.
const SAMPLES: usize = 24;
const SETTLE_DEADLINE: Duration = Duration::from_mins(2);

/// A controller with a store and a socket of its own.
pub struct Ours {
    controller: Controller,
    pub label: String,
}

impl Ours {
    /// Starts it.
    pub fn start(stage: &Stage) -> Result<Self> {
        ensure!(
            std::env::var_os(BINARY).is_some(),
            "run it as `cargo xtask bench converge`, or name a release build of trueup in {BINARY}"
        );
        let controller = block_in_place(|| Controller::start(&stage.endpoint, &[]))?;
        let label = controller.label();
        stage.claim(&label);
        Ok(Self { controller, label })
    }

    /// Ends it as a user would.
    pub fn end(&mut self) -> Result<()> {
        block_in_place(|| self.controller.terminate())
    }

    /// From none to `count` running: how long that took.
    pub async fn bring_up(&self, stage: &Stage, count: usize) -> Result<Duration> {
        let manifests = manifests(count)?;
        let mut watch = Watch::open(&stage.docker, &self.label).await?;
        let begin = Instant::now();
        self.trueup(&["apply", "-f", &manifests.path().to_string_lossy()])?;
        eprintln!("  the command took {:.3?}", begin.elapsed());
        let end = watch.all_running(count).await?;
        self.settle(count).await?;
        Ok(end - begin)
    }

    /// From `count` running to none left: how long that took.
    pub async fn take_down(&self, stage: &Stage, count: usize) -> Result<Duration> {
        let mut watch = Watch::open(&stage.docker, &self.label).await?;
        let begin = Instant::now();
        self.trueup(&["delete", "--all", "--no-wait"])?;
        eprintln!("  the command took {:.3?}", begin.elapsed());
        let end = watch.all_gone(count).await?;
        self.settle(0).await?;
        let left = list::labelled(&stage.docker, &self.label).await?;
        ensure!(left.volumes.is_empty(), "trueup has left {left:?}");
        Ok(end - begin)
    }

    /// What a container of ours is like, and on which networks; only these are left.
    pub async fn pattern(&self, stage: &Stage) -> Result<Pattern> {
        self.bring_up(stage, SAMPLES).await?;
        let found = list::labelled(&stage.docker, &self.label).await?;
        let name = found.containers.first().context("there is no container")?;
        let inspected =
            stage.docker.inspect_container(name, None::<InspectContainerOptions>).await?;
        let pattern = Pattern::read(stage, inspected, found.networks).await?;
        self.take_down(stage, SAMPLES).await?;
        Ok(pattern)
    }

    /// Waits until that many are declared, and all of them are ready: the next measurement does not
    /// begin with the work of the last one.
    async fn settle(&self, count: usize) -> Result<()> {
        let deadline = Instant::now() + SETTLE_DEADLINE;
        loop {
            let text = self.trueup(&["get", "-o", "json"])?;
            let list: serde_json::Value = serde_json::from_slice(&text)?;
            let items = list["items"].as_array().context("`trueup get` has no items")?;
            let is_ready = |item: &&serde_json::Value| {
                let conditions = item["status"]["conditions"].as_array();
                conditions
                    .into_iter()
                    .flatten()
                    .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
            };
            if items.len() == count && items.iter().filter(is_ready).count() == count {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "trueup does not settle at {count} workspaces");
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn trueup(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = block_in_place(|| self.controller.trueup(arguments))?;
        let words = arguments.join(" ");
        ensure!(
            output.status.success(),
            "trueup {words}: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            self.controller.log_tail()
        );
        Ok(output.stdout)
    }
}

/// One file with all of them. The command ends on TERM at once, so that a gentle stop costs no
/// grace; everything else is trueup's default.
fn manifests(count: usize) -> Result<NamedTempFile> {
    let documents = (0..count).map(|number| {
        json!({
            "apiVersion": "trueup/v1",
            "kind": "Workspace",
            "metadata": {"name": format!("bench-{number}"), "owner": OWNER},
            "spec": {
                "image": image::IMAGE,
                "command": [image::PROGRAM, "sleep"],
                "resources": {"cpus": 0.5, "memory": "32MiB", "pids": 32},
            },
        })
        .to_string()
    });
    let text = documents.collect::<Vec<_>>().join("\n---\n");
    let file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    std::fs::write(file.path(), text)?;
    Ok(file)
}
