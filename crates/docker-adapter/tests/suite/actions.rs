//! Actions on a container: each does its thing, and done again it is fine.

use crate::support::{Bench, kind, quick_check, words};
use bollard::models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use futures::future::join_all;
use std::{collections::BTreeSet, time::Duration};
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState, HealthState, Mount, MountKind},
    error::{EngineError, ErrorClass, Reason},
    id::ContainerId,
    label,
    port::Engine,
    quantity::{Cpus, Memory},
    spec::Resources,
};
use trueup_tests::image;

fn stop(container: &ContainerId, grace: Duration) -> Action {
    Action::StopContainer { container: container.clone(), grace }
}

#[tokio::test]
async fn many_creations_of_one_name_make_one_container() {
    let bench = Bench::new().await;
    let create = Action::CreateContainer(Box::new(bench.config("one")));
    let outcomes = join_all((0..8).map(|_| bench.engine.perform(&create))).await;
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    // The engine reserves a name before its container can be inspected.
    let is_fine = |outcome: &Result<(), EngineError>| {
        outcome.as_ref().map_or_else(
            |error| (error.class, error.reason) == (ErrorClass::Retryable, Reason::Busy),
            |()| true,
        )
    };
    assert!(outcomes.iter().all(is_fine), "{outcomes:?}");
    bench.engine.perform(&create).await.unwrap();
    assert_eq!(bench.engine.list(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_that_somebody_else_holds_is_a_conflict_that_names_the_holder() {
    let bench = Bench::new().await;
    let mut theirs = bench.config("one");
    theirs
        .labels
        .insert(label::WORKSPACE_ID.to_owned(), "0190f5a0000070008000000000000001".to_owned());
    let holder = bench.create(&theirs).await;
    let create = Action::CreateContainer(Box::new(bench.config("one")));
    let error = bench.perform(create).await.unwrap_err();
    assert_eq!((error.class, error.reason), (ErrorClass::Terminal, Reason::NameConflict));
    assert!(error.message.contains(holder.as_str()), "{}", error.message);
}

#[tokio::test]
async fn starting_stopping_and_removing_again_is_fine() {
    let bench = Bench::new().await;
    let id = bench.create(&bench.config("again")).await;
    let steps = [
        (Action::StartContainer(id.clone()), ContainerState::Running),
        (stop(&id, Duration::from_secs(5)), ContainerState::Exited),
        (Action::StartContainer(id.clone()), ContainerState::Running),
        (Action::KillContainer(id.clone()), ContainerState::Exited),
        (Action::StartContainer(id.clone()), ContainerState::Running),
    ];
    for (action, state) in steps {
        for _ in 0..2 {
            bench.engine.perform(&action).await.unwrap();
            assert_eq!(bench.inspect(id.as_str()).await.state, state, "{action}");
        }
    }
    for _ in 0..2 {
        bench.perform(Action::RemoveContainer(id.clone())).await.unwrap();
        assert_eq!(bench.engine.inspect(&id).await, Ok(None));
    }
}

#[tokio::test]
async fn pausing_and_unpausing_again_is_fine() {
    let bench = Bench::new().await;
    let id = bench.run(&bench.config("frozen")).await;
    for (action, state) in [
        (Action::PauseContainer(id.clone()), ContainerState::Paused),
        (Action::UnpauseContainer(id.clone()), ContainerState::Running),
    ] {
        for _ in 0..2 {
            bench.engine.perform(&action).await.unwrap();
            assert_eq!(bench.inspect(id.as_str()).await.state, state, "{action}");
        }
    }
}

#[tokio::test]
async fn a_process_that_ignores_term_is_killed_after_its_grace() {
    let bench = Bench::new().await;
    let config = ContainerConfig {
        command: Some(words(&[
            image::PROGRAM,
            "--ignore-term",
            "write",
            "/tmp/deaf",
            "yes",
            "sleep",
        ])),
        health: Some(quick_check("/tmp/deaf")),
        ..bench.config("deaf")
    };
    let id = bench.run(&config).await;
    bench.wait_until(&id, |container| container.health == Some(HealthState::Healthy)).await;
    bench.perform(stop(&id, Duration::from_millis(300))).await.unwrap();
    let ended = bench.inspect(id.as_str()).await;
    assert_eq!((ended.state, ended.exit_code), (ContainerState::Exited, Some(137)));
}

#[tokio::test]
async fn a_container_gets_its_name_back_unless_another_has_it() {
    let bench = Bench::new().await;
    let id = bench.create(&bench.config("first")).await;
    bench.create(&bench.config("second")).await;
    let rename = |to: &str| Action::RenameContainer { container: id.clone(), to: bench.name(to) };
    for _ in 0..2 {
        bench.perform(rename("third")).await.unwrap();
        assert_eq!(bench.inspect(id.as_str()).await.config.name, bench.name("third"));
    }
    let outcome = bench.perform(rename("second")).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::NameConflict));
}

#[tokio::test]
async fn limits_go_up_and_down_in_place() {
    let bench = Bench::new().await;
    let id = bench.run(&bench.config("limits")).await;
    for (millis, mib, pids) in [(500, 1024, 99), (1500, 64, 300), (1500, 64, 300)] {
        let resources =
            Resources { cpus: Cpus::from_millis(millis), memory: Memory::from_mib(mib), pids };
        bench.perform(Action::UpdateResources { container: id.clone(), resources }).await.unwrap();
        let read = bench.inspect(id.as_str()).await;
        assert_eq!(read.config.resources, resources);
        assert_eq!(read.state, ContainerState::Running);
    }
}

#[tokio::test]
async fn what_somebody_else_allowed_is_taken_back_with_the_limits() {
    let bench = Bench::new().await;
    let config = bench.config("allowed");
    let id = bench.run(&config).await;
    let policy = |name| Some(RestartPolicy { name: Some(name), ..RestartPolicy::default() });
    for (restart_policy, memory_swap) in [
        (policy(RestartPolicyNameEnum::ALWAYS), None),
        (policy(RestartPolicyNameEnum::UNLESS_STOPPED), Some(-1)),
        (policy(RestartPolicyNameEnum::ON_FAILURE), Some(4 << 30)),
    ] {
        let swap = memory_swap.is_some();
        let update =
            ContainerUpdateBody { restart_policy, memory_swap, ..ContainerUpdateBody::default() };
        bench.docker.update_container(id.as_str(), update).await.unwrap();
        let altered = bench.inspect(id.as_str()).await.config;
        assert_eq!((altered.restart, altered.swap), (true, swap));
        let resources = config.resources;
        bench.perform(Action::UpdateResources { container: id.clone(), resources }).await.unwrap();
        let mended = bench.inspect(id.as_str()).await;
        assert_eq!((mended.config.restart, mended.config.swap), (false, false));
        assert_eq!(mended.state, ContainerState::Running);
    }
}

#[tokio::test]
async fn a_removal_keeps_named_volumes() {
    let bench = Bench::new().await;
    let volume = bench.name("home");
    let ensure = Action::EnsureVolume { name: volume.clone(), labels: bench.labels() };
    bench.perform(ensure).await.unwrap();
    let config = ContainerConfig {
        mounts: BTreeSet::from([Mount {
            target: "/home/dev".to_owned(),
            kind: MountKind::Volume,
            source: volume.clone(),
            read_only: false,
        }]),
        ..bench.config("keeps")
    };
    let id = bench.run(&config).await;
    bench.perform(Action::RemoveContainer(id)).await.unwrap();
    assert_eq!(bench.engine.volumes(bench.workspace).await, Ok(vec![volume]));
}

#[tokio::test]
async fn acting_on_what_is_gone_says_so() {
    let bench = Bench::new().await;
    let gone = ContainerId::new("f".repeat(64));
    let to = bench.name("x");
    for action in [
        Action::StartContainer(gone.clone()),
        stop(&gone, Duration::from_secs(1)),
        Action::KillContainer(gone.clone()),
        Action::PauseContainer(gone.clone()),
        Action::UnpauseContainer(gone.clone()),
        Action::RenameContainer { container: gone.clone(), to },
        Action::UpdateResources { container: gone.clone(), resources: Resources::default() },
    ] {
        let outcome = bench.engine.perform(&action).await;
        assert_eq!(kind(outcome), (ErrorClass::Unknown, Reason::NotFound), "{action}");
    }
    assert_eq!(bench.engine.inspect(&gone).await, Ok(None));
}
