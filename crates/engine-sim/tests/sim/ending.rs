//! How processes end, what events tell of it, and what a list still says.

use crate::support::*;
use futures::future::join;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState, HealthState},
    error::{
        ErrorClass::{Retryable, Terminal},
        Reason,
    },
    port::Engine,
};
use trueup_engine_sim::{HumanAct, Limits, Program, RowFault};

/// The events after the creation and the first start.
fn later(sim: &trueup_engine_sim::SimEngine) -> Vec<String> {
    actions(sim).split_off(2)
}

#[tokio::test(start_paused = true)]
async fn a_stop_tells_kill_die_stop_and_is_quick_when_the_term_is_heard() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    let before = sim.uptime();
    stop(&sim, &id, secs(10)).await;
    assert!(sim.uptime() < before + secs(1));
    assert_eq!(later(&sim), ["kill", "die", "stop"]);
    assert_eq!(seen(&sim, "a").exit_code, Some(143));
    stop(&sim, &id, secs(10)).await;
    assert_eq!(later(&sim).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ignores_term_takes_the_whole_grace_and_is_killed() {
    let sim = engine(1);
    set_program(&sim, "a", Program::ignores_term());
    let id = run(&sim, &config("a")).await;
    let before = sim.uptime();
    stop(&sim, &id, secs(10)).await;
    assert!(sim.uptime() >= before + secs(10));
    assert_eq!(later(&sim), ["kill", "kill", "die", "stop"]);
    assert_eq!(seen(&sim, "a").exit_code, Some(137));
}

#[tokio::test(start_paused = true)]
async fn a_kill_tells_kill_die_and_killing_again_is_fine() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    for _ in 0..2 {
        sim.perform(&Action::KillContainer(id.clone())).await.unwrap();
    }
    assert_eq!(later(&sim), ["kill", "die"]);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_process_is_let_go_on_by_a_stop_and_killed_as_it_is_by_a_kill() {
    for (action, events) in
        [(true, vec!["kill", "unpause", "die", "stop"]), (false, vec!["kill", "die"])]
    {
        let sim = engine(1);
        let id = run(&sim, &config("a")).await;
        sim.perform(&Action::PauseContainer(id.clone())).await.unwrap();
        if action {
            stop(&sim, &id, secs(1)).await;
        } else {
            sim.perform(&Action::KillContainer(id)).await.unwrap();
        }
        assert_eq!(later(&sim)[1..], events);
        assert_eq!(state(&sim, "a"), ContainerState::Exited);
    }
}

#[tokio::test(start_paused = true)]
async fn freezing_and_letting_go_again_is_fine() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    for (action, state_then) in [
        (Action::PauseContainer(id.clone()), ContainerState::Paused),
        (Action::UnpauseContainer(id.clone()), ContainerState::Running),
    ] {
        for _ in 0..2 {
            sim.perform(&action).await.unwrap();
            assert_eq!(state(&sim, "a"), state_then);
        }
    }
    assert_eq!(later(&sim), ["pause", "unpause"]);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_falls_into_a_pause_comes_after_it() {
    let sim = engine(1);
    set_program(&sim, "a", Program::exits(3, secs(5)));
    let id = run(&sim, &config("a")).await;
    sim.perform(&Action::PauseContainer(id.clone())).await.unwrap();
    tokio::time::sleep(secs(60)).await;
    assert_eq!(state(&sim, "a"), ContainerState::Paused);
    sim.perform(&Action::UnpauseContainer(id)).await.unwrap();
    assert_eq!(seen(&sim, "a").exit_code, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_a_frozen_process_whose_end_fell_into_the_pause_is_answered() {
    let sim = engine(1);
    set_program(&sim, "a", Program::exits(3, secs(5)));
    let id = run(&sim, &config("a")).await;
    sim.perform(&Action::PauseContainer(id.clone())).await.unwrap();
    tokio::time::sleep(secs(60)).await;
    stop(&sim, &id, secs(1)).await;
    assert_eq!(seen(&sim, "a").exit_code, Some(3));
}

#[tokio::test(start_paused = true)]
async fn want_of_memory_tells_oom_and_die() {
    let sim = engine(1);
    set_program(&sim, "a", Program::out_of_memory(secs(2)));
    run(&sim, &config("a")).await;
    tokio::time::sleep(secs(3)).await;
    let ended = seen(&sim, "a");
    assert_eq!((ended.exit_code, ended.oom_killed), (Some(137), true));
    assert_eq!(later(&sim), ["oom", "die"]);
}

#[tokio::test(start_paused = true)]
async fn the_engines_policy_revives_after_a_kill_on_the_host_and_not_after_one_by_the_engine() {
    let sim = engine(1);
    let id = run(&sim, &ContainerConfig { restart: true, ..config("a") }).await;
    sim.act(HumanAct::KillOnHost { container: "a".to_owned() }).unwrap();
    tokio::time::sleep(secs(5)).await;
    assert_eq!((state(&sim, "a"), seen(&sim, "a").restart_count), (ContainerState::Running, 1));
    assert_eq!(later(&sim), ["die", "start"]);
    assert_eq!(sim.snapshot().containers[&id].starts, 2);
    sim.perform(&Action::KillContainer(id)).await.unwrap();
    tokio::time::sleep(secs(600)).await;
    assert_eq!(state(&sim, "a"), ContainerState::Exited);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_late_right_after_an_end_and_inspect_is_not() {
    let sim = engine(1);
    run(&sim, &config("a")).await;
    sim.act(HumanAct::KillOnHost { container: "a".to_owned() }).unwrap();
    let listed = |sim: &trueup_engine_sim::SimEngine| {
        sim.model(|model| model.list(&labels()).remove(0).state)
    };
    assert_eq!((listed(&sim), state(&sim, "a")), (ContainerState::Running, ContainerState::Exited));
    tokio::time::sleep(millis(150)).await;
    assert_eq!(listed(&sim), ContainerState::Exited);
    sim.faults(|faults| faults.next_row(RowFault::Late));
    assert_eq!(sim.list(None).await.unwrap()[0].state, ContainerState::Running);
    sim.faults(|faults| faults.next_row(RowFault::Missing));
    assert_eq!(sim.list(None).await.unwrap(), []);
    assert_eq!(sim.list(None).await.unwrap()[0].state, ContainerState::Exited);
}

#[tokio::test(start_paused = true)]
async fn a_forced_removal_tells_kill_die_destroy() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    remove(&sim, &id).await.unwrap();
    assert_eq!(later(&sim), ["kill", "die", "destroy"]);
    assert!(sim.snapshot().containers.is_empty());
    create(&sim, &config("a")).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_removals_at_once_one_is_busy() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    let (one, two) = join(remove(&sim, &id), remove(&sim, &id)).await;
    let busy = one.and(two).unwrap_err();
    assert_eq!((busy.class, busy.reason), (Retryable, Reason::Busy));
    assert!(busy.message.contains("already in progress"));
}

#[tokio::test(start_paused = true)]
async fn a_removal_without_force_needs_a_container_that_does_not_run() {
    let sim = engine(1);
    run(&sim, &config("a")).await;
    assert_eq!(sim.model(|model| model.remove("a", false)).unwrap_err().status, 409);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_goes_wrong_leaves_it_dead_until_the_next() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    sim.model(|model| model.make_cling("a")).unwrap();
    assert_eq!(kind(remove(&sim, &id).await), (Retryable, Reason::EngineFault));
    assert_eq!(state(&sim, "a"), ContainerState::Dead);
    assert!(start(&sim, &id).await.is_err());
    remove(&sim, &id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn health_is_starting_then_healthy_then_what_the_program_says() {
    let sim = engine(1);
    set_program(&sim, "a", Program::unhealthy(secs(10)));
    let id = create(&sim, &checked("a")).await;
    assert_eq!(seen(&sim, "a").health, None);
    start(&sim, &id).await.unwrap();
    assert_eq!(seen(&sim, "a").health, Some(HealthState::Starting));
    tokio::time::sleep(secs(2)).await;
    assert_eq!(seen(&sim, "a").health, Some(HealthState::Healthy));
    tokio::time::sleep(secs(12)).await;
    assert_eq!(seen(&sim, "a").health, Some(HealthState::Unhealthy));
    assert_eq!(later(&sim), ["health_status: healthy", "health_status: unhealthy"]);
    assert_eq!(state(&sim, "a"), ContainerState::Running);
}

#[tokio::test(start_paused = true)]
async fn what_is_frozen_or_ended_counts_as_unhealthy_without_a_word() {
    let sim = engine(1);
    let id = run(&sim, &checked("a")).await;
    tokio::time::sleep(secs(2)).await;
    sim.perform(&Action::PauseContainer(id.clone())).await.unwrap();
    assert_eq!(seen(&sim, "a").health, Some(HealthState::Unhealthy));
    sim.perform(&Action::UnpauseContainer(id.clone())).await.unwrap();
    tokio::time::sleep(secs(2)).await;
    assert_eq!(seen(&sim, "a").health, Some(HealthState::Healthy));
    stop(&sim, &id, secs(1)).await;
    assert_eq!(seen(&sim, "a").health, Some(HealthState::Unhealthy));
    let told: Vec<_> =
        actions(&sim).into_iter().filter(|word| word.starts_with("health")).collect();
    assert_eq!(told, ["health_status: healthy"; 2]);
}

#[tokio::test(start_paused = true)]
async fn limits_change_in_place_and_zero_changes_nothing() {
    let sim = engine(1);
    run(&sim, &config("a")).await;
    let update = |limits| sim.act(HumanAct::Update { container: "a".to_owned(), limits });
    let before = seen(&sim, "a").config;
    update(Limits::default()).unwrap();
    assert_eq!(seen(&sim, "a").config, before);
    let more = Limits { memory: 1 << 30, ..Limits::default() };
    assert_eq!(update(more).unwrap_err().status, 409);
    update(Limits { memory_swap: -1, restart: Some(true), ..more }).unwrap();
    let after = seen(&sim, "a").config;
    assert_eq!((after.resources.memory.bytes(), after.swap, after.restart), (1 << 30, true, true));
    let id = seen(&sim, "a").id;
    let resources = before.resources;
    sim.perform(&Action::UpdateResources { container: id, resources }).await.unwrap();
    assert_eq!(seen(&sim, "a").config, before);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_given_back_unless_another_has_it() {
    let sim = engine(1);
    let id = create(&sim, &config("a")).await;
    create(&sim, &config("b")).await;
    let rename = |to: &str| Action::RenameContainer { container: id.clone(), to: to.to_owned() };
    for _ in 0..2 {
        sim.perform(&rename("c")).await.unwrap();
        assert_eq!(seen(&sim, "c").id, id);
    }
    assert_eq!(kind(sim.perform(&rename("b")).await), (Terminal, Reason::NameConflict));
    assert_eq!(sim.engine_inspect("a").await, None);
}
