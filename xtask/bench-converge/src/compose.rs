//! The peer that most people have: `docker-compose`, with the same containers as services, on the
//! same networks.
//!
//! It is used if it is there, and never installed.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use crate::pattern::Pattern;
use crate::stage::Stage;
use crate::watch::Watch;

const PROGRAM: &str = "docker-compose";
/// How much it does at once. Each service takes one place and waits in it for another; with fewer
/// places than services, and 64 is its default, docker-compose 1.29 waits for itself for ever.
const LIMIT: &str = "COMPOSE_PARALLEL_LIMIT";
const DEADLINE: Duration = Duration::from_mins(5);

/// What to say where it is missing.
pub const MISSING: &str =
    "docker-compose is not installed (Debian: `apt-get install docker-compose`)";

/// What to say where it was measured.
pub const NOTE: &str =
    "COMPOSE_PARALLEL_LIMIT is twice the services; with fewer than them it hangs";

/// A project with so many services.
pub struct Compose {
    folder: TempDir,
    name: String,
    count: usize,
}

impl Compose {
    /// `None` where the program is missing.
    pub async fn prepare(stage: &Stage, pattern: &Pattern, count: usize) -> Result<Option<Self>> {
        let version = Command::new(PROGRAM).arg("version").stdin(Stdio::null()).output().await;
        if !version.is_ok_and(|output| output.status.success()) {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let file = project(stage, pattern, count);
        std::fs::write(folder.path().join("docker-compose.yml"), file.to_string())?;
        Ok(Some(Self { folder, name: format!("trueup-bench-{}", stage.run()), count }))
    }

    /// `up -d`: how long it took until all ran.
    pub async fn bring_up(&self, stage: &Stage) -> Result<Duration> {
        let mut watch = Watch::open(&stage.docker, &stage.label()).await?;
        let begin = Instant::now();
        self.run(stage, &["up", "-d"]).await?;
        Ok(watch.all_running(self.count).await? - begin)
    }

    /// `down`: how long it took until none was left.
    pub async fn take_down(&self, stage: &Stage) -> Result<Duration> {
        let mut watch = Watch::open(&stage.docker, &stage.label()).await?;
        let begin = Instant::now();
        self.run(stage, &["down"]).await?;
        Ok(watch.all_gone(self.count).await? - begin)
    }

    async fn run(&self, stage: &Stage, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(self.folder.path())
            .env("DOCKER_HOST", stage.endpoint.as_str())
            .env(LIMIT, (self.count * 2).to_string())
            .args(["--project-name", &self.name])
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let words = arguments.join(" ");
        let output = timeout(DEADLINE, command.output()).await;
        let output = output
            .with_context(|| format!("{PROGRAM} {words} is not done after {DEADLINE:?}"))?
            .with_context(|| format!("cannot start {PROGRAM}"))?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{PROGRAM} {words}: {told}");
        Ok(())
    }
}

/// The project's file; JSON is YAML.
fn project(stage: &Stage, pattern: &Pattern, count: usize) -> serde_json::Value {
    let (key, value) = stage.label_pair();
    let labels = json!({key: value});
    let (image, command) = pattern.program();
    let options = pattern.body(0).host_config.unwrap_or_default();
    let service = |number| {
        let networks: Vec<&str> = pattern.network(number).into_iter().collect();
        json!({
            "image": image,
            "command": command,
            "init": true,
            "labels": labels,
            "networks": networks,
            "cap_drop": options.cap_drop,
            "cap_add": options.cap_add,
            "security_opt": options.security_opt,
            "mem_limit": options.memory,
            "memswap_limit": options.memory_swap,
            "pids_limit": options.pids_limit,
            "cpus": 0.5,
        })
    };
    let by_name = |number| (format!("bench-{number}"), service(number));
    let services: serde_json::Map<String, serde_json::Value> = (0..count).map(by_name).collect();
    let names = (0..count).filter_map(|number| pattern.network(number));
    let networks: serde_json::Map<String, serde_json::Value> =
        names.map(|name| (name.to_owned(), json!({"external": {"name": name}}))).collect();
    json!({"version": "2.4", "services": services, "networks": networks})
}
