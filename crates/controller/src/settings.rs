//! The configuration: defaults, then a TOML file, then the environment, then flags; the later wins.
//!
//! Every key is described, with its default, in `deploy/trueup.example.toml`; a test holds the two
//! together. An unknown key is an error, never ignored.

mod source;
mod usage;

pub use source::DEFAULT_FILE;
pub use usage::Usage;

use crate::Error;
use serde::{Deserialize, Serialize};
use std::{env, net::SocketAddr, path::PathBuf};
use trueup_domain::quantity::Period;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct Settings {
    /// Which controller this is.
    pub instance: Instance,
    /// The Docker Engine.
    pub engine: Engine,
    /// Where workspaces are kept.
    pub store: Store,
    /// How the controller is reached.
    pub api: Api,
    /// Which folders of the host may be mounted.
    pub projects: Projects,
    /// Networks and published ports.
    pub network: Network,
    /// How much is done at once, and how failures are retried.
    pub reconcile: Reconcile,
    /// What workspaces use.
    pub usage: Usage,
    /// What is written to the log.
    pub log: Log,
    /// Where traces go.
    pub telemetry: Telemetry,
}

/// Which controller this is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instance {
    /// What our objects on the engine are labelled with; not given: made once, kept in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The Docker Engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// `unix:///path` or `tcp://host:port`.
    pub host: String,
    /// How often everything is compared with the engine's list, whatever events said.
    pub resync: Period,
    /// How long a process may take to end by itself.
    pub stop_grace: Period,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            host: env::var("DOCKER_HOST")
                .ok()
                .filter(|host| !host.is_empty())
                .unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned()),
            resync: Period::from_secs(30),
            stop_grace: Period::from_secs(10),
        }
    }
}

/// Where workspaces are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The SQLite file.
    pub path: PathBuf,
    /// How many passes of a workspace are kept as history.
    pub passes_per_workspace: u32,
    /// How many events are kept.
    pub events: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: state_folder().join("trueup.db"), passes_per_workspace: 50, events: 1_000_000 }
    }
}

/// How the controller is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// The unix socket, mode 0600.
    pub socket: PathBuf,
    /// A loopback address to listen on as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
}

impl Default for Api {
    fn default() -> Self {
        Self { socket: trueup_api::default_socket(), listen: None }
    }
}

/// Which folders of the host may be mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Projects {
    /// Only folders below these; none: no workspace may mount a project.
    pub roots: Vec<PathBuf>,
}

/// Networks and published ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The address of the host that ports are published on.
    pub publish_address: std::net::IpAddr,
    /// Over how many shared bridges workspaces of isolation `standard` are spread.
    pub shards: u16,
    /// The range that networks of isolation `strict` are taken from, such as `10.213.0.0/16`; not
    /// given: they get no network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict_range: Option<String>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            publish_address: std::net::Ipv4Addr::LOCALHOST.into(),
            shards: 4,
            strict_range: None,
        }
    }
}

/// How much is done at once, and how failures are retried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reconcile {
    /// How many workspaces are worked on at once.
    pub concurrency: usize,
    /// How many workspaces of one owner; not given: as many as there is room for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_per_owner: Option<usize>,
    /// The wait after a first failure; it doubles from there.
    pub backoff_base: Period,
    /// The longest wait after a failure.
    pub backoff_max: Period,
    /// How long the passes under way may take at a shutdown.
    pub drain: Period,
}

impl Default for Reconcile {
    fn default() -> Self {
        Self {
            concurrency: 32,
            concurrency_per_owner: None,
            backoff_base: Period::from_secs(1),
            backoff_max: Period::from_secs(60),
            drain: Period::from_secs(10),
        }
    }
}

/// What is written to the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `human` or `json`.
    pub format: LogFormat,
    /// What is written, such as `info` or `info,trueup_docker_adapter=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Human, filter: "info".to_owned() }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// A collector that speaks OTLP over HTTP, such as `http://127.0.0.1:4318`; not given: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// The share of traces that is exported, 0.0 to 1.0.
    pub sample_ratio: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp_endpoint: None, sample_ratio: 1.0 }
    }
}

impl Settings {
    /// Rules that a type cannot hold.
    fn check(&self) -> Result<(), Error> {
        let wrong = |key, why: &str| Err(Error::Setting { key, why: why.to_owned() });
        if let Some(listen) = self.api.listen
            && !listen.ip().is_loopback()
        {
            return wrong("api.listen", "must be a loopback address such as 127.0.0.1:7117");
        }
        if self.reconcile.concurrency == 0 {
            return wrong("reconcile.concurrency", "must be at least 1");
        }
        if self.reconcile.concurrency_per_owner == Some(0) {
            return wrong("reconcile.concurrency_per_owner", "must be at least 1, or left out");
        }
        if let Some(range) = &self.network.strict_range
            && let Err(why) = trueup_docker_adapter::check_range(range)
        {
            return wrong("network.strict_range", &format!("cannot be used: {why}"));
        }
        if self.network.shards == 0 {
            return wrong("network.shards", "must be at least 1");
        }
        if self.engine.resync.duration().as_millis() < 100 {
            return wrong("engine.resync", "must be at least 100ms");
        }
        if self.reconcile.backoff_max < self.reconcile.backoff_base {
            return wrong("reconcile.backoff_max", "must not be shorter than backoff_base");
        }
        self.usage.check()?;
        if !(0.0..=1.0).contains(&self.telemetry.sample_ratio) {
            return wrong("telemetry.sample_ratio", "must be from 0.0 to 1.0");
        }
        if self.projects.roots.iter().any(|root| !root.is_absolute()) {
            return wrong("projects.roots", "must be absolute paths");
        }
        Ok(())
    }
}

/// `/var/lib/trueup` for root, the user's own state folder for others.
fn state_folder() -> PathBuf {
    if rustix::process::geteuid().is_root() {
        return PathBuf::from("/var/lib/trueup");
    }
    let state = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    state.unwrap_or_else(|| PathBuf::from("/var/lib")).join("trueup")
}

#[cfg(test)]
mod tests;
