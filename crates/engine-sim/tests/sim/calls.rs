//! Calls that get lost, take long, or are given up.

use crate::support::*;
use std::pin::pin;
use tokio::time::timeout;
use trueup_domain::{
    action::Action,
    container::ContainerState,
    error::{
        ErrorClass::{Retryable, Unknown},
        Reason,
    },
    id::ContainerId,
    port::Engine,
};
use trueup_engine_sim::{CallFault, CallKind, CallRule, Faults, SimEngine};

fn create_action(name: &str) -> Action {
    Action::CreateContainer(Box::new(config(name)))
}

fn next(sim: &SimEngine, kind: CallKind, fault: CallFault) {
    sim.faults(|faults| faults.next(kind, fault));
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_told_as_the_adapter_tells_it_and_does_or_does_not_do_it() {
    let message = "something broke".to_owned();
    let cases = [
        (CallFault::Error { status: 500, message }, Retryable, Reason::EngineFault, false),
        (CallFault::DropBefore, Unknown, Reason::EngineUnreachable, false),
        (CallFault::DropAfter, Unknown, Reason::EngineUnreachable, true),
        (CallFault::Truncate, Unknown, Reason::EngineFault, true),
        (CallFault::Hang { done: false }, Unknown, Reason::DeadlineExceeded, false),
        (CallFault::Hang { done: true }, Unknown, Reason::DeadlineExceeded, true),
    ];
    for (fault, class, reason, done) in cases {
        let sim = engine(1);
        next(&sim, CallKind::Create, fault.clone());
        assert_eq!(kind(sim.perform(&create_action("a")).await), (class, reason), "{fault:?}");
        assert_eq!(sim.engine_inspect("a").await.is_some(), done, "{fault:?}");
        sim.perform(&create_action("a")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_ends_at_the_deadline_of_its_kind() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    sim.faults(|faults| {
        for kind in [CallKind::Inspect, CallKind::Start, CallKind::Stop, CallKind::Remove] {
            faults.every(kind, CallFault::Hang { done: false });
        }
    });
    let begin = tokio::time::Instant::now;
    let at = begin();
    sim.inspect(&id).await.unwrap_err();
    assert_eq!(at.elapsed().as_secs(), 5);
    let cases = [
        (Action::StartContainer(id.clone()), 30),
        (Action::StopContainer { container: id.clone(), grace: secs(10) }, 25),
        (Action::RemoveContainer(id), 60),
    ];
    for (action, seconds) in cases {
        let at = begin();
        assert_eq!(kind(sim.perform(&action).await), (Unknown, Reason::DeadlineExceeded));
        assert_eq!(at.elapsed().as_secs(), seconds, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_given_up_is_carried_out_all_the_same() {
    let sim = engine(1);
    {
        let action = create_action("a");
        let mut call = pin!(sim.perform(&action));
        assert!(timeout(millis(1), &mut call).await.is_err());
        assert!(sim.snapshot().containers.is_empty());
    }
    tokio::time::sleep(secs(2)).await;
    assert_eq!(sim.snapshot().containers.len(), 1);
    let id = seen(&sim, "a").id;
    for (action, is_so) in [
        (Action::StartContainer(id.clone()), ContainerState::Running),
        (Action::StopContainer { container: id.clone(), grace: secs(1) }, ContainerState::Exited),
    ] {
        assert!(timeout(millis(1), sim.perform(&action)).await.is_err());
        tokio::time::sleep(secs(3)).await;
        assert_eq!(state(&sim, "a"), is_so);
    }
    assert!(timeout(millis(1), remove(&sim, &id)).await.is_err());
    tokio::time::sleep(secs(3)).await;
    assert!(sim.snapshot().containers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_never_polled_was_never_made() {
    let sim = engine(1);
    drop(sim.perform(&create_action("a")));
    tokio::time::sleep(secs(5)).await;
    assert!(sim.snapshot().containers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_late_call_takes_effect_late() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    next(&sim, CallKind::Stop, CallFault::Delay(secs(40)));
    let action = Action::StopContainer { container: id.clone(), grace: secs(1) };
    assert_eq!(kind(sim.perform(&action).await), (Unknown, Reason::DeadlineExceeded));
    start(&sim, &id).await.unwrap();
    assert_eq!(state(&sim, "a"), ContainerState::Running);
    tokio::time::sleep(secs(40)).await;
    assert_eq!(state(&sim, "a"), ContainerState::Exited, "the old stop landed after the start");
}

#[tokio::test(start_paused = true)]
async fn rules_pick_calls_by_kind_and_subject_and_end() {
    let sim = engine(1);
    let rule = CallRule {
        kind: None,
        subject: Some("a".to_owned()),
        fault: CallFault::DropBefore,
        times: Some(2),
    };
    sim.faults(|faults| faults.rule(rule));
    sim.perform(&create_action("b")).await.unwrap();
    for _ in 0..2 {
        sim.perform(&create_action("a")).await.unwrap_err();
    }
    sim.perform(&create_action("a")).await.unwrap();
    sim.faults(|faults| faults.every(CallKind::Inspect, CallFault::DropBefore));
    sim.inspect(&seen(&sim, "a").id).await.unwrap_err();
    sim.faults(Faults::stop);
    assert!(sim.engine_inspect("a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_removal_can_be_made_to_leave_it_dead() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    next(&sim, CallKind::Remove, CallFault::LeaveDead);
    remove(&sim, &id).await.unwrap_err();
    assert_eq!(state(&sim, "a"), ContainerState::Dead);
}

#[tokio::test(start_paused = true)]
async fn calls_take_time_and_only_changes_count_as_such() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    assert!(sim.uptime() > millis(80));
    let before = sim.counters();
    sim.inspect(&id).await.unwrap();
    sim.list(None).await.unwrap();
    sim.list(Some(workspace())).await.unwrap();
    sim.time().await.unwrap();
    let after = sim.counters();
    assert_eq!((before.mutating(), before.changes), (after.mutating(), after.changes));
    assert_eq!(after.of(CallKind::InspectImage), 1);
    sim.perform(&Action::StartContainer(id)).await.unwrap();
    assert_eq!(sim.counters().mutating(), before.mutating() + 1);
    assert_eq!(sim.counters().changes, before.changes);
}

#[tokio::test(start_paused = true)]
async fn a_container_can_be_sick_by_whatever_name_it_is_asked_for_while_others_are_well() {
    let sim = engine(1);
    let (sick, well) = (run(&sim, &config("a")).await, run(&sim, &config("b")).await);
    sim.faults(|faults| faults.sicken("a", CallFault::Hang { done: false }));
    let by_id = sim.inspect(&sick).await;
    assert_eq!(kind(by_id), (Unknown, Reason::DeadlineExceeded));
    sim.inspect(&ContainerId::new("a")).await.unwrap_err();
    sim.inspect(&well).await.unwrap();
    sim.faults(|faults| faults.heal("a"));
    sim.inspect(&sick).await.unwrap();
}
