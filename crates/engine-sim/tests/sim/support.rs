//! A simulated engine with an image, and short words for what tests do to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use trueup_domain::{
    action::Action,
    container::{
        Container, ContainerConfig, ContainerState, HealthConfig, Mount, MountKind, NetworkMode,
    },
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, InstanceId, WorkspaceId},
    label,
    port::Engine,
    spec::Resources,
};
use trueup_engine_sim::{Image, Program, SimEngine, SimOptions};

pub(crate) const IMAGE: &str = "debian:12";
pub(crate) const WORKSPACE: &str = "0190f5a0000070008000000000000001";

pub(crate) const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// An engine with one image.
pub(crate) fn engine(seed: u64) -> SimEngine {
    let sim = SimEngine::new(SimOptions::new(seed, InstanceId::new("one")));
    sim.model(|model| model.add_image(IMAGE, Image::new(IMAGE)));
    sim
}

pub(crate) fn workspace() -> WorkspaceId {
    WORKSPACE.parse().unwrap()
}

pub(crate) fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([
        (label::INSTANCE_ID.to_owned(), "one".to_owned()),
        (label::WORKSPACE_ID.to_owned(), WORKSPACE.to_owned()),
    ])
}

pub(crate) fn config(name: &str) -> ContainerConfig {
    ContainerConfig {
        name: name.to_owned(),
        labels: labels(),
        image: IMAGE.to_owned(),
        command: Some(vec!["sleep".to_owned(), "infinity".to_owned()]),
        env: BTreeMap::new(),
        working_dir: None,
        user: None,
        hostname: name.to_owned(),
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

pub(crate) fn checked(name: &str) -> ContainerConfig {
    let health = HealthConfig {
        command: vec!["true".to_owned()],
        interval_ms: 1000,
        timeout_ms: 500,
        retries: 2,
        start_period_ms: 0,
    };
    ContainerConfig { health: Some(health), ..config(name) }
}

pub(crate) fn mount(kind: MountKind, source: &str) -> BTreeSet<Mount> {
    let (target, source) = ("/workspace".to_owned(), source.to_owned());
    BTreeSet::from([Mount { target, kind, source, read_only: false }])
}

pub(crate) fn set_program(sim: &SimEngine, name: &str, program: Program) {
    sim.model(|model| model.programs().for_name(name, program));
}

pub(crate) async fn create(sim: &SimEngine, config: &ContainerConfig) -> ContainerId {
    sim.perform(&Action::CreateContainer(Box::new(config.clone()))).await.unwrap();
    inspect(sim, &config.name).await.id
}

pub(crate) async fn run(sim: &SimEngine, config: &ContainerConfig) -> ContainerId {
    let id = create(sim, config).await;
    sim.perform(&Action::StartContainer(id.clone())).await.unwrap();
    id
}

pub(crate) async fn start(sim: &SimEngine, id: &ContainerId) -> Result<(), EngineError> {
    sim.perform(&Action::StartContainer(id.clone())).await
}

pub(crate) async fn stop(sim: &SimEngine, id: &ContainerId, grace: Duration) {
    sim.perform(&Action::StopContainer { container: id.clone(), grace }).await.unwrap();
}

pub(crate) async fn remove(sim: &SimEngine, id: &ContainerId) -> Result<(), EngineError> {
    sim.perform(&Action::RemoveContainer(id.clone())).await
}

pub(crate) async fn inspect(sim: &SimEngine, name: &str) -> Container {
    sim.engine_inspect(name).await.expect("the container should be there")
}

/// Looks over the port; a trait so that tests read well.
pub(crate) trait Look {
    async fn engine_inspect(&self, name: &str) -> Option<Container>;
}

impl Look for SimEngine {
    async fn engine_inspect(&self, name: &str) -> Option<Container> {
        self.inspect(&ContainerId::new(name)).await.unwrap()
    }
}

/// What the model says, without a call.
pub(crate) fn seen(sim: &SimEngine, name: &str) -> Container {
    sim.model(|model| model.inspect(name)).unwrap()
}

pub(crate) fn state(sim: &SimEngine, name: &str) -> ContainerState {
    seen(sim, name).state
}

/// The words of all container events so far, in the order in which they were told.
pub(crate) fn actions(sim: &SimEngine) -> Vec<String> {
    sim.model(|model| {
        let of_containers =
            model.events().filter(|event| event.kind == trueup_engine_sim::EventKind::Container);
        of_containers.map(|event| event.action.clone()).collect()
    })
}

pub(crate) fn kind<T: std::fmt::Debug>(outcome: Result<T, EngineError>) -> (ErrorClass, Reason) {
    let error = outcome.expect_err("it should have failed");
    assert!(!error.message.is_empty());
    (error.class, error.reason)
}
