//! Kernel files of containers that do not exist, and the engine that knows of them: it answers which
//! process a container has, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use trueup_docker_adapter::HostFiles;

/// The containers and what is known of them.
pub struct Tree {
    folder: TempDir,
    engine: JoinHandle<()>,
    pub containers: Vec<String>,
}

impl Tree {
    /// Makes so many, in memory where there is a folder for that.
    pub fn grow(count: usize) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        let proc = folder.path().join("proc");
        fs::create_dir_all(proc.join("self"))?;
        fs::write(proc.join("self/mountinfo"), MOUNTS)?;
        fs::write(proc.join("meminfo"), "MemTotal:       16384000 kB\n")?;
        let containers: Vec<String> = (1..=count).map(|pid| format!("{pid:064x}")).collect();
        for (pid, container) in (1..).zip(&containers) {
            plant(folder.path(), pid, container)?;
        }
        let listener = UnixListener::bind(folder.path().join("engine.sock"))?;
        let engine = tokio::spawn(serve(listener));
        Ok(Self { folder, engine, containers })
    }

    /// Where the engine is.
    pub fn host(&self) -> String {
        format!("unix://{}", self.path("engine.sock").display())
    }

    /// Where the files are.
    pub fn files(&self) -> HostFiles {
        HostFiles { proc: self.path("proc"), root: self.path("."), ..HostFiles::default() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.engine.abort();
    }
}

/// A host with version 1 of control groups, as this project's engine facts were measured on.
const MOUNTS: &str = "\
31 23 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 23 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
34 23 0:29 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
";

fn plant(root: &Path, pid: usize, container: &str) -> Result<()> {
    let group = |controller: &str| {
        root.join("sys/fs/cgroup").join(controller).join("docker").join(container)
    };
    let file = |controller: &str, name: &str, text: &str| -> Result<()> {
        fs::create_dir_all(group(controller))?;
        Ok(fs::write(group(controller).join(name), text)?)
    };
    file("cpu,cpuacct", "cpuacct.usage", "1234567890\n")?;
    file("memory", "memory.usage_in_bytes", "10485760\n")?;
    file("memory", "memory.limit_in_bytes", "67108864\n")?;
    file("memory", "memory.stat", &memory_stat())?;
    file("pids", "pids.current", "3\n")?;
    file(
        "blkio",
        "blkio.throttle.io_service_bytes",
        "8:0 Read 4096\n8:0 Write 8192\nTotal 12288\n",
    )?;
    file(
        "blkio",
        "blkio.throttle.io_service_bytes_recursive",
        "8:0 Read 4096\n8:0 Write 8192\nTotal 12288\n",
    )?;
    let process = root.join("proc").join(pid.to_string());
    fs::create_dir_all(process.join("net"))?;
    let groups = ["cpu,cpuacct", "memory", "pids", "blkio"];
    let lines = (1..).zip(groups).map(|(n, of)| format!("{n}:{of}:/docker/{container}\n"));
    fs::write(process.join("cgroup"), lines.collect::<String>())?;
    fs::write(process.join("net/dev"), NET_DEV)?;
    Ok(())
}

fn memory_stat() -> String {
    let names = [
        "cache",
        "rss",
        "rss_huge",
        "shmem",
        "mapped_file",
        "dirty",
        "writeback",
        "pgpgin",
        "pgpgout",
        "pgfault",
        "pgmajfault",
        "inactive_anon",
        "active_anon",
        "inactive_file",
        "active_file",
        "unevictable",
    ];
    let own = names.iter().map(|name| format!("{name} 4096\n"));
    let total = names.iter().map(|name| format!("total_{name} 4096\n"));
    own.chain(["hierarchical_memory_limit 67108864\n".to_owned()]).chain(total).collect()
}

const NET_DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     120       2    0    0    0     0          0         0      120       2    0    0    0     0       0          0
  eth0:    9816      90    0    0    0     0          0         0     3024      44    0    0    0     0       0          0
";

async fn serve(listener: UnixListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // Each answers one question and ends by itself.
        tokio::spawn(async move {
            let _ = answer(stream).await;
        });
    }
}

async fn answer(stream: UnixStream) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let mut header = String::new();
    while stream.read_line(&mut header).await? > 2 {
        header.clear();
    }
    let container = request.split("/containers/").nth(1).and_then(|rest| rest.split('/').next());
    let body = match container.and_then(|id| Some((id, usize::from_str_radix(id, 16).ok()?))) {
        Some((id, pid)) => format!(
            r#"{{"Id":"{id}","State":{{"Status":"running","Running":true,"Pid":{pid},"StartedAt":"2026-01-01T00:00:00Z"}}}}"#
        ),
        None => r#"{"ApiVersion":"1.41","MinAPIVersion":"1.12"}"#.to_owned(),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let stream = stream.get_mut();
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    Ok(())
}
