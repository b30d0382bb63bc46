//! A host's files below a folder, in the form that kernels write: version 1 as recorded on Linux 6.18,
//! version 2 with the lines that Linux 6 has.

use crate::usage::{HostFiles, host::Host, run::Run};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use trueup_domain::usage::{Reading, Transfer};

pub(super) const ID: &str = "e674fb443a59a69f992b1da1abe45244175c4fe52fe4393a70ad3a8c8ebed742";
pub(super) const HOST_MEMORY: u64 = 24_683_656 * 1024;
const LOOPBACK: u64 = 424_242;

/// Which interface of the kernel a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Two controllers in one hierarchy, and an empty hierarchy of version 2 beside them.
    V1,
    V2,
    /// Processes and block devices in version 2, the rest in version 1.
    Hybrid,
    /// As version 2, seen from within a container that the engine runs in too.
    Nested,
}

pub(super) const LAYOUTS: [Layout; 4] = [Layout::V1, Layout::V2, Layout::Hybrid, Layout::Nested];

/// What the files say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Truth {
    pub(super) cpu_ms: u64,
    pub(super) usage: u64,
    pub(super) inactive: u64,
    /// Without one, none is set.
    pub(super) limit: Option<u64>,
    pub(super) pids: u64,
    pub(super) block: Transfer,
    pub(super) network: Transfer,
}

impl Truth {
    /// Figures of which each one tells the number that they were made of.
    pub(super) fn number(n: u64) -> Self {
        Self {
            cpu_ms: n * 10,
            usage: n * 4096 + 7,
            inactive: n * 1024,
            limit: None,
            pids: n + 1,
            block: Transfer { inward: n * 512, outward: n * 1024 },
            network: Transfer { inward: n * 3, outward: n * 5 },
        }
    }

    /// What is to be read, but for the time.
    pub(super) fn reading(&self, at: Duration) -> Reading {
        Reading {
            at,
            cpu: Duration::from_millis(self.cpu_ms),
            memory: self.usage - self.inactive,
            memory_limit: self.limit.unwrap_or(HOST_MEMORY),
            pids: self.pids,
            network: self.network,
            block: self.block,
        }
    }
}

/// The folder.
pub(super) struct Tree {
    folder: TempDir,
    pub(super) layout: Layout,
}

impl Tree {
    pub(super) fn new(layout: Layout) -> Self {
        // In memory where that is possible: ten thousand lives are half a million files.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let tree = Self { folder, layout };
        tree.write("proc/self/mountinfo", mountinfo(layout));
        tree.write("proc/meminfo", "MemTotal:       24683656 kB\nMemFree:        20045320 kB\n");
        tree.write("proc/1/net/dev", &net_dev(Transfer { inward: 1, outward: 1 }));
        tree
    }

    pub(super) fn files(&self) -> HostFiles {
        let root = self.folder.path().to_owned();
        HostFiles { proc: root.join("proc"), root, descriptors: 700 }
    }

    pub(super) fn host(&self) -> Host {
        Host::look(self.files()).unwrap()
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        if fs::write(&path, text).is_err() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    pub(super) fn remove(&self, folder: &str) {
        fs::remove_dir_all(self.path(folder)).unwrap();
    }

    /// A container with its first process, and what they say.
    pub(super) fn put(&self, id: &str, pid: u32, truth: &Truth) -> Run {
        self.put_group(id, truth);
        self.put_process(id, pid, truth);
        Run::of(id, pid)
    }

    pub(super) fn put_process(&self, id: &str, pid: u32, truth: &Truth) {
        self.write(&format!("proc/{pid}/cgroup"), &membership(self.layout, id));
        self.write(&format!("proc/{pid}/net/dev"), &net_dev(truth.network));
    }

    pub(super) fn put_group(&self, id: &str, truth: &Truth) {
        for (file, text) in self.group(id, truth) {
            self.write(&file, &text);
        }
    }

    /// The files of a container's group with their texts.
    pub(super) fn group(&self, id: &str, truth: &Truth) -> Vec<(String, String)> {
        const MOUNTS: &str = "sys/fs/cgroup";
        let v1 = |controller: &str| format!("{MOUNTS}/{controller}/docker/{id}");
        let v2 = match self.layout {
            Layout::V1 | Layout::Hybrid => format!("{MOUNTS}/unified/docker/{id}"),
            Layout::V2 => format!("{MOUNTS}/system.slice/docker-{id}.scope"),
            Layout::Nested => format!("{MOUNTS}/docker/{id}"),
        };
        let pids = format!("{}\n", truth.pids);
        let limit = |none: &str| truth.limit.map_or(none.to_owned(), |limit| limit.to_string());
        let of_cpu_and_memory = match self.layout {
            Layout::V1 | Layout::Hybrid => [
                (v1("cpu,cpuacct") + "/cpuacct.usage", format!("{}000000\n", truth.cpu_ms)),
                (v1("memory") + "/memory.usage_in_bytes", format!("{}\n", truth.usage)),
                (v1("memory") + "/memory.limit_in_bytes", limit("9223372036854771712") + "\n"),
                (v1("memory") + "/memory.stat", memory_stat_v1(truth.inactive)),
            ],
            Layout::V2 | Layout::Nested => [
                (v2.clone() + "/cpu.stat", cpu_stat(truth.cpu_ms * 1000)),
                (v2.clone() + "/memory.current", format!("{}\n", truth.usage)),
                (v2.clone() + "/memory.max", limit("max") + "\n"),
                (v2.clone() + "/memory.stat", memory_stat_v2(truth.inactive)),
            ],
        };
        let of_the_rest = match self.layout {
            Layout::V1 => [
                (v1("pids") + "/pids.current", pids),
                (
                    v1("blkio") + "/blkio.throttle.io_service_bytes_recursive",
                    throttled(truth.block),
                ),
            ],
            Layout::V2 | Layout::Hybrid | Layout::Nested => {
                [(v2.clone() + "/pids.current", pids), (v2 + "/io.stat", io_stat(truth.block))]
            }
        };
        of_cpu_and_memory.into_iter().chain(of_the_rest).collect()
    }

    /// Removes all folders of a container's group.
    pub(super) fn remove_group(&self, id: &str) {
        for (file, _) in self.group(id, &Truth::number(0)) {
            let _ = fs::remove_dir_all(self.path(&file).parent().unwrap());
        }
    }

    /// How many descriptors of this process are open below the folder.
    pub(super) fn open_descriptors(&self) -> usize {
        let is_ours = |link: &Path| {
            fs::read_link(link).is_ok_and(|target| target.starts_with(self.folder.path()))
        };
        fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter(|it| is_ours(&it.as_ref().unwrap().path()))
            .count()
    }
}

fn mountinfo(layout: Layout) -> &'static str {
    match layout {
        Layout::V1 | Layout::Hybrid => concat!(
            "22 27 0:21 / /proc rw,relatime - proc proc rw\n",
            "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n",
            "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n",
            "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n",
            "38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio\n",
            "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n",
            "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n",
            "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
        ),
        Layout::V2 => concat!(
            "22 27 0:21 / /proc rw,relatime - proc proc rw\n",
            "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
        ),
        Layout::Nested => concat!(
            "702 701 0:62 / /proc rw,nosuid - proc proc rw\n",
            "705 704 0:30 /system.slice/docker-0.scope /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
        ),
    }
}

fn membership(layout: Layout, id: &str) -> String {
    let v1 = |pids: &str, blkio: &str| {
        format!(
            "9:name=systemd:/docker/{id}\n{pids}{blkio}4:memory:/docker/{id}\n\
             2:cpu,cpuacct:/docker/{id}\n0::/docker/{id}\n"
        )
    };
    match layout {
        Layout::V1 => v1(&format!("8:pids:/docker/{id}\n"), &format!("7:blkio:/docker/{id}\n")),
        Layout::Hybrid => v1("", ""),
        Layout::V2 => format!("0::/system.slice/docker-{id}.scope\n"),
        Layout::Nested => format!("0::/system.slice/docker-0.scope/docker/{id}/init\n"),
    }
}

fn memory_stat_v1(inactive: u64) -> String {
    // The container's own figure differs from that of all below it.
    format!(
        "cache 1236992\nrss 98304\nrss_huge 0\nmapped_file 1146880\npgfault 1057\ninactive_anon 94208\n\
         active_anon 4096\ninactive_file {}\nactive_file 0\nhierarchical_memory_limit \
         9223372036854771712\ntotal_cache 1236992\ntotal_rss 98304\ntotal_inactive_anon 94208\n\
         total_active_anon 4096\ntotal_inactive_file {inactive}\ntotal_active_file 0\n\
         total_unevictable 0\n",
        inactive / 2
    )
}

fn memory_stat_v2(inactive: u64) -> String {
    format!(
        "anon 98304\nfile 1236992\nkernel 217088\nkernel_stack 16384\npagetables 69632\nsock 0\n\
         shmem 0\nfile_mapped 1146880\nfile_dirty 0\ninactive_anon 94208\nactive_anon 4096\n\
         inactive_file {inactive}\nactive_file 0\nunevictable 0\nslab_reclaimable 110640\n\
         workingset_refault_file 0\npgfault 1057\nthp_fault_alloc 0\n"
    )
}

fn cpu_stat(micros: u64) -> String {
    format!(
        "usage_usec {micros}\nuser_usec {micros}\nsystem_usec 0\nnice_usec 0\nnr_periods 0\n\
         nr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n"
    )
}

/// Over two devices.
fn throttled(Transfer { inward, outward }: Transfer) -> String {
    let both = inward + outward;
    format!(
        "254:0 Read {inward}\n254:0 Write 0\n254:0 Sync {inward}\n254:0 Async 0\n254:0 Discard 0\n\
         254:0 Total {inward}\n8:0 Read 0\n8:0 Write {outward}\n8:0 Sync 0\n8:0 Async {outward}\n\
         8:0 Discard 0\n8:0 Total {outward}\nTotal {both}\n"
    )
}

fn io_stat(Transfer { inward, outward }: Transfer) -> String {
    format!(
        "7:0 254:0 rbytes={inward} wbytes=0 rios=3 wios=0 dbytes=9 dios=1\n\
         8:0 rbytes=0 wbytes={outward} rios=0 wios=7 dbytes=0 dios=0\n"
    )
}

fn net_dev(Transfer { inward, outward }: Transfer) -> String {
    const MORE: &str = "2    0    0    0     0          0         0";
    let line = |name: &str, inward: u64, outward: u64| {
        format!("{name:>6}: {inward:>7}       {MORE} {outward:>8}       {MORE}\n")
    };
    format!(
        "Inter-|   Receive                                                |  Transmit\n \
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop \
         fifo colls carrier compressed\n{}{}{}",
        line("lo", LOOPBACK, LOOPBACK),
        line("eth0", inward, 0),
        line("eth1", 0, outward)
    )
}
