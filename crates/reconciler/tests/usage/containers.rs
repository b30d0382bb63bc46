//! Containers whose use of the machine is known to the byte, and which fail as a test says.

use async_trait::async_trait;
use std::{
    collections::HashMap,
    future,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use trueup_domain::{
    id::ContainerId,
    port::{Gauge, UsageError, UsageSource},
    usage::{Reading, Source, Transfer},
};

/// What a container is like.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// Processors that it keeps busy.
    pub(crate) cpus: f64,
    /// Bytes of memory, of the hundred that it may use.
    pub(crate) memory: u64,
    /// Bytes a second that it receives.
    pub(crate) rate: u64,
    pub(crate) mood: Mood,
}

/// What reading it is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Each reading takes almost as long as it may.
    Slow,
    /// Read by the engine, on a clock of its own.
    Remote,
    Hangs,
    Garbled,
    Gone,
}

impl Default for Load {
    fn default() -> Self {
        Self { cpus: 0.0, memory: 10, rate: 0, mood: Mood::Well }
    }
}

#[derive(Debug)]
struct Running {
    load: Load,
    since: Instant,
    run: u64,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Containers {
    begin: Instant,
    running: Mutex<HashMap<ContainerId, Running>>,
    /// Which was read when, since the beginning.
    reads: Mutex<Vec<(ContainerId, Duration)>>,
    open: Arc<()>,
}

impl Containers {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            begin: Instant::now(),
            running: Mutex::default(),
            reads: Mutex::default(),
            open: Arc::default(),
        })
    }

    /// Starts a container anew: its counters begin at nothing.
    pub(crate) fn start(&self, container: &ContainerId, load: Load) {
        let mut running = self.running.lock().unwrap();
        let run = running.get(container).map_or(0, |before| before.run + 1);
        running.insert(container.clone(), Running { load, since: Instant::now(), run });
    }

    /// Changes what it does from now on; only what does not count up may be changed.
    pub(crate) fn change(&self, container: &ContainerId, change: impl FnOnce(&mut Load)) {
        change(&mut self.running.lock().unwrap().get_mut(container).unwrap().load);
    }

    pub(crate) fn reads(&self) -> Vec<(ContainerId, Duration)> {
        self.reads.lock().unwrap().clone()
    }

    /// How many gauges there are now.
    pub(crate) fn gauges(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }

    fn load(&self, container: &ContainerId) -> Result<(Load, u64), UsageError> {
        let running = self.running.lock().unwrap();
        let found = running.get(container).ok_or(UsageError::Gone)?;
        Ok((found.load.clone(), found.run))
    }

    fn read(&self, container: &ContainerId) -> Reading {
        let now = Instant::now();
        self.reads.lock().unwrap().push((container.clone(), now - self.begin));
        let running = self.running.lock().unwrap();
        let found = &running[container];
        let (age, load) = (now - found.since, &found.load);
        let is_remote = load.mood == Mood::Remote;
        let clock = Duration::from_secs(if is_remote { 1_790_000_000 } else { 0 });
        Reading {
            at: now - self.begin + clock,
            cpu: age.mul_f64(load.cpus),
            memory: load.memory,
            memory_limit: 100,
            pids: 3,
            network: Transfer { inward: age.as_secs() * load.rate, outward: 0 },
            block: Transfer { inward: 0, outward: age.as_secs() * 7 },
        }
    }
}

/// The port over them.
pub(crate) struct TestSource(pub(crate) Arc<Containers>);

#[async_trait]
impl UsageSource for TestSource {
    fn source(&self) -> Source {
        Source::ControlGroup
    }

    async fn open(&self, container: &ContainerId) -> Result<Box<dyn Gauge>, UsageError> {
        let (load, run) = self.0.load(container)?;
        if load.mood == Mood::Gone {
            return Err(UsageError::Gone);
        }
        let containers = Arc::clone(&self.0);
        let open = Arc::clone(&containers.open);
        Ok(Box::new(TestGauge { containers, container: container.clone(), run, _open: open }))
    }
}

struct TestGauge {
    containers: Arc<Containers>,
    container: ContainerId,
    run: u64,
    _open: Arc<()>,
}

#[async_trait]
impl Gauge for TestGauge {
    fn source(&self) -> Source {
        match self.containers.load(&self.container) {
            Ok((Load { mood: Mood::Remote, .. }, _)) => {
                Source::EngineStats { why: "it is far away".to_owned() }
            }
            _ => Source::ControlGroup,
        }
    }

    async fn read(&mut self) -> Result<Reading, UsageError> {
        let (load, run) = self.containers.load(&self.container)?;
        if run != self.run {
            return Err(UsageError::Gone);
        }
        match load.mood {
            Mood::Well | Mood::Remote => Ok(self.containers.read(&self.container)),
            Mood::Slow => {
                sleep(Duration::from_millis(4_900)).await;
                Ok(self.containers.read(&self.container))
            }
            Mood::Hangs => future::pending().await,
            Mood::Garbled => Err(UsageError::Unreadable("there is garbage".to_owned())),
            Mood::Gone => Err(UsageError::Gone),
        }
    }
}
