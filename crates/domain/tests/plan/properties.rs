//! What holds for every plan, and that every world gets to where it should be.

use crate::{
    build::{self, unreachable},
    generate::{wants_process, worlds},
    world::{Command, Fault, Pass, World, assert_safe},
};
use jiff::{SignedDuration, Timestamp};
use proptest::{option, prelude::*, sample::select};
use serde_json::json;
use std::sync::Arc;
use trueup_domain::{
    action::Action,
    condition::ConditionType,
    container::{Container, ContainerState, NetworkMode},
    desired::{Desired, Goal},
    drift::{self, Remedy},
    id::ContainerId,
    observed::{Observation, Observed},
    plan::{Plan, plan},
    spec::{OnDrift, RecoveryPolicy},
    status::Phase,
    workspace::Workspace,
};

/// More passes than any world needs.
const BOUND: usize = 60;

/// The plan of a world's next pass, with what it came from.
fn decide(world: &World) -> (Desired, Observation, Plan) {
    let desired = world.desired().unwrap();
    let observed = world.observe(&desired);
    let plan = plan(&desired, &observed, world.now);
    (desired, observed, plan)
}

/// Which observed container an action is about.
fn names(action: &Action) -> Option<&ContainerId> {
    match action {
        Action::StartContainer(id)
        | Action::KillContainer(id)
        | Action::PauseContainer(id)
        | Action::UnpauseContainer(id)
        | Action::RemoveContainer(id)
        | Action::StopContainer { container: id, .. }
        | Action::RenameContainer { container: id, .. }
        | Action::UpdateResources { container: id, .. } => Some(id),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_same_input_always_gives_the_same_plan(world in worlds()) {
        let (desired, observed, first) = decide(&world);
        prop_assert_eq!(first, plan(&desired, &observed, world.now));
    }

    #[test]
    fn on_unknown_nothing_is_done(world in worlds()) {
        let desired = world.desired().unwrap();
        let plan = plan(&desired, &Observation::of(Observed::Unknown(unreachable())), world.now);
        let before = &desired.workspace.status;
        prop_assert_eq!(plan.actions, []);
        prop_assert!(!plan.finished);
        prop_assert_eq!(plan.status.status, before.status);
        prop_assert_eq!(&plan.status.container, &before.container);
        prop_assert_eq!(plan.status.recovery, before.recovery);
    }

    #[test]
    fn only_what_was_seen_is_touched(world in worlds()) {
        let (desired, _, plan) = decide(&world);
        let id = |container: &Container| container.id.clone();
        let mut present = world.container.as_ref().map(id);
        let mut previous = world.previous.as_ref().map(id);
        for action in &plan.actions {
            if let Some(name) = names(action) {
                prop_assert!([&present, &previous].contains(&&Some(name.clone())), "{action}");
            }
            match action {
                Action::CreateContainer(config) => {
                    prop_assert_eq!(&present, &None, "a second container");
                    present = Some(ContainerId::new(config.name.clone()));
                }
                Action::RemoveContainer(id) if previous.as_ref() == Some(id) => previous = None,
                Action::RemoveContainer(_) => present = None,
                Action::RenameContainer { to, .. } if *to == desired.previous_name() => {
                    prop_assert_eq!(&previous, &None, "two are set aside");
                    previous = present.take();
                }
                Action::RenameContainer { container, .. } if previous.as_ref() == Some(container) => {
                    prop_assert_eq!(&present, &None, "two of one name");
                    present = previous.take();
                }
                Action::RemoveVolume { .. } => {
                    prop_assert_eq!(desired.goal, Goal::Gone { volumes: true });
                }
                _ => {}
            }
        }
    }

    #[test]
    fn two_containers_of_one_workspace_never_run_at_once(world in worlds()) {
        let has_process = |container: &Option<Container>| {
            container.as_ref().is_some_and(|container| container.state.has_process())
        };
        let mut running: Vec<_> = [&world.container, &world.previous]
            .into_iter()
            .filter(|container| has_process(container))
            .flatten()
            .map(|container| container.id.clone())
            .collect();
        for action in &decide(&world).2.actions {
            match action {
                Action::StopContainer { container, .. } | Action::KillContainer(container) => running.retain(|id| id != container),
                Action::StartContainer(id) => {
                    prop_assert!(running.is_empty(), "{action} beside {running:?}");
                    running.push(id.clone());
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_container_that_is_made_is_confined(world in worlds()) {
        for action in decide(&world).2.actions {
            if let Action::CreateContainer(config) = action {
                assert_safe(&config);
            }
        }
    }

    #[test]
    fn what_is_settled_needs_no_action_and_no_retry(world in worlds()) {
        let (_, _, plan) = decide(&world);
        if plan.status.conditions.is_true(ConditionType::Synced) {
            prop_assert_eq!(&plan.actions, &[]);
            prop_assert_eq!(&plan.status.last_error, &None);
            prop_assert!(!plan.status.conditions.is_true(ConditionType::Progressing));
        }
        if plan.finished {
            prop_assert_eq!(&plan.actions, &[]);
            prop_assert!(world.container.is_none() && world.previous.is_none());
        }
    }

    #[test]
    fn a_look_that_changes_nothing_says_the_same(world in worlds()) {
        let (desired, observed, first) = decide(&world);
        if !first.actions.is_empty() || first.wake_at == Some(world.now) {
            return Ok(());
        }
        let workspace = Workspace { status: first.status.clone(), ..(*desired.workspace).clone() };
        let again = Desired::new(Arc::new(workspace), &world.policy);
        let second = plan(&again, &observed, world.now);
        prop_assert!(second.status.says_the_same(&first.status), "{:#?}", (first, second));
        prop_assert_eq!(second.actions, []);
    }

    #[test]
    fn the_status_is_about_the_generation_that_was_looked_at(world in worlds()) {
        let (desired, _, plan) = decide(&world);
        let generation = desired.workspace.generation;
        prop_assert_eq!(plan.status.observed_generation, generation);
        prop_assert_eq!(plan.status.recovery.generation, generation);
        prop_assert!(plan.status.synced_generation <= generation);
        for condition in plan.status.conditions.iter() {
            prop_assert_eq!(condition.observed_generation, generation);
            prop_assert!(!condition.reason.is_empty());
        }
    }

    #[test]
    fn what_is_waited_for_lies_ahead(world in worlds()) {
        let (_, _, plan) = decide(&world);
        prop_assert!(plan.wake_at.is_none_or(|at| at >= world.now));
    }

    #[test]
    fn every_world_gets_to_its_goal_and_stays_there(
        world in worlds(),
        faults in prop::collection::vec(
            option::of(select(vec![Fault::Fails, Fault::DoneUnheard, Fault::Crash])), 0..8),
        outage in 0_usize..3,
    ) {
        let leaks_allowed = faults.iter().any(Option::is_some);
        let start = world.clone();
        let mut world = world;
        world.faults = faults;
        settle(&mut world, outage);
        assert_reached(&start, &world, leaks_allowed);
        let (quiet, now) = (world.clone(), world.now);
        if world.workspace.is_some() {
            let pass = world.pass().unwrap();
            prop_assert_eq!(pass.attempts, [] as [String; 0]);
            prop_assert_eq!(&pass.events, &[]);
            prop_assert!(pass.last.status.says_the_same(&pass.before.status));
        }
        prop_assert_eq!(quiet.container, world.container);
        prop_assert_eq!(quiet.networks, world.networks);
        prop_assert_eq!(quiet.volumes, world.volumes);
        prop_assert_eq!(now, world.now);
    }

    #[test]
    fn a_command_that_keeps_ending_is_started_as_often_as_its_recovery_allows(
        give_up_after in 1_u32..7, lives_ms in 1_i64..59_000, exit_code in 0_i64..3,
    ) {
        let recovery = json!({"giveUpAfter": give_up_after, "backoffMax": "5s"});
        let mut world = World::new(build::workspace(build::spec(&json!({"recovery": recovery}))));
        let lives = Some(SignedDuration::from_millis(lives_ms));
        world.command = Command { lives, exit_code, ..world.command };
        let starts = settle(&mut world, 0)
            .iter()
            .flat_map(|pass| &pass.attempts)
            .filter(|attempt| attempt.starts_with("start container"))
            .count();
        prop_assert_eq!(starts, give_up_after as usize);
        prop_assert_eq!(world.workspace.unwrap().status.phase, Phase::CrashLoop);
    }
}

/// Runs passes until nothing is to be done and nothing will happen by itself.
fn settle(world: &mut World, outage: usize) -> Vec<Pass> {
    let mut passes = Vec::new();
    for count in 0..BOUND {
        world.reachable = count >= outage;
        world.tick();
        let Some(pass) = world.pass() else {
            world.now += SignedDuration::from_secs(1);
            continue;
        };
        let next = match (&world.workspace, pass.failed || !world.reachable) {
            (None, _) => None,
            (Some(_), true) => Some(world.now + SignedDuration::from_secs(1)),
            (Some(_), false) if pass.calls_again(world.now) => Some(world.now),
            (Some(_), false) => pass.last.wake_at.into_iter().chain(world.next_change()).min(),
        };
        passes.push(pass);
        let Some(next) = next else { return passes };
        world.now = next.max(world.now);
    }
    panic!("no rest after {BOUND} passes: {:#?}", &passes[BOUND - 6..]);
}

fn assert_reached(start: &World, end: &World, leaks_allowed: bool) {
    let workspace = start.workspace.as_ref().unwrap();
    let own = start.desired().unwrap().config.name;
    let state = end.container.as_ref().map(|container| container.state);
    assert!(end.previous.is_none(), "one is still set aside");
    match start.desired().unwrap().goal {
        Goal::Gone { volumes } => {
            assert_eq!(state, None);
            // A stranger on its own network holds it up, and it says so.
            let occupied = end.networks.get(&own).is_some_and(|network| network.shared)
                && start.desired().unwrap().network.is_some_and(|network| network.name == own);
            assert_eq!(end.workspace.is_some(), occupied);
            assert!(!occupied || phase(end) == Phase::Deleting);
            let expected =
                if volumes { &std::collections::BTreeSet::new() } else { &start.volumes };
            assert!(end.volumes.is_superset(expected) && (!volumes || end.volumes.is_empty()));
            let leaks = end.networks.contains_key(&own) && !end.networks[&own].shared;
            assert!(!leaks || leaks_allowed, "a network of its own is left");
        }
        Goal::Archived => {
            assert_eq!(state, None);
            assert_eq!(phase(end), Phase::Archived);
            assert_eq!(end.volumes, start.volumes);
        }
        Goal::Stopped => {
            assert!(state.is_none_or(|state| !state.has_process()));
            assert_eq!(phase(end), Phase::Stopped);
        }
        Goal::Running | Goal::Paused => assert_runs(workspace, end, state),
    }
    if let Some(after) = &end.workspace {
        assert!(!after.status.conditions.is_true(ConditionType::Progressing));
        assert_eq!(after.status.last_error, None);
    }
}

/// It runs (or is frozen) as declared, or rests for a reason that it says.
fn assert_runs(workspace: &Workspace, end: &World, state: Option<ContainerState>) {
    assert!(wants_process(workspace));
    let spec = &workspace.spec;
    let (goal, phase) = (end.desired().unwrap().goal, phase(end));
    match phase {
        Phase::Running => assert_eq!((goal, state), (Goal::Running, Some(ContainerState::Running))),
        Phase::Paused => assert_eq!((goal, state), (Goal::Paused, Some(ContainerState::Paused))),
        Phase::Stopped => {
            assert_ne!(spec.recovery.policy, RecoveryPolicy::Always);
            assert_eq!(state, Some(ContainerState::Exited));
        }
        Phase::CrashLoop => {
            let crashes = end.workspace.as_ref().unwrap().status.recovery.crashes;
            assert!((1..=crashes).contains(&spec.recovery.give_up_after));
            assert_eq!(state, Some(ContainerState::Exited));
        }
        Phase::Pending => {
            assert!(matches!(end.project, trueup_domain::observed::ProjectFolder::Forbidden(_)));
            assert!(spec.project.is_some());
            return;
        }
        other => panic!("it rests in {other}"),
    }
    let (desired, container) = (end.desired().unwrap(), end.container.as_ref().unwrap());
    if let Some(rollback) = &end.workspace.as_ref().unwrap().status.rollback {
        assert!((1..=rollback.count).contains(&spec.recovery.give_up_after), "{rollback:?}");
        return;
    }
    assert!(!drift::is_outdated(&desired.config, container));
    let has_process = container.state.has_process();
    let mut differences = drift::drift(&desired.config, container, None);
    // What the engine gave it from the start is left to it.
    let is_given = desired.workspace.status.could_always_swap(&container.id);
    differences.retain(|found| found.field != "swap" || !is_given);
    // A container without a process is replaced when it is to start.
    let in_place = |remedy| matches!(remedy, Remedy::Rename | Remedy::Update);
    let matter = differences.iter().filter(|found| has_process || in_place(found.remedy)).count();
    if spec.on_drift == OnDrift::Recreate {
        assert_eq!(matter, 0, "{differences:?}");
    }
    if has_process && let NetworkMode::Named { name } = &container.config.network {
        assert!(end.is_used(name));
    }
}

fn phase(world: &World) -> Phase {
    world.workspace.as_ref().unwrap().status.phase
}

/// That the world's time never runs backwards is what the counting of ends rests on.
#[test]
fn each_call_takes_time() {
    let mut world = World::new(build::workspace(build::spec(&json!({}))));
    let before: Timestamp = world.now;
    settle(&mut world, 0);
    assert!(world.now > before);
}
