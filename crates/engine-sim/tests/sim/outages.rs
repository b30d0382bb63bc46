//! The engine out of reach, restarted, and with a clock that jumps.

use crate::support::*;
use futures::{FutureExt, StreamExt, future::join};
use jiff::{SignedDuration, Timestamp};
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState},
    error::{
        ErrorClass::{Retryable, Unknown},
        Reason,
    },
    port::Engine,
};
use trueup_engine_sim::{EngineAct, Happening, HumanAct, Program};

#[tokio::test(start_paused = true)]
async fn an_engine_out_of_reach_answers_nothing_and_goes_on() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    let mut events = sim.events(sim.clock()).await.unwrap();
    sim.suffer(EngineAct::Away { length: secs(10) });
    assert!(events.next().await.is_none());
    assert_eq!(kind(sim.inspect(&id).await), (Retryable, Reason::EngineUnreachable));
    assert!(sim.events(sim.clock()).await.is_err());
    sim.act(HumanAct::Stop { container: "a".to_owned(), grace: secs(1) }).unwrap();
    tokio::time::sleep(secs(10)).await;
    assert_eq!(inspect(&sim, "a").await.state, ContainerState::Exited);
    let mut missed = sim.events(sim.clock() - SignedDuration::from_secs(20)).await.unwrap();
    let words = [missed.next().await, missed.next().await, missed.next().await];
    let words: Vec<_> = words.into_iter().map(|event| event.unwrap().unwrap().action).collect();
    assert_eq!(words[2], "kill", "the ring still has them");
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_when_the_connection_breaks_is_of_unknown_outcome_and_done() {
    let sim = engine(1);
    sim.schedule(millis(5), Happening::Engine(EngineAct::Away { length: secs(5) }));
    let outcome = sim.perform(&Action::CreateContainer(Box::new(config("a")))).await;
    assert_eq!(kind(outcome), (Unknown, Reason::EngineUnreachable));
    tokio::time::sleep(secs(6)).await;
    assert!(sim.engine_inspect("a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_when_the_engine_ends_is_lost() {
    let sim = engine(1);
    let restart = EngineAct::Restart { length: secs(5), live_restore: true };
    sim.schedule(millis(5), Happening::Engine(restart));
    let outcome = sim.perform(&Action::CreateContainer(Box::new(config("a")))).await;
    assert_eq!(kind(outcome), (Unknown, Reason::EngineUnreachable));
    tokio::time::sleep(secs(6)).await;
    assert_eq!(sim.engine_inspect("a").await, None);
}

#[tokio::test(start_paused = true)]
async fn with_live_restore_processes_go_on_and_the_events_are_forgotten() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    let process = sim.snapshot().containers[&id].process;
    sim.suffer(EngineAct::Restart { length: secs(5), live_restore: true });
    assert!(sim.inspect(&id).await.is_err());
    tokio::time::sleep(secs(5)).await;
    assert_eq!(inspect(&sim, "a").await.state, ContainerState::Running);
    assert_eq!(sim.snapshot().containers[&id].process, process);
    assert_eq!(actions(&sim), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn without_it_processes_end_and_no_event_tells_of_that() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    run(&sim, &ContainerConfig { restart: true, ..config("b") }).await;
    sim.suffer(EngineAct::Restart { length: secs(5), live_restore: false });
    tokio::time::sleep(secs(6)).await;
    assert_eq!(inspect(&sim, "a").await.state, ContainerState::Exited);
    assert_eq!(sim.snapshot().containers[&id].process, None);
    assert_eq!(inspect(&sim, "b").await.state, ContainerState::Running, "by the engine's policy");
    assert_eq!(actions(&sim), ["start"]);
}

#[tokio::test(start_paused = true)]
async fn a_death_while_the_engine_is_down_is_never_told() {
    let sim = engine(1);
    set_program(&sim, "a", Program::exits(4, secs(2)));
    run(&sim, &config("a")).await;
    sim.suffer(EngineAct::Restart { length: secs(5), live_restore: true });
    tokio::time::sleep(secs(6)).await;
    assert_eq!(inspect(&sim, "a").await.exit_code, Some(4));
    assert!(sim.events(Timestamp::UNIX_EPOCH).await.unwrap().next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_ends_in_the_middle_of_a_removal_leaves_it_dead() {
    let sim = engine(1);
    let id = create(&sim, &config("a")).await;
    let ending = async {
        while state(&sim, "a") != ContainerState::Removing {
            tokio::time::sleep(millis(1)).await;
        }
        sim.suffer(EngineAct::Restart { length: secs(5), live_restore: true });
    };
    let (outcome, ()) = join(remove(&sim, &id), ending).await;
    assert_eq!(kind(outcome), (Unknown, Reason::EngineUnreachable));
    tokio::time::sleep(secs(6)).await;
    assert_eq!(inspect(&sim, "a").await.state, ContainerState::Dead);
    remove(&sim, &id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_jump_of_the_clock_moves_stamps_and_no_process() {
    let sim = engine(1);
    set_program(&sim, "a", Program::exits(0, secs(60)));
    run(&sim, &config("a")).await;
    let before = sim.time().await.unwrap();
    sim.suffer(EngineAct::JumpClock { by: SignedDuration::from_hours(-2) });
    assert!(sim.time().await.unwrap() < before);
    assert_eq!(state(&sim, "a"), ContainerState::Running);
    tokio::time::sleep(secs(61)).await;
    let ended = seen(&sim, "a");
    assert_eq!(ended.state, ContainerState::Exited);
    assert!(ended.finished_at.unwrap() < ended.started_at.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_ends_after_the_kill_of_a_removal_has_forgotten_the_rest_of_it() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    let ending = async {
        while actions(&sim).last().is_none_or(|word| word != "kill") {
            tokio::time::sleep(millis(1)).await;
        }
        sim.suffer(EngineAct::Restart { length: secs(5), live_restore: true });
    };
    let (outcome, ()) = join(remove(&sim, &id), ending).await;
    assert_eq!(kind(outcome), (Unknown, Reason::EngineUnreachable));
    tokio::time::sleep(secs(60)).await;
    assert_eq!(inspect(&sim, "a").await.state, ContainerState::Exited);
    remove(&sim, &id).await.unwrap();
}
