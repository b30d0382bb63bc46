//! A Docker Engine of a test's own, to be stopped, killed and started at will.
//!
//! # Guarantees
//! - The machine's engine is never touched: socket, data, state and containerd are in a temporary
//!   folder, and the daemons run in a network and a mount namespace of their own. (The namespaces
//!   are needed: dockerd with `bridge: none` removes the machine's `docker0`, and with iptables it
//!   rewrites the machine's rules.)
//! - Containerd outlives dockerd, as it does on a server: after [`Dockerd::kill`] and
//!   [`Dockerd::start`] the new daemon meets the containers of the old one.
//! - Dropping it ends every process that descends from it and removes its folder; the mounts end
//!   with the namespace.
//!
//! # Caveats
//! It needs root, and `dockerd`, `containerd`, `unshare` and `nsenter` in the path. Published
//! ports are reachable only inside its network namespace. A test process that is killed by
//! SIGKILL leaves it behind.

mod config;
mod processes;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bollard::Docker;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::engine::Endpoint;
use config::Layout;
use processes::Processes;

/// What the containers of a private engine can use besides `none` and networks made by the test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// No default bridge and no packet filter: the quickest start.
    #[default]
    None,
    /// The default bridge with the engine's packet filter, inside the private namespace.
    Bridge,
}

/// How a private engine is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// What its containers can use.
    pub network: Network,
    /// Whether containers go on while the daemon is stopped in order.
    pub live_restore: bool,
}

/// A running or stopped private engine.
#[derive(Debug)]
pub struct Dockerd {
    folder: TempDir,
    layout: Layout,
    containerd: Child,
    daemon: Option<Child>,
    /// Known as soon as containerd is up.
    processes: Option<Processes>,
}

const START_DEADLINE: Duration = Duration::from_mins(1);
const STOP_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
const PROGRAMS: [&str; 5] = ["dockerd", "containerd", "unshare", "nsenter", "ip"];

impl Dockerd {
    /// Starts an engine without a default bridge and waits until it answers.
    pub async fn launch() -> Result<Self> {
        Self::launch_with(Network::None).await
    }

    /// Starts an engine and waits until it answers, for at most a minute.
    ///
    /// # Errors
    /// If a program is missing (the text says what to install), or with the end of the daemon's
    /// log if it does not come up.
    pub async fn launch_with(network: Network) -> Result<Self> {
        Self::launch_as(Setup { network, live_restore: false }).await
    }

    /// Starts an engine with that setup and waits until it answers, for at most a minute.
    ///
    /// # Errors
    /// As [`launch_with`](Self::launch_with).
    pub async fn launch_as(setup: Setup) -> Result<Self> {
        require_programs()?;
        let folder = tempfile::Builder::new()
            .prefix("trueup-engine-")
            .tempdir()
            .context("create the private engine's folder")?;
        let layout = Layout::new(folder.path());
        layout.write(setup)?;
        let containerd = spawn(
            Command::new("unshare")
                // `slave`, not `private`: what the machine unmounts must not live on in here.
                .args(["--net", "--mount", "--propagation", "slave", "--", "containerd"])
                .arg("--config")
                .arg(layout.containerd_config()),
            &layout.containerd_log(),
        )?;
        let mut engine = Self { folder, layout, containerd, daemon: None, processes: None };
        engine.wait_for_containerd().await?;
        engine.processes = Some(Processes::of(engine.folder.path(), &engine.containerd)?);
        engine.bring_loopback_up()?;
        engine.start().await?;
        Ok(engine)
    }

    /// The same command, run where the engine's published ports are: in its network namespace. Nothing
    /// outside of it can be reached from there.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--net", "--target", &self.containerd.id().to_string(), "--"]);
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }

    /// A new network namespace has its loopback down, and ports are published on it.
    fn bring_loopback_up(&self) -> Result<()> {
        let mut command = Command::new("ip");
        let output = self.inside(command.args(["link", "set", "lo", "up"])).output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cannot bring the loopback up: {error}");
        Ok(())
    }

    /// Where it listens, for `DOCKER_HOST` and for clients.
    pub fn endpoint(&self) -> Result<Endpoint> {
        Endpoint::parse(&self.layout.host())
    }

    /// A client of this engine.
    pub fn client(&self) -> Result<Docker> {
        self.endpoint()?.client()
    }

    /// The folder that holds its socket, data, state and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the daemon on the data that is there and waits until it answers.
    ///
    /// # Errors
    /// If it is running already, ends early, or does not answer within a minute.
    pub async fn start(&mut self) -> Result<()> {
        ensure!(self.daemon.is_none(), "the private engine is already running");
        let daemon = spawn(
            Command::new("nsenter")
                .args(["--net", "--mount", "--target", &self.containerd.id().to_string(), "--"])
                .args(["dockerd", "--config-file"])
                .arg(self.layout.dockerd_config()),
            &self.layout.dockerd_log(),
        )?;
        self.daemon = Some(daemon);
        let endpoint = self.endpoint()?;
        let deadline = Instant::now() + START_DEADLINE;
        while endpoint.ping().await.is_err() {
            let ended = self.daemon.as_mut().map(Child::try_wait).transpose()?.flatten();
            if ended.is_some() || Instant::now() >= deadline {
                bail!("the private engine does not answer\n{}", self.layout.log_end());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Stops the daemon as `systemctl stop` would: it ends its containers first.
    ///
    /// # Errors
    /// If it is not gone within half a minute; it is killed then.
    pub async fn stop(&mut self) -> Result<()> {
        self.end(Signal::TERM).await
    }

    /// Kills the daemon; its containers and containerd go on.
    pub async fn kill(&mut self) -> Result<()> {
        self.end(Signal::KILL).await
    }

    /// Stops every thread of the daemon where it is: its socket takes connections and says nothing.
    /// Nothing else can be done with it before [`thaw`](Self::thaw).
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Has a frozen daemon go on.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let daemon = self.daemon.as_ref().context("the private engine is not running")?;
        processes::signal_child(daemon, signal)
    }

    async fn end(&mut self, signal: Signal) -> Result<()> {
        let Some(mut dockerd) = self.daemon.take() else { return Ok(()) };
        processes::signal_child(&dockerd, signal)?;
        let deadline = Instant::now() + STOP_DEADLINE;
        while dockerd.try_wait().context("wait for dockerd")?.is_none() {
            if Instant::now() >= deadline {
                dockerd.kill().context("kill dockerd")?;
                dockerd.wait().context("wait for dockerd")?;
                bail!("dockerd did not end within {STOP_DEADLINE:?} and was killed");
            }
            tokio::time::sleep(POLL).await;
        }
        // A killed daemon leaves its socket and pid file; the next one would take the pid file,
        // whose number may belong to another process by now, for a running daemon.
        self.layout.forget_daemon();
        Ok(())
    }

    async fn wait_for_containerd(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        while !self.layout.containerd_socket().exists() {
            if self.containerd.try_wait()?.is_some() || Instant::now() >= deadline {
                bail!("the private containerd does not start\n{}", self.layout.log_end());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

/// Blocks for a moment, as `drop` cannot await; each step is bounded, and the last one is KILL.
impl Drop for Dockerd {
    fn drop(&mut self) {
        let leftovers = self.layout.leftovers();
        if let (Some(mut dockerd), Some(processes)) = (self.daemon.take(), &self.processes) {
            // A daemon that a failed test left frozen would hear of nothing.
            let _ = processes::signal_child(&dockerd, Signal::CONT);
            // Told to end first, so that no restart policy revives what is killed next.
            let _ = processes::signal_child(&dockerd, Signal::TERM);
            processes.wait_while_killing_containers(&mut dockerd);
        }
        processes::end_child(&mut self.containerd);
        if let Some(processes) = &self.processes {
            processes.kill_all();
        }
        leftovers.remove();
    }
}

fn require_programs() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|program| !std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
        .collect();
    ensure!(
        missing.is_empty(),
        "a private engine needs {} in PATH; install it (Debian: `apt-get install docker.io \
         containerd util-linux`)",
        missing.join(", ")
    );
    ensure!(rustix::process::geteuid().is_root(), "a private engine needs root");
    Ok(())
}

fn spawn(command: &mut Command, log: &PathBuf) -> Result<Child> {
    let out = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("open {}", log.display()))?;
    let err = out.try_clone().context("share the log between output and errors")?;
    command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .with_context(|| format!("start {}", command.get_program().display()))
}
