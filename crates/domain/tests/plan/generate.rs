//! Random specs, statuses and engines: any state that a workspace can be found in.

use crate::{
    build::{at, container, failure, policy, spec, start, workspace},
    world::{Network, World},
};
use jiff::SignedDuration;
use proptest::{option, prelude::*, sample::select};
use serde_json::{Value, json};
use std::sync::Arc;
use trueup_domain::{
    container::{Container, ContainerState, NetworkMode},
    desired::{Desired, volume_name},
    id::{ContainerId, Generation, NetworkId},
    observed::ProjectFolder,
    quantity::Memory,
    spec::{DesiredState, Spec},
    status::{Phase, RecoveryStatus, Rollback, Status},
    workspace::{Deletion, Workspace},
};

const PHASES: [Phase; 16] = [
    Phase::Pending,
    Phase::Pulling,
    Phase::Creating,
    Phase::Starting,
    Phase::Running,
    Phase::Unhealthy,
    Phase::Pausing,
    Phase::Paused,
    Phase::Stopping,
    Phase::Stopped,
    Phase::Restarting,
    Phase::CrashLoop,
    Phase::Archiving,
    Phase::Archived,
    Phase::Deleting,
    Phase::Unknown,
];

const STATES: [ContainerState; 7] = [
    ContainerState::Created,
    ContainerState::Running,
    ContainerState::Paused,
    ContainerState::Restarting,
    ContainerState::Removing,
    ContainerState::Exited,
    ContainerState::Dead,
];

/// Any spec whose image can be had.
pub(crate) fn specs() -> impl Strategy<Value = Spec> {
    let states = select(vec!["running", "stopped", "paused", "archived"]);
    let isolations = select(vec!["basic", "standard", "strict"]);
    let drifts = select(vec!["recreate", "report", "ignore"]);
    let policies = select(vec!["always", "onFailure", "never"]);
    let containers = (
        select(vec!["debian:12", "debian:13"]),
        select(vec!["Always", "IfNotPresent"]),
        option::of(Just(json!(["sleep", "infinity"]))),
        option::of(Just(json!({"path": "/srv/projects/payments"}))),
        any::<bool>(),
        option::of(select(vec![
            json!({"command": ["true"]}),
            json!({"command": ["true"], "onFailure": "restart"}),
        ])),
    );
    (states, isolations, drifts, policies, 0_u32..4, select(vec![64, 512]), containers).prop_map(
        |(state, isolation, drift, policy, limit, memory, container)| {
            let (image, pull, command, project, has_volume, health) = container;
            let volumes =
                if has_volume { json!([{"name": "home", "target": "/home"}]) } else { json!([]) };
            let mut fields = json!({
                "state": state, "isolation": isolation, "onDrift": drift, "image": image,
                "imagePullPolicy": pull, "volumes": volumes,
                "resources": {"memory": format!("{memory}MiB")},
                "recovery": {"policy": policy, "giveUpAfter": limit},
            });
            for (name, value) in [("command", command), ("project", project), ("health", health)] {
                fields[name] = value.unwrap_or(Value::Null);
            }
            fields.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            spec(&fields)
        },
    )
}

/// Any status that an earlier pass may have left, of this generation or of one before.
fn statuses(generation: u64) -> impl Strategy<Value = Status> {
    let recovery = (0..=generation, 0_u32..6, option::of(-2_000_i64..0));
    let rollback = option::weighted(0.2, (0..=generation, 1_u32..4, any::<bool>()));
    let seen = (0..=generation, 0..=generation);
    (select(PHASES.to_vec()), seen, recovery, any::<bool>(), rollback).prop_map(
        |(phase, (seen, synced), (counted_for, crashes, counted), failed, rollback)| Status {
            phase,
            observed_generation: Generation(seen),
            synced_generation: Generation(synced.min(seen)),
            recovery: RecoveryStatus {
                restarts: 0,
                generation: Generation(counted_for),
                crashes,
                counted: counted.map(at),
                counted_at: counted.map(at),
                condemned: None,
            },
            last_error: failed.then(|| failure("start container", seen)),
            rollback: rollback.map(|(generation, count, under_way)| Rollback {
                generation: Generation(generation),
                why: "it did not".to_owned(),
                count,
                at: at(-1_000),
                under_way,
            }),
            ..Status::default()
        },
    )
}

/// What somebody may do to a container behind our back.
#[derive(Debug, Clone, Copy)]
enum Tampering {
    Name,
    Limits,
    Privileges,
    Environment,
    LostNetwork,
    OtherNetwork,
    EngineRestarts,
    Swap,
}

fn tamper(container: &mut Container, tampering: Tampering) {
    match tampering {
        Tampering::Name => "mine".clone_into(&mut container.config.name),
        Tampering::Limits => container.config.resources.memory = Memory::from_mib(7),
        Tampering::Privileges => container.config.privileged = true,
        Tampering::Environment => {
            container.config.env.insert("EXTRA".to_owned(), "1".to_owned());
        }
        Tampering::LostNetwork => {
            container.network_id = container.network_id.as_ref().map(|_| NetworkId::new("n0"));
        }
        Tampering::OtherNetwork => container.attached = ["other".to_owned()].into(),
        Tampering::EngineRestarts => container.config.restart = true,
        Tampering::Swap => container.config.swap = true,
    }
}

/// A container that was made for some declaration, in some state, perhaps tampered with.
#[derive(Debug, Clone)]
struct Found {
    state: ContainerState,
    tampering: Vec<Tampering>,
    made_for: Option<Spec>,
    exit_code: i64,
    ended_at: i64,
}

fn found() -> impl Strategy<Value = Found> {
    let tampering = prop::collection::vec(
        select(vec![
            Tampering::Name,
            Tampering::Limits,
            Tampering::Privileges,
            Tampering::Environment,
            Tampering::LostNetwork,
            Tampering::OtherNetwork,
            Tampering::EngineRestarts,
            Tampering::Swap,
        ]),
        0..3,
    );
    let ends = (select(vec![0_i64, 1, 137]), -2_000_i64..0);
    (select(STATES.to_vec()), tampering, option::of(specs()), ends).prop_map(
        |(state, tampering, made_for, (exit_code, ended_at))| Found {
            state,
            tampering,
            made_for,
            exit_code,
            ended_at,
        },
    )
}

/// A stored workspace: any spec, generation, status, and perhaps its deletion.
pub(crate) fn workspaces() -> impl Strategy<Value = Workspace> {
    (specs(), 1_u64..4).prop_flat_map(|(spec, generation)| {
        (Just(spec), Just(generation), statuses(generation), option::of(any::<bool>())).prop_map(
            |(spec, generation, status, deletion)| Workspace {
                generation: Generation(generation),
                status,
                deletion: deletion.map(|volumes| Deletion {
                    requested_at: start(),
                    actor: "alice".to_owned(),
                    volumes,
                }),
                ..workspace(spec)
            },
        )
    })
}

/// A workspace and an engine in any state.
pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let engine = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let containers = (option::of(found()), option::weighted(0.3, found()));
    (workspaces(), containers, engine, 0_u8..8).prop_map(
        |(workspace, containers, (has_image, has_network, shared, has_volume, swaps), project)| {
            let (found, previous) = containers;
            let mut world = World::new(workspace.clone());
            world.swaps_always = swaps;
            world.images.extend(has_image.then(|| workspace.spec.image.to_string()));
            let desired = world.desired().unwrap();
            if has_network && let Some(network) = &desired.network {
                let id = crate::build::network_id();
                world.networks.insert(network.name.clone(), Network { id, shared });
            }
            let home = workspace.spec.volumes.iter().filter(|_| has_volume);
            world.volumes = home.map(|volume| volume_name(&workspace, &volume.name)).collect();
            if project == 0 {
                world.project = ProjectFolder::Forbidden("it leads to /etc".to_owned());
            }
            if let Some(previous) = previous {
                set_aside(&mut world, &workspace, previous);
            }
            if let Some(found) = found {
                place(&mut world, &workspace, found);
            }
            world
        },
    )
}

fn place(world: &mut World, workspace: &Workspace, found: Found) {
    let made_for = Workspace {
        spec: found.made_for.unwrap_or_else(|| workspace.spec.clone()),
        ..workspace.clone()
    };
    let mut container = container(&Desired::new(Arc::new(made_for), &policy()), found.state);
    if container.finished_at.is_some() {
        container.finished_at = Some(at(found.ended_at));
        container.started_at = Some(at(found.ended_at) - SignedDuration::from_secs(1));
        container.exit_code = Some(found.exit_code);
    }
    if found.state == ContainerState::Running
        && let NetworkMode::Named { name } = &container.config.network
    {
        let id = crate::build::network_id();
        world.networks.entry(name.clone()).or_insert(Network { id, shared: false });
    }
    container.config.swap = world.swaps_always;
    for tampering in found.tampering {
        tamper(&mut container, tampering);
    }
    world.container = Some(container);
    if matches!(found.state, ContainerState::Removing | ContainerState::Restarting) {
        world.busy(found.state);
    }
}

/// A container that was being replaced when everything stopped.
fn set_aside(world: &mut World, workspace: &Workspace, found: Found) {
    if matches!(found.state, ContainerState::Removing | ContainerState::Restarting) {
        return;
    }
    place(world, workspace, Found { tampering: Vec::new(), ..found });
    if let Some(mut previous) = world.container.take() {
        previous.id = ContainerId::new("c0");
        previous.config.name = world.desired().unwrap().previous_name();
        world.previous = Some(previous);
    }
}

/// Whether a workspace's goal is a container with a process.
pub(crate) fn wants_process(workspace: &Workspace) -> bool {
    workspace.deletion.is_none()
        && matches!(workspace.spec.desired_state(), DesiredState::Running | DesiredState::Paused)
}
