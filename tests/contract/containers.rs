//! A container's life: each action does its thing, and done again it is fine.

use crate::bench::{Bench, DEAF, On, PATIENCE, SHORT, SICK, STARVING, kind, quick_check, stop};
use On::{Real, Served, Simulated};
use futures::future::join_all;
use rstest::rstest;
use std::time::Duration;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState, HealthState},
    error::{ErrorClass, Reason},
    id::ContainerId,
    spec::Resources,
};

#[rstest]
#[tokio::test]
async fn starting_stopping_and_removing_again_is_fine(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let id = bench.create(&bench.config("again")).await;
    let steps = [
        (stop(&id, Duration::from_secs(5)), ContainerState::Created),
        (Action::KillContainer(id.clone()), ContainerState::Created),
        (Action::StartContainer(id.clone()), ContainerState::Running),
        (stop(&id, Duration::from_secs(5)), ContainerState::Exited),
        (Action::StartContainer(id.clone()), ContainerState::Running),
        (Action::KillContainer(id.clone()), ContainerState::Exited),
        (stop(&id, Duration::from_secs(5)), ContainerState::Exited),
        (Action::StartContainer(id.clone()), ContainerState::Running),
    ];
    for (action, state) in steps {
        for _ in 0..2 {
            bench.engine.perform(&action).await.unwrap();
            assert_eq!(bench.state(&id).await, state, "{action}");
        }
    }
    for _ in 0..2 {
        bench.remove(&id).await;
        assert_eq!(bench.engine.inspect(&id).await, Ok(None));
    }
}

#[rstest]
#[tokio::test]
async fn of_many_starts_at_once_all_are_well_and_one_process_comes_of_it(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let id = bench.create(&bench.config("once")).await;
    let start = Action::StartContainer(id.clone());
    let outcomes = join_all((0..6).map(|_| bench.engine.perform(&start))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let running = bench.inspect(id.as_str()).await;
    bench.engine.perform(&start).await.unwrap();
    assert_eq!(bench.inspect(id.as_str()).await, running);
}

#[rstest]
#[tokio::test]
async fn pausing_and_unpausing_again_is_fine(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let id = bench.run(&bench.config("frozen")).await;
    for (action, state) in [
        (Action::UnpauseContainer(id.clone()), ContainerState::Running),
        (Action::PauseContainer(id.clone()), ContainerState::Paused),
        (Action::UnpauseContainer(id.clone()), ContainerState::Running),
    ] {
        for _ in 0..2 {
            bench.engine.perform(&action).await.unwrap();
            assert_eq!(bench.state(&id).await, state, "{action}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_paused_container_is_not_started_but_can_be_stopped_and_killed(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let id = bench.create(&bench.config("frozen")).await;
    let start = Action::StartContainer(id.clone());
    for end in [stop(&id, Duration::from_secs(1)), Action::KillContainer(id.clone())] {
        bench.engine.perform(&start).await.unwrap();
        bench.perform(Action::PauseContainer(id.clone())).await.unwrap();
        let outcome = bench.engine.perform(&start).await;
        assert_eq!(kind(outcome), (ErrorClass::Unknown, Reason::Refused));
        assert_eq!(bench.state(&id).await, ContainerState::Paused);
        bench.engine.perform(&end).await.unwrap();
        bench.wait_for(&id, ContainerState::Exited).await;
    }
}

#[rstest]
#[tokio::test]
async fn what_does_not_run_is_not_paused(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let id = bench.create(&bench.config("still")).await;
    for state in [ContainerState::Created, ContainerState::Exited] {
        let outcome = bench.perform(Action::PauseContainer(id.clone())).await;
        assert_eq!(kind(outcome), (ErrorClass::Unknown, Reason::Refused));
        assert_eq!(bench.state(&id).await, state);
        bench.perform(Action::StartContainer(id.clone())).await.unwrap();
        bench.perform(Action::KillContainer(id.clone())).await.unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn a_process_that_ignores_term_is_killed_after_its_grace(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let config =
        ContainerConfig { health: Some(quick_check("/tmp/deaf")), ..bench.running("deaf", DEAF) };
    let id = bench.run(&config).await;
    bench.wait_until(&id, |container| container.health == Some(HealthState::Healthy)).await;
    let begin = tokio::time::Instant::now();
    bench.perform(stop(&id, Duration::from_millis(300))).await.unwrap();
    // A started second is granted whole.
    assert!(begin.elapsed() > Duration::from_millis(900), "{:?}", begin.elapsed());
    let ended = bench.inspect(id.as_str()).await;
    assert_eq!((ended.state, ended.exit_code), (ContainerState::Exited, Some(137)));
}

#[rstest]
#[tokio::test]
async fn a_process_that_hears_term_ends_long_before_its_grace_is_over(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let id = bench.run(&bench.config("polite")).await;
    let begin = tokio::time::Instant::now();
    bench.perform(stop(&id, PATIENCE)).await.unwrap();
    assert!(begin.elapsed() < PATIENCE / 2, "{:?}", begin.elapsed());
    let ended = bench.inspect(id.as_str()).await;
    assert_eq!((ended.state, ended.exit_code), (ContainerState::Exited, Some(143)));
}

#[rstest]
#[tokio::test]
async fn a_life_is_read_from_its_beginning_to_its_end(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let id = bench.create(&bench.running("life", SHORT)).await;
    let made = bench.inspect(id.as_str()).await;
    assert_eq!(made.state, ContainerState::Created);
    assert_eq!((made.started_at, made.finished_at, made.exit_code), (None, None, None));
    assert!(made.image_id.as_str().starts_with("sha256:"));
    let start = Action::StartContainer(id.clone());
    bench.engine.perform(&start).await.unwrap();
    let ended = bench.wait_for(&id, ContainerState::Exited).await;
    assert_eq!((ended.exit_code, ended.oom_killed, ended.error), (Some(7), false, None));
    assert!(ended.started_at.unwrap() < ended.finished_at.unwrap());
    // In its second life the end of the first is no longer told.
    bench.engine.perform(&start).await.unwrap();
    let again = bench.inspect(id.as_str()).await;
    assert_eq!((again.state, again.exit_code), (ContainerState::Running, None));
    assert!(again.started_at.unwrap() > ended.finished_at.unwrap());
    assert_eq!((again.image_id, again.restart_count), (made.image_id, 0));
}

#[rstest]
#[tokio::test]
async fn an_end_for_want_of_memory_is_told_as_that(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let id = bench.run(&bench.running("starving", STARVING)).await;
    let ended = bench.wait_for(&id, ContainerState::Exited).await;
    assert_eq!((ended.exit_code, ended.oom_killed), (Some(137), true));
}

#[rstest]
#[tokio::test]
async fn health_is_read_as_the_engine_judges_it(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let sleeping = bench.config("health").command.unwrap();
    let sleeping: Vec<&str> = sleeping.iter().map(String::as_str).collect();
    for (command, file, expected) in [
        (&sleeping[..], "/workload", HealthState::Healthy),
        (SICK, "/nowhere", HealthState::Unhealthy),
    ] {
        let config =
            ContainerConfig { health: Some(quick_check(file)), ..bench.running("health", command) };
        let id = bench.run(&config).await;
        bench.wait_until(&id, |container| container.health == Some(expected)).await;
        bench.remove(&id).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_container_is_removed_whatever_it_does(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    for steps in [0, 1, 2] {
        let id = bench.create(&bench.config("any")).await;
        let actions = [Action::StartContainer(id.clone()), Action::PauseContainer(id.clone())];
        for action in &actions[..steps] {
            bench.engine.perform(action).await.unwrap();
        }
        bench.remove(&id).await;
        assert_eq!(bench.engine.inspect(&id).await, Ok(None), "after {steps} steps");
        assert_eq!(bench.engine.list(None).await, Ok(Vec::new()));
    }
}

#[rstest]
#[tokio::test]
async fn of_many_removals_at_once_each_is_done_or_says_that_another_is_under_way(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let id = bench.run(&bench.config("once")).await;
    let remove = Action::RemoveContainer(id.clone());
    let outcomes = join_all((0..6).map(|_| bench.engine.perform(&remove))).await;
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::Busy));
    }
    assert_eq!(bench.engine.inspect(&id).await, Ok(None));
}

#[rstest]
#[tokio::test]
async fn acting_on_what_is_gone_says_so(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
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
    bench.remove(&gone).await;
}
