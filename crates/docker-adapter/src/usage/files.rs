//! Figures from the kernel's own files.
//!
//! # Guarantees
//! - A gauge reads the control group and the network of one run of one container. Its process is held
//!   by its folder, not by its number; that the process is the container's is read from its groups, and
//!   read again after everything is open.
//! - Once the run is over it says so. A group that was removed gives `ENODEV` through descriptors that
//!   are still open; one that is not removed yet has no process left.
//! - A reading asks the kernel some ten times, and nobody waits for it: no disk and no lock of the
//!   engine are behind these files.
//!
//! # Caveats
//! - Memory in use is what `docker stats` shows: without the inactive file cache, unless that is all.
//!   Of a container in which nothing runs, that cache is looked at every ten seconds ([`still`](super::still)).
//! - A network that is the host's counts nothing, as in the engine's statistics: the host's traffic is
//!   not the container's. A host without the controller of block devices counts nothing there either.
//! - An open `net/dev` keeps the network namespace alive until the gauge is dropped, though not its
//!   interfaces to the outside, which the engine removes.

use super::{
    content::{Content, Room, failed},
    host::Host,
    membership::{Membership, Refused, Version},
    parse,
    process::{self, Process},
    run::Run,
    still::{Activity, Still},
};
use async_trait::async_trait;
use std::{fs::File, io, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use trueup_domain::{
    port::{Gauge, UsageError},
    usage::{Reading, Source, Transfer},
};

/// The open files of one run.
#[derive(Debug)]
pub(super) struct FilesGauge {
    cpu: (Version, Content),
    memory: Memory,
    pids: Content,
    block: Option<(Version, Content)>,
    network: Option<Content>,
    /// Bytes of the whole host, which no limit is beyond.
    host_memory: u64,
    /// What `Reading::at` counts from.
    began: Instant,
    _descriptors: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Memory {
    version: Version,
    usage: Content,
    stat: Content,
    limit: Content,
    still: Still,
}

impl FilesGauge {
    /// Opens the files of that run, and reads them once.
    ///
    /// # Errors
    /// `Gone` when its process ended meanwhile; otherwise why they cannot be read, as a sentence without
    /// its full stop. The engine may know by now that the run is over, and has to be asked again.
    pub(super) fn open(host: &Host, run: &Run) -> Result<Self, UsageError> {
        let descriptors = host.descriptors().map_err(UsageError::Unreadable)?;
        let process = Process::find(&host.proc, run.pid).map_err(|error| {
            let pid = run.pid;
            UsageError::Unreadable(format!("its process {pid} cannot be seen from here ({error})"))
        })?;
        let membership = || Ok(Membership::parse(&process.text("cgroup")?, &run.id));
        let before = membership()?;
        let opened = Self::of(host, run, &process, &before, descriptors);
        // What failed, failed because it is gone, if it is.
        let after = membership()?;
        let mut gauge = opened?;
        if after != before {
            return Err(UsageError::Unreadable(stranger()));
        }
        gauge.look()?;
        Ok(gauge)
    }

    fn of(
        host: &Host,
        run: &Run,
        process: &Process,
        membership: &Membership,
        descriptors: OwnedSemaphorePermit,
    ) -> Result<Self, UsageError> {
        let groups = Groups { host, membership };
        let of_groups = || {
            let cpu = groups.open("cpuacct", ["cpuacct.usage", "cpu.stat"])?;
            let (_, pids) = groups.open("pids", ["pids.current"; 2])?;
            Ok((cpu, groups.memory()?, pids, groups.block()?))
        };
        let (cpu, memory, pids, block) = of_groups().map_err(UsageError::Unreadable)?;
        Ok(Self {
            cpu,
            memory,
            pids,
            block,
            network: network(host, run, process)?,
            host_memory: host.memory().map_err(UsageError::Unreadable)?,
            began: host.began,
            _descriptors: descriptors,
        })
    }

    /// The counters now.
    pub(super) fn look(&mut self) -> Result<Reading, UsageError> {
        let mut room = Content::room();
        let at = self.began.elapsed();
        let cpu = match &self.cpu {
            (Version::V1, file) => Duration::from_nanos(file.number(parse::number)?),
            (Version::V2, file) => Duration::from_micros(
                file.look(&mut room, |text| parse::keyed(text, "usage_usec"))?,
            ),
        };
        let used = self.memory.usage.number(parse::number)?;
        let inactive = self.memory.inactive(&mut room, at, Activity { cpu, memory: used })?;
        let limit = self.memory.limit.number(parse::limit)?;
        let block = match &self.block {
            None => Transfer::default(),
            Some((Version::V1, file)) => file.look(&mut room, parse::throttled)?,
            Some((Version::V2, file)) => file.look(&mut room, parse::io_stat)?,
        };
        let network = match &self.network {
            None => Transfer::default(),
            Some(file) => file.look(&mut room, parse::net_dev)?,
        };
        // Last: if somebody is in the group still, all that was read before is of this run.
        let pids = self.pids.number(parse::number)?;
        if pids == 0 {
            return Err(UsageError::Gone);
        }
        let (memory, memory_limit) = (in_use(used, inactive), limit.min(self.host_memory));
        Ok(Reading { at, cpu, memory, memory_limit, pids, network, block })
    }
}

impl Memory {
    /// Bytes of the inactive file cache.
    fn inactive(
        &mut self,
        room: &mut Room,
        at: Duration,
        activity: Activity,
    ) -> Result<u64, UsageError> {
        if let Some(figure) = self.still.figure(at, activity) {
            return Ok(figure);
        }
        let name = match self.version {
            Version::V1 => "total_inactive_file",
            Version::V2 => "inactive_file",
        };
        let figure = self.stat.look(room, |text| parse::keyed(text, name))?;
        self.still.note(at, figure);
        Ok(figure)
    }
}

#[async_trait]
impl Gauge for FilesGauge {
    fn source(&self) -> Source {
        Source::ControlGroup
    }

    async fn read(&mut self) -> Result<Reading, UsageError> {
        self.look()
    }
}

/// Memory without the file cache that is given back first. The two figures are not of one moment, and
/// the cache is told with some delay: where it seems to be more than all, all is meant, as in
/// `docker stats`.
pub(super) fn in_use(usage: u64, inactive: u64) -> u64 {
    if inactive < usage { usage - inactive } else { usage }
}

/// The container's groups, as files to open.
struct Groups<'a> {
    host: &'a Host,
    membership: &'a Membership,
}

impl Groups<'_> {
    /// Opens a file of the group of that controller; its name differs between versions 1 and 2.
    fn open(
        &self,
        controller: &str,
        names: [&'static str; 2],
    ) -> Result<(Version, Content), String> {
        let (version, group) =
            self.membership.group(controller).map_err(|refused| match refused {
                Refused::Absent => format!("its process is in no control group for `{controller}`"),
                Refused::Stranger => stranger(),
            })?;
        let name = match version {
            Version::V1 => names[0],
            Version::V2 => names[1],
        };
        let found = self.find(version, controller, group, name)?;
        let file =
            found.ok_or_else(|| format!("its control group has no {name} that is seen here"))?;
        Ok((version, file))
    }

    fn memory(&self) -> Result<Memory, String> {
        let open = |names| self.open("memory", names);
        let (version, usage) = open(["memory.usage_in_bytes", "memory.current"])?;
        let (_, stat) = open(["memory.stat"; 2])?;
        let (_, limit) = open(["memory.limit_in_bytes", "memory.max"])?;
        Ok(Memory { version, usage, stat, limit, still: Still::default() })
    }

    /// A kernel may do without the controller. Version 1 counts with the groups below since Linux 4.17,
    /// as all other figures are counted; the engine leaves those out.
    fn block(&self) -> Result<Option<(Version, Content)>, String> {
        const V1: [&str; 2] =
            ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"];
        let (version, group) = match self.membership.group("blkio") {
            Ok(found) => found,
            Err(Refused::Absent) => return Ok(None),
            Err(Refused::Stranger) => return Err(stranger()),
        };
        let names = match version {
            Version::V1 => &V1[..],
            Version::V2 => &["io.stat"],
        };
        for name in names {
            if let Some(file) = self.find(version, "blkio", group, name)? {
                return Ok(Some((version, file)));
            }
        }
        Ok(None)
    }

    /// `None` when a folder of the group can be seen and has no such file, or is gone.
    fn find(
        &self,
        version: Version,
        controller: &str,
        group: &str,
        name: &'static str,
    ) -> Result<Option<Content>, String> {
        let mut folders = self.host.mounts.folders(version, controller, group).peekable();
        if folders.peek().is_none() {
            return Err(format!("its control group for `{controller}` cannot be seen from here"));
        }
        for folder in folders {
            match File::open(folder.join(name)) {
                Ok(file) => return Ok(Some(Content::new(name, file))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(name, &error).to_string()),
            }
        }
        Ok(None)
    }
}

/// The interfaces of the process's network; `None` when that is the host's.
fn network(host: &Host, run: &Run, process: &Process) -> Result<Option<Content>, UsageError> {
    const NAME: &str = "net/dev";
    // Rootless engines have a host's network of their own, which only the engine knows of.
    if run.is_on_host_network {
        return Ok(None);
    }
    let file = process.open(NAME)?;
    // A container may also share the network of another that is on the host's.
    let of_host = host.proc.join("1").join(NAME);
    let is_hosts = process::is_same(&file, &of_host).map_err(|error| {
        UsageError::Unreadable(format!("the host's network cannot be seen from here ({error})"))
    })?;
    Ok((!is_hosts).then(|| Content::new(NAME, file)))
}

fn stranger() -> String {
    "its process is another one seen from here".to_owned()
}
