//! Where a private engine keeps everything, and the two configuration files that say so.
//!
//! Every path is below one folder. The daemon reads only the file written here, never the
//! machine's `/etc/docker/daemon.json`. Deliberately absent: a storage driver with mounts; `vfs`
//! copies, which is nothing for an image of one small file, and works on every file system.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::{Network, Setup};

/// The paths of one private engine.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// For `DOCKER_HOST`. The name is short, as a socket's path has 107 bytes at most.
    pub(super) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub(super) fn containerd_config(&self) -> PathBuf {
        self.root.join("containerd.toml")
    }

    pub(super) fn containerd_socket(&self) -> PathBuf {
        self.root.join("c.sock")
    }

    pub(super) fn containerd_log(&self) -> PathBuf {
        self.root.join("containerd.log")
    }

    pub(super) fn dockerd_config(&self) -> PathBuf {
        self.root.join("daemon.json")
    }

    pub(super) fn dockerd_log(&self) -> PathBuf {
        self.root.join("dockerd.log")
    }

    /// Writes both configuration files.
    pub(super) fn write(&self, setup: Setup) -> Result<()> {
        fs::write(self.containerd_config(), self.containerd_text())
            .context("write the private containerd's configuration")?;
        fs::write(self.dockerd_config(), self.dockerd_text(setup))
            .context("write the private engine's configuration")
    }

    /// Removes what a daemon that was killed leaves for the next one to stumble over.
    pub(super) fn forget_daemon(&self) {
        let _ = fs::remove_file(self.pid_file());
        let _ = fs::remove_file(self.socket());
    }

    /// The last lines of both logs, for an error text.
    pub(super) fn log_end(&self) -> String {
        [self.containerd_log(), self.dockerd_log()].iter().map(|log| tail(log)).collect()
    }

    /// What the engine has outside its folder; read before the processes end.
    pub(super) fn leftovers(&self) -> Leftovers {
        let containers = names(&self.root.join("data/containers"));
        let tasks = self.root.join("state/io.containerd.runtime.v2.task/moby");
        let shim_sockets = containers
            .iter()
            .filter_map(|id| fs::read_to_string(tasks.join(id).join("address")).ok())
            .filter_map(|address| address.trim().strip_prefix("unix://").map(PathBuf::from))
            .collect();
        Leftovers { containers, shim_sockets }
    }

    fn socket(&self) -> PathBuf {
        self.root.join("d.sock")
    }

    fn pid_file(&self) -> PathBuf {
        self.root.join("d.pid")
    }

    fn containerd_text(&self) -> String {
        let root = self.root.display();
        format!(
            "version = 2\n\
             root = \"{root}/containerd\"\n\
             state = \"{root}/state\"\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n\
             [grpc]\n\
             address = \"{}\"\n",
            self.containerd_socket().display()
        )
    }

    fn dockerd_text(&self, setup: Setup) -> String {
        let mut config = json!({
            "hosts": [self.host()],
            "data-root": self.root.join("data"),
            "exec-root": self.root.join("exec"),
            "pidfile": self.pid_file(),
            "containerd": self.containerd_socket(),
            "storage-driver": "vfs",
            "shutdown-timeout": 10,
            "live-restore": setup.live_restore,
        });
        if setup.network == Network::None {
            config["bridge"] = json!("none");
            config["iptables"] = json!(false);
            config["ip-forward"] = json!(false);
        }
        config.to_string()
    }
}

/// Things outside the folder that nobody removes when containers and shims are killed.
#[derive(Debug)]
pub(super) struct Leftovers {
    containers: Vec<String>,
    shim_sockets: Vec<PathBuf>,
}

impl Leftovers {
    /// Removes what is still there; most of it is gone after an orderly end.
    pub(super) fn remove(&self) {
        for socket in &self.shim_sockets {
            let _ = fs::remove_file(socket);
        }
        let hierarchies = names(Path::new("/sys/fs/cgroup"));
        for id in &self.containers {
            for hierarchy in hierarchies.iter().map(String::as_str).chain([""]) {
                let group = Path::new("/sys/fs/cgroup").join(hierarchy).join("docker").join(id);
                // Only an empty group can be removed, so nothing alive is lost.
                let _ = fs::remove_dir(group);
            }
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn tail(log: &Path) -> String {
    const LINES: usize = 20;
    let text = fs::read_to_string(log).unwrap_or_default();
    let skipped = text.lines().count().saturating_sub(LINES);
    let lines: Vec<&str> = text.lines().skip(skipped).collect();
    format!("--- {}\n{}\n", log.display(), lines.join("\n"))
}
