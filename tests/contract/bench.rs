//! A workbench on any of the engines: one instance's view of it, and what it makes there.
//!
//! A test knows nothing of the engine below but what the port says. What is made on a real one carries
//! a label of the bench's, by which it is removed in the end, also when the test fails.

use crate::served::{Served, simulate};
use bollard::Docker;
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;
use trueup_docker_adapter::{DockerEngine, Options};
use trueup_domain::{
    action::{Action, NetworkConfig},
    container::{Container, ContainerConfig, ContainerState, HealthConfig, NetworkMode},
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, InstanceId, WorkspaceId},
    label,
    port::Engine,
    spec::Resources,
};
use trueup_engine_sim::SimEngine;
use trueup_tests::{engine, image, list};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Hears a TERM and goes on, once its file is there.
pub(crate) const DEAF: &[&str] =
    &[image::PROGRAM, "--ignore-term", "write", "/tmp/deaf", "yes", "sleep"];
/// Ends by itself.
pub(crate) const SHORT: &[&str] = &[image::PROGRAM, "sleep", "0.2", "exit", "7"];
/// Runs without the file that the health check looks for.
pub(crate) const SICK: &[&str] = &[image::PROGRAM, "sleep", "infinity"];
/// Takes more memory than [`Bench::config`] allows.
pub(crate) const STARVING: &[&str] = &[image::PROGRAM, "hold", "512", "sleep"];
/// Commands of one word that cannot be run.
pub(crate) const MISSING: [&str; 3] = ["/nope", "nope", "/etc/passwd"];

/// Marks what pretends to be somebody else's.
const STRANGER: &str = "trueup-test.stranger";

/// The engines that keep the contract.
#[derive(Debug, Clone, Copy)]
pub(crate) enum On {
    /// The simulation, in process.
    Simulated,
    /// The simulation on a socket, through the adapter.
    Served,
    /// A Docker Engine, through the adapter.
    Real,
}

/// One instance on an engine.
pub(crate) struct Bench {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) instance: InstanceId,
    pub(crate) workspace: WorkspaceId,
    below: Below,
}

/// The engine itself, for other instances on it and for what is no engine's business.
#[derive(Clone)]
enum Below {
    Simulated(SimEngine),
    Served(SimEngine, Served),
    Real(Docker, String),
}

impl Bench {
    pub(crate) async fn new(on: On) -> Self {
        let instance = InstanceId::new(format!("contract-{:016x}", random()));
        let below = match on {
            On::Simulated => Below::Simulated(simulate(&instance, random())),
            On::Served => {
                let sim = simulate(&instance, random());
                let served = Served::new(&sim);
                Below::Served(sim, served)
            }
            On::Real => {
                let endpoint = engine::find().await.unwrap();
                let docker = endpoint.client().unwrap();
                image::ensure(&docker).await.unwrap();
                Below::Real(docker, endpoint.as_str().to_owned())
            }
        };
        Self::of(instance, below)
    }

    /// Another instance on the same engine, with a workspace of its own.
    pub(crate) fn other(&self) -> Self {
        let instance = InstanceId::new(format!("{}-other", self.instance));
        Self::of(instance, self.below.clone())
    }

    fn of(instance: InstanceId, below: Below) -> Self {
        let connect =
            |host: String| DockerEngine::connect(Options::new(host, instance.clone())).unwrap();
        let engine: Arc<dyn Engine> = match &below {
            Below::Simulated(sim) => Arc::new(sim.for_instance(instance.clone())),
            Below::Served(_, served) => Arc::new(connect(served.host())),
            Below::Real(_, host) => Arc::new(connect(host.clone())),
        };
        let workspace = format!("{:016x}{:016x}", random(), random()).parse().unwrap();
        Self { engine, instance, workspace, below }
    }

    /// A name that no other test has.
    pub(crate) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.instance)
    }

    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        self.labels_of(self.workspace)
    }

    pub(crate) fn labels_of(&self, workspace: WorkspaceId) -> BTreeMap<String, String> {
        BTreeMap::from([
            (label::INSTANCE_ID.to_owned(), self.instance.to_string()),
            (label::WORKSPACE_ID.to_owned(), workspace.to_string()),
        ])
    }

    /// The labels of something that has nothing to do with us.
    pub(crate) fn strange_labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(STRANGER.to_owned(), self.instance.to_string())])
    }

    /// A plain container that runs until it is told to end.
    pub(crate) fn config(&self, part: &str) -> ContainerConfig {
        ContainerConfig {
            name: self.name(part),
            labels: self.labels(),
            image: image::IMAGE.to_owned(),
            command: Some(words(&[image::PROGRAM, "sleep"])),
            env: BTreeMap::new(),
            working_dir: None,
            user: None,
            hostname: part.to_owned(),
            mounts: [].into(),
            ports: [].into(),
            resources: Resources {
                memory: trueup_domain::quantity::Memory::from_mib(64),
                ..Resources::default()
            },
            capabilities: [].into(),
            read_only_root: false,
            no_new_privileges: true,
            init: true,
            privileged: false,
            restart: false,
            swap: false,
            network: NetworkMode::None,
            health: None,
        }
    }

    /// The same with another program.
    pub(crate) fn running(&self, part: &str, command: &[&str]) -> ContainerConfig {
        ContainerConfig { command: Some(words(command)), ..self.config(part) }
    }

    pub(crate) fn network(&self, part: &str) -> NetworkConfig {
        NetworkConfig {
            name: self.name(part),
            labels: self.labels(),
            inter_container: false,
            range: None,
            seed: 0,
        }
    }

    /// The host lacks that folder, which is to be so: a simulated one does not look for itself.
    pub(crate) fn lacks_folder(&self, path: &Path) {
        assert!(!path.exists());
        if let Below::Simulated(sim) | Below::Served(sim, _) = &self.below {
            sim.model(|model| model.set_folder(path.to_str().unwrap(), false));
        }
    }

    pub(crate) async fn perform(&self, action: Action) -> Result<(), EngineError> {
        self.engine.perform(&action).await
    }

    /// Makes it and says which it is.
    pub(crate) async fn create(&self, config: &ContainerConfig) -> ContainerId {
        self.perform(create(config)).await.unwrap();
        self.inspect(&config.name).await.id
    }

    pub(crate) async fn run(&self, config: &ContainerConfig) -> ContainerId {
        let id = self.create(config).await;
        self.perform(Action::StartContainer(id.clone())).await.unwrap();
        id
    }

    pub(crate) async fn remove(&self, id: &ContainerId) {
        self.perform(Action::RemoveContainer(id.clone())).await.unwrap();
    }

    pub(crate) async fn inspect(&self, name: &str) -> Container {
        self.engine.inspect(&ContainerId::new(name)).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: &ContainerId) -> ContainerState {
        self.inspect(id.as_str()).await.state
    }

    pub(crate) async fn wait_for(&self, id: &ContainerId, state: ContainerState) -> Container {
        self.wait_until(id, |container| container.state == state).await
    }

    pub(crate) async fn wait_until(
        &self,
        id: &ContainerId,
        done: impl Fn(&Container) -> bool,
    ) -> Container {
        let until = Instant::now() + PATIENCE;
        loop {
            let container = self.inspect(id.as_str()).await;
            if done(&container) {
                return container;
            }
            assert!(Instant::now() < until, "never came: {container:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let Below::Real(docker, _) = &self.below else { return };
        let docker = docker.clone();
        let labels = [label::INSTANCE_ID, STRANGER].map(|key| format!("{key}={}", self.instance));
        // A thread with a runtime of its own, as this one may be unwinding inside of one.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                for label in &labels {
                    list::remove(&docker, label).await.unwrap();
                }
            });
        });
        // Its panic has been printed; a second one here would hide the test's own.
        let _ = cleaning.join();
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(0)
}

pub(crate) fn create(config: &ContainerConfig) -> Action {
    Action::CreateContainer(Box::new(config.clone()))
}

pub(crate) fn stop(container: &ContainerId, grace: Duration) -> Action {
    Action::StopContainer { container: container.clone(), grace }
}

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A check that is made every tenth of a second and says whether a file is there.
pub(crate) fn quick_check(file: &str) -> HealthConfig {
    HealthConfig {
        command: words(&[image::PROGRAM, "health", file]),
        interval_ms: 100,
        timeout_ms: 2000,
        retries: 1,
        start_period_ms: 0,
    }
}

/// What a failure is, without its words.
pub(crate) fn kind<T: std::fmt::Debug>(outcome: Result<T, EngineError>) -> (ErrorClass, Reason) {
    let error = outcome.expect_err("the engine should have refused");
    assert!(!error.message.is_empty());
    (error.class, error.reason)
}
