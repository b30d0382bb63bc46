//! The controller, the engine under it, and a client that reads the events.

use jiff::Timestamp;
use serde_json::json;
use std::{collections::HashMap, fmt, time::Duration};
use tempfile::TempDir;
use tokio::{
    net::UnixListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use trueup_api::{
    Address, Client, EventFilter, WorkspaceFilter,
    domain::{
        condition::ConditionType,
        manifest::{self, Manifest},
    },
    wire::WorkspaceView,
};
use trueup_controller::{Error, Settings, clock::SystemClock};
use trueup_domain::{id::InstanceId, port::Clock, quantity::Period};
use trueup_engine_sim::{HumanAct, Image, Latency, SimEngine, SimOptions};

const PATIENCE: Duration = Duration::from_mins(1);
const IMAGE: &str = "debian:12";

/// A running controller on a simulated engine.
pub(crate) struct Scene {
    pub(crate) sim: SimEngine,
    client: Client,
    engine: JoinHandle<std::io::Result<()>>,
    controller: JoinHandle<Result<(), Error>>,
    end: oneshot::Sender<()>,
    folder: TempDir,
}

impl Scene {
    pub(crate) async fn set(resync: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sim = simulate(SystemClock.now());
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let served = sim.clone();
        let engine = tokio::spawn(async move { served.serve(listener).await });

        let mut settings = Settings::default();
        settings.instance.id = Some("scale".to_owned());
        settings.engine.host = format!("unix://{}", folder.path().join("engine.sock").display());
        settings.engine.resync = Period::from_secs(resync.as_secs());
        settings.store.path = folder.path().join("trueup.db");
        settings.api.socket = folder.path().join("trueup.sock");
        "warn".clone_into(&mut settings.log.filter);
        let client = Client::new(Address::Unix(settings.api.socket.clone())).unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let shutdown = async move {
            // Either way it is over.
            let _ = ended.await;
        };
        let controller = tokio::spawn(trueup_controller::run(settings, shutdown));
        let scene = Self { sim, client, engine, controller, end, folder };
        timeout(PATIENCE, async {
            while scene.client.version().await.is_err() {
                assert!(!scene.controller.is_finished(), "the controller ended at once");
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .expect("the controller is ready");
        scene
    }

    /// Declares so many workspaces, and says how long it took until all were as declared.
    pub(crate) async fn declare(&self, count: usize) -> Duration {
        let begin = Instant::now();
        let manifests: Vec<_> = (0..count).map(declaration).collect();
        for some in manifests.chunks(100) {
            self.client.apply(some, false).await.unwrap();
        }
        let settled = async {
            while !self.list().await.iter().all(is_settled) {
                sleep(Duration::from_millis(200)).await;
            }
        };
        timeout(PATIENCE, settled).await.expect("all are settled");
        begin.elapsed()
    }

    async fn list(&self) -> Vec<WorkspaceView> {
        self.client.list(&WorkspaceFilter::default()).await.unwrap().items
    }

    /// Does something to the containers of these workspaces, one after the other, and measures how long
    /// each takes until it is told.
    pub(crate) async fn change(
        &self,
        workspaces: &[usize],
        deed: impl Fn(usize, String) -> HumanAct,
        pace: Duration,
    ) -> Told {
        let views = self.list().await;
        let containers: HashMap<_, _> = views
            .into_iter()
            .map(|view| (view.workspace.metadata.name.to_string(), view.workspace.status))
            .filter_map(|(name, status)| Some((name, status.container?.name)))
            .collect();
        let mut told = self.read_events().await;
        let mut done = HashMap::new();
        for number in workspaces {
            let name = name(*number);
            let container = containers[&name].clone();
            done.insert(name, Instant::now());
            self.sim.act(deed(*number, container)).unwrap();
            sleep(pace).await;
        }
        let mut delays = Vec::with_capacity(done.len());
        while !done.is_empty() {
            let next = timeout(PATIENCE, told.recv()).await;
            let (name, at) = next.unwrap_or_else(|_| panic!("never told: {done:?}")).unwrap();
            delays.extend(done.remove(&name).map(|begin| at.duration_since(begin)));
        }
        Told::of_all(delays)
    }

    /// Whose events come from now on, and when they were read.
    async fn read_events(&self) -> mpsc::Receiver<(String, Instant)> {
        let (sender, receiver) = mpsc::channel(4096);
        let (client, filter) = (self.client.clone(), EventFilter::default());
        let mut after = client.newest_events(&filter, 1).await.unwrap().next;
        tokio::spawn(async move {
            // Until nobody listens, or there is no controller any more.
            while let Ok(page) = client.events(&filter, after, Duration::from_secs(5)).await {
                after = page.next;
                for event in page.items {
                    if sender
                        .send((event.workspace.name.to_string(), Instant::now()))
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                if sender.is_closed() {
                    return;
                }
            }
        });
        receiver
    }

    /// Ends the controller, which must end well.
    pub(crate) async fn strike(self) {
        self.end.send(()).unwrap();
        timeout(PATIENCE, self.controller).await.expect("it ends").unwrap().unwrap();
        self.engine.abort();
        drop(self.folder);
    }
}

fn simulate(begins: Timestamp) -> SimEngine {
    let range = |from, to| Duration::from_micros(from)..Duration::from_micros(to);
    let latency = Latency {
        read: range(200, 1500),
        change: range(500, 5000),
        heavy: range(2000, 10_000),
        slow_one_in: 100,
    };
    let options = SimOptions::new(3, InstanceId::new("scale"));
    let sim = SimEngine::new(SimOptions { begins, latency, ..options });
    sim.model(|model| model.add_image(IMAGE, Image::new(IMAGE)));
    sim
}

fn name(number: usize) -> String {
    format!("w{number:04}")
}

fn declaration(number: usize) -> Manifest {
    let value = json!({
        "apiVersion": "trueup/v1",
        "kind": "Workspace",
        "metadata": {"name": name(number), "owner": format!("owner-{}", number % 50)},
        "spec": {
            "image": IMAGE,
            "command": ["sleep", "infinity"],
            "resources": {"cpus": 0.5, "memory": "32MiB", "pids": 32},
        },
    });
    manifest::from_json(value).unwrap()
}

/// As declared, and nothing more is to be done: not even to look at what its own start has stirred up.
fn is_settled(view: &WorkspaceView) -> bool {
    let workspace = &view.workspace;
    workspace.status.observed_generation == workspace.generation
        && workspace.status.conditions.is_true(ConditionType::Ready)
        && view.live.as_ref().is_some_and(|live| !live.queued && !live.running)
}

/// How long changes took until they were told.
pub(crate) struct Told(Vec<Duration>);

impl Told {
    fn of_all(mut delays: Vec<Duration>) -> Self {
        delays.sort_unstable();
        Self(delays)
    }

    /// The delay within which so many of a hundred were told.
    pub(crate) fn of(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent).div_ceil(100).saturating_sub(1)]
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, most, all] = [50, 99, 100].map(|percent| self.of(percent));
        let count = self.0.len();
        write!(f, "{count} changes; median {median:.1?}, p99 {most:.1?}, worst {all:.1?}")
    }
}
