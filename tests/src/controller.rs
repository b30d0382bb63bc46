//! The real binary as a process: started, spoken to by its own command line, killed, started again.
//!
//! Each one has a scratch folder for its store and socket and an instance id of its own, so that
//! nothing of it meets another test's. Deliberately absent: knowledge of the API; tests bring the
//! client.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::engine::Endpoint;
use crate::workload;

const READY_DEADLINE: Duration = Duration::from_secs(20);
const END_DEADLINE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);
/// How much of the log is shown when something went wrong.
const LOG_TAIL: usize = 60;

/// A `trueup run` and the folder that it lives in.
pub struct Controller {
    program: PathBuf,
    folder: TempDir,
    instance: String,
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Controller {
    /// Starts one against an engine. `settings` are keys such as `engine.resync` with their values.
    ///
    /// # Errors
    /// If the binary does not build or is not ready in time; the error holds the end of its log.
    pub fn start(engine: &Endpoint, settings: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("trueup-").tempdir()?;
        let name = folder.path().file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        // Part of names on the engine, which take no upper-case letters everywhere.
        let instance = name.to_lowercase().replace(['.', '_'], "-");
        let mut arguments = vec!["run".to_owned()];
        let mut set = |key: &str, value: &str| {
            arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
        };
        set("instance.id", &instance);
        set("engine.host", engine.as_str());
        set("store.path", &folder.path().join("trueup.db").to_string_lossy());
        set("api.socket", &folder.path().join("trueup.sock").to_string_lossy());
        for (key, value) in settings {
            set(key, value);
        }
        let program = build()?;
        let mut controller = Self { program, folder, instance, arguments, child: None };
        controller.restart()?;
        Ok(controller)
    }

    /// Starts it again on the same folder, after it ended or was killed.
    pub fn restart(&mut self) -> Result<()> {
        self.begin_restart()?;
        self.wait_until_ready()
    }

    /// The same, without waiting until it is ready.
    pub fn begin_restart(&mut self) -> Result<()> {
        self.kill();
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own, so that a Ctrl-C in the terminal is the demo's to handle.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Where it listens, in the form that `--host` takes.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("trueup.sock")
    }

    /// The folder that holds its store, socket and log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The label that everything it makes on the engine carries, as `key=value`.
    pub fn label(&self) -> String {
        format!("trueup.instance-id={}", self.instance)
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Runs the command line against it, to its end.
    pub fn trueup<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Output> {
        let output = Command::new(&self.program)
            .env("TRUEUP_HOST", self.host())
            .args(arguments)
            .stdin(Stdio::null())
            .output()?;
        Ok(output)
    }

    /// Kills it without warning, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error here means that it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Kills it without waiting for its end, so that it can be done from beside a call to it.
    pub fn cut(&self) -> Result<()> {
        let Some(child) = &self.child else { return Ok(()) };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::KILL).context("kill the controller")
    }

    /// Asks it to end and waits for that.
    pub fn terminate(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::TERM)?;
        let deadline = Instant::now() + END_DEADLINE;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("the controller ended with {status}\n{}", self.log_tail());
            }
            std::thread::sleep(POLL);
        }
        let _ = child.kill();
        let _ = child.wait();
        bail!("the controller did not end within {END_DEADLINE:?}\n{}", self.log_tail())
    }

    /// Leaves the process running and its folder in place when this is dropped; says where it is.
    pub fn leave(&mut self) -> PathBuf {
        // The process is not waited for: it outlives this one.
        self.child.take();
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }

    /// The end of its log, for an error's text.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n")
    }

    /// Where its log is written.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("trueup.log")
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY_DEADLINE;
        while Instant::now() < deadline {
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                bail!("the controller ended at once with {status}\n{}", self.log_tail());
            }
            if self.trueup(["version"]).is_ok_and(|output| output.status.success()) {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        bail!("the controller is not ready after {READY_DEADLINE:?}\n{}", self.log_tail())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary: `TRUEUP_BIN` if that is set, else built now, which is free when nothing changed.
pub fn build() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("TRUEUP_BIN") {
        return Ok(given.into());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workload::workspace_root())
        .args(["build", "--quiet", "--package", "trueup-cli", "--message-format", "json"])
        .stdin(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cannot build trueup: {}", String::from_utf8_lossy(&output.stderr));
    }
    // Cargo says where it put the binary; a target folder can be anywhere.
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "trueup")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo built trueup and did not say where it is")
}
