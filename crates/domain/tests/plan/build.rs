//! Workspaces, containers and observations to plan with, in as few words as a test wants to say.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use trueup_domain::{
    condition::{Condition, ConditionType, Truth},
    container::{Container, ContainerState, NetworkMode},
    desired::Desired,
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, Generation, ImageId, InstanceId, NetworkId, ResourceVersion, WorkspaceId},
    observed::{NetworkState, Observation, Observed, Presence, ProjectFolder},
    plan::{Plan, plan},
    policy::Policy,
    spec::{Metadata, Spec},
    status::{ContainerStatus, Failure, RecoveryStatus, Status},
    workspace::{Deletion, Workspace},
};

/// A spec with an image and whatever else is given.
pub(crate) fn spec(fields: &Value) -> Spec {
    let mut all = json!({"image": "debian:12"});
    let fields = fields.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(all).unwrap()
}

/// The beginning of every test's time.
pub(crate) fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

/// So many milliseconds after the beginning, or before it.
pub(crate) fn at(millis: i64) -> Timestamp {
    start() + SignedDuration::from_millis(millis)
}

pub(crate) fn policy() -> Policy {
    Policy {
        strict_range: Some("10.200.0.0/16".to_owned()),
        network_shards: 1,
        ..Policy::new(InstanceId::new("test"))
    }
}

/// A workspace `alice/payments` in its first generation that no pass has seen.
pub(crate) fn workspace(spec: Spec) -> Workspace {
    Workspace {
        id: "0195a0000000700080000000000000a1".parse::<WorkspaceId>().unwrap(),
        metadata: Metadata {
            name: "payments".parse().unwrap(),
            owner: "alice".parse().unwrap(),
            labels: std::collections::BTreeMap::new(),
        },
        spec,
        generation: Generation(1),
        resource_version: ResourceVersion(1),
        created_at: start(),
        adopted: None,
        deletion: None,
        status: Status::default(),
    }
}

pub(crate) fn network_id() -> NetworkId {
    NetworkId::new("n1")
}

/// The container `c1`, just as it is desired, started and (where that is its state) ended long ago.
pub(crate) fn container(desired: &Desired, state: ContainerState) -> Container {
    let was_started = state != ContainerState::Created;
    let has_ended = was_started && !state.has_process();
    let is_named = matches!(desired.config.network, NetworkMode::Named { .. });
    Container {
        id: ContainerId::new("c1"),
        state,
        image_id: ImageId::new("sha256:1"),
        started_at: was_started.then(|| at(-3_600_000)),
        finished_at: has_ended.then(|| at(-1_000)),
        exit_code: has_ended.then_some(1),
        oom_killed: false,
        restart_count: 0,
        published: std::collections::BTreeSet::new(),
        health: None,
        error: None,
        network_id: is_named.then(network_id),
        attached: [desired.config.network.network().to_owned()].into(),
        config: desired.config.clone(),
    }
}

/// The failure to reach the engine.
pub(crate) fn unreachable() -> EngineError {
    EngineError {
        operation: "inspect container",
        class: ErrorClass::Retryable,
        reason: Reason::EngineUnreachable,
        message: "nobody answers at /var/run/docker.sock".to_owned(),
    }
}

/// One decision to test: a settled first generation, beside an engine that has the image and the
/// network and no container.
pub(crate) struct Case {
    pub(crate) workspace: Workspace,
    pub(crate) policy: Policy,
    pub(crate) observation: Observation,
    pub(crate) now: Timestamp,
}

impl Case {
    pub(crate) fn new(fields: &Value) -> Self {
        let mut workspace = workspace(spec(fields));
        workspace.status.observed_generation = workspace.generation;
        workspace.status.synced_generation = workspace.generation;
        workspace.status.recovery.generation = workspace.generation;
        Self {
            workspace,
            policy: policy(),
            observation: Observation {
                container: Observed::Absent,
                image: Presence::Here,
                network: Some(NetworkState { id: network_id(), used: true }),
                others: Vec::new(),
                outgrown_network: None,
                volumes: Vec::new(),
                project: ProjectFolder::NotAsked,
            },
            now: start(),
        }
    }

    /// With a container in that state.
    pub(crate) fn with(self, state: ContainerState) -> Self {
        self.with_altered(state, |_| ())
    }

    /// With a container in that state and something about it changed.
    pub(crate) fn with_altered(
        mut self,
        state: ContainerState,
        alter: impl FnOnce(&mut Container),
    ) -> Self {
        let mut container = container(&self.desired(), state);
        alter(&mut container);
        self.see(&container);
        self.observation.container = Observed::Present(Box::new(container));
        self
    }

    /// Has the container be known since its start.
    pub(crate) fn see(&mut self, container: &Container) {
        let known = self.workspace.status.container.as_ref();
        let swap = known.map_or(container.config.swap, |known| known.swap);
        self.workspace.status.container = Some(ContainerStatus {
            seen_at: container.started_at,
            swap,
            ..ContainerStatus::from(container)
        });
    }

    /// Declared anew: the next generation, which no pass has seen.
    pub(crate) fn declared_anew(mut self, fields: &Value) -> Self {
        self.workspace.spec = spec(fields);
        self.workspace.generation = self.workspace.generation.next();
        self
    }

    pub(crate) fn deleted(mut self, volumes: bool) -> Self {
        let actor = "alice".to_owned();
        self.workspace.deletion = Some(Deletion { requested_at: start(), actor, volumes });
        self
    }

    /// With so many ends in a row counted, the last of them the one that `container` shows.
    pub(crate) fn crashed(mut self, crashes: u32) -> Self {
        let Observed::Present(container) = &self.observation.container else {
            panic!("a crash needs a container")
        };
        let generation = self.workspace.generation;
        let counted = container.finished_at;
        self.workspace.status.recovery = RecoveryStatus {
            generation,
            crashes,
            counted,
            counted_at: counted,
            ..RecoveryStatus::default()
        };
        self
    }

    pub(crate) fn desired(&self) -> Desired {
        Desired::new(Arc::new(self.workspace.clone()), &self.policy)
    }

    /// What is decided by the pass that acts: one that only announces is followed by the next.
    pub(crate) fn plan(&self) -> Plan {
        let announced = self.first_plan();
        if announced.wake_at != Some(self.now) {
            return announced;
        }
        let workspace = Workspace { status: announced.status, ..self.workspace.clone() };
        let desired = Desired::new(Arc::new(workspace), &self.policy);
        plan(&desired, &self.observation, self.now)
    }

    pub(crate) fn first_plan(&self) -> Plan {
        plan(&self.desired(), &self.observation, self.now)
    }
}

/// The actions of a plan in words, without the long name that everything here has.
pub(crate) fn words(plan: &Plan) -> Vec<String> {
    plan.actions.iter().map(|action| short(&action.to_string())).collect()
}

/// Text with the workspace's long name in one letter.
pub(crate) fn short(text: &str) -> String {
    text.replace("trueup-payments-0000000000a1", "W").replace("trueup-test-shared-0", "shared")
}

/// A failure of that operation in that generation.
pub(crate) fn failure(operation: &str, generation: u64) -> Failure {
    Failure {
        operation: operation.to_owned(),
        reason: Reason::EngineFault,
        message: "out of luck".to_owned(),
        at: start(),
        generation: Generation(generation),
    }
}

/// A condition of the first generation, said at the beginning.
pub(crate) fn condition(kind: ConditionType, status: Truth) -> Condition {
    Condition {
        kind,
        status,
        reason: "Said".to_owned(),
        message: String::new(),
        last_transition_time: start(),
        observed_generation: Generation(1),
    }
}
