//! A workbench: an adapter with an instance id of its own on a real engine, cleaned up at the end.

use bollard::{
    Docker,
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    time::Duration,
};
use tokio::time::Instant;
use trueup_docker_adapter::{DockerEngine, Options};
use trueup_domain::{
    action::{Action, NetworkConfig},
    container::{Container, ContainerConfig, ContainerState, NetworkMode},
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, InstanceId, WorkspaceId},
    label,
    port::Engine,
    spec::Resources,
};
use trueup_tests::{engine, image};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bench {
    pub(crate) engine: DockerEngine,
    /// The engine without the adapter, for what others do to it.
    pub(crate) docker: Docker,
    pub(crate) host: String,
    pub(crate) instance: InstanceId,
    pub(crate) workspace: WorkspaceId,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let endpoint = engine::find().await.unwrap();
        let docker = endpoint.client().unwrap();
        image::ensure(&docker).await.unwrap();
        // Random by its seed: tests run side by side, in processes of their own.
        let (number, workspace) = (random(), format!("{:016x}{:016x}", random(), random()));
        let instance = InstanceId::new(format!("adapter-test-{number:016x}"));
        let host = endpoint.as_str().to_owned();
        let engine = DockerEngine::connect(Options::new(&host, instance.clone())).unwrap();
        Self { engine, docker, host, instance, workspace: workspace.parse().unwrap() }
    }

    /// A name that no other test has.
    pub(crate) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.instance)
    }

    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (label::INSTANCE_ID.to_owned(), self.instance.to_string()),
            (label::WORKSPACE_ID.to_owned(), self.workspace.to_string()),
        ])
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
            mounts: BTreeSet::new(),
            ports: BTreeSet::new(),
            resources: Resources::default(),
            capabilities: BTreeSet::new(),
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

    pub(crate) fn network(&self, part: &str, range: Option<&str>) -> NetworkConfig {
        NetworkConfig {
            name: self.name(part),
            labels: self.labels(),
            inter_container: false,
            range: range.map(str::to_owned),
            seed: 0,
        }
    }

    pub(crate) async fn perform(&self, action: Action) -> Result<(), EngineError> {
        self.engine.perform(&action).await
    }

    /// Makes it and says which it is.
    pub(crate) async fn create(&self, config: &ContainerConfig) -> ContainerId {
        self.perform(Action::CreateContainer(Box::new(config.clone()))).await.unwrap();
        self.inspect(&config.name).await.id
    }

    pub(crate) async fn run(&self, config: &ContainerConfig) -> ContainerId {
        let id = self.create(config).await;
        self.perform(Action::StartContainer(id.clone())).await.unwrap();
        id
    }

    pub(crate) async fn inspect(&self, name: &str) -> Container {
        self.engine.inspect(&ContainerId::new(name)).await.unwrap().unwrap()
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
        let (docker, instance) = (self.docker.clone(), self.instance.clone());
        // A thread with a runtime of its own, as this one may be unwinding inside of one.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(clean(&docker, &instance));
        });
        // Its panic has been printed; a second one here would hide the test's own.
        let _ = cleaning.join();
    }
}

async fn clean(docker: &Docker, instance: &InstanceId) {
    let ours = format!("{}={instance}", label::INSTANCE_ID);
    let filters = HashMap::from([("label", vec![ours.as_str()])]);
    let by_name = HashMap::from([("name", vec![instance.as_str()])]);
    for filters in [&filters, &by_name] {
        let list = ListContainersOptionsBuilder::default().all(true).filters(filters).build();
        for row in docker.list_containers(Some(list)).await.unwrap() {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            docker.remove_container(&row.id.unwrap(), Some(options)).await.unwrap();
        }
        let list = ListNetworksOptionsBuilder::default().filters(filters).build();
        for row in docker.list_networks(Some(list)).await.unwrap() {
            docker.remove_network(&row.id.unwrap()).await.unwrap();
        }
        let list = ListVolumesOptionsBuilder::default().filters(filters).build();
        for row in docker.list_volumes(Some(list)).await.unwrap().volumes.unwrap_or_default() {
            let options = RemoveVolumeOptionsBuilder::default().build();
            docker.remove_volume(&row.name, Some(options)).await.unwrap();
        }
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(0)
}

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What a failure is, without its words.
pub(crate) fn kind(outcome: Result<(), EngineError>) -> (ErrorClass, Reason) {
    let error = outcome.expect_err("the engine should have refused");
    assert!(!error.message.is_empty());
    (error.class, error.reason)
}
