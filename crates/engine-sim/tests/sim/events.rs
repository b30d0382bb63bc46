//! Event streams: what they tell, and how it gets lost.

use crate::support::*;
use futures::{FutureExt, StreamExt, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;
use trueup_domain::{
    id::InstanceId,
    port::{Engine, EngineEvent, Unreadable},
};
use trueup_engine_sim::{EngineAct, HumanAct, SimEngine, StreamFault};

type Events = BoxStream<'static, Result<EngineEvent, Unreadable>>;

async fn subscribe(sim: &SimEngine) -> Events {
    sim.events(sim.clock()).await.unwrap()
}

/// The next word; `None` at the end.
async fn next(events: &mut Events) -> Option<String> {
    let item = timeout(secs(5), events.next()).await.expect("nothing was told");
    Some(item?.map_or_else(|Unreadable| "unreadable".to_owned(), |event| event.action))
}

fn is_silent(events: &mut Events) -> bool {
    events.next().now_or_never().is_none()
}

fn kill(sim: &SimEngine) {
    sim.act(HumanAct::KillOnHost { container: "a".to_owned() }).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_at_once_with_its_workspace_and_its_bare_word() {
    let sim = engine(1);
    let mut events = subscribe(&sim).await;
    let id = run(&sim, &checked("a")).await;
    let first = events.next().await.unwrap().unwrap();
    assert_eq!((first.container, first.workspace), (id, Some(workspace())));
    assert_eq!(next(&mut events).await.as_deref(), Some("start"));
    let before = sim.uptime();
    assert_eq!(next(&mut events).await.as_deref(), Some("health_status"));
    assert!(sim.uptime() <= before + millis(1010));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_sleeps_wakes_when_a_process_ends_by_itself() {
    let sim = engine(1);
    set_program(&sim, "a", trueup_engine_sim::Program::exits(0, secs(3)));
    run(&sim, &config("a")).await;
    let mut events = subscribe(&sim).await;
    let before = sim.uptime();
    assert_eq!(next(&mut events).await.as_deref(), Some("die"));
    assert!(sim.uptime() <= before + secs(3));
}

#[tokio::test(start_paused = true)]
async fn containers_of_others_are_not_told() {
    let sim = engine(1);
    let mut events = subscribe(&sim).await;
    let mut theirs = subscribe(&sim.for_instance(InstanceId::new("two"))).await;
    create(&sim, &config("a")).await;
    let mut foreign = config("b");
    foreign.labels.clear();
    create(&sim, &foreign).await;
    assert_eq!(next(&mut events).await.as_deref(), Some("create"));
    assert!(is_silent(&mut events) && is_silent(&mut theirs));
}

#[tokio::test(start_paused = true)]
async fn what_happened_since_the_time_asked_for_is_told_first() {
    let sim = engine(1);
    run(&sim, &config("a")).await;
    let mut all = sim.events(sim.clock() - SignedDuration::from_hours(1)).await.unwrap();
    assert_eq!(next(&mut all).await.as_deref(), Some("create"));
    assert_eq!(next(&mut all).await.as_deref(), Some("start"));
    let mut none = sim.events(sim.clock() + SignedDuration::from_hours(1)).await.unwrap();
    assert!(is_silent(&mut none));
    kill(&sim);
    assert_eq!(next(&mut none).await.as_deref(), Some("die"));
}

#[tokio::test(start_paused = true)]
async fn the_ring_keeps_the_last_256_of_all_kinds() {
    let sim = engine(1);
    run(&sim, &config("a")).await;
    sim.suffer(EngineAct::Noise { events: 300 });
    assert_eq!(sim.model(|model| model.events().count()), 256);
    let mut events = sim.events(Timestamp::UNIX_EPOCH).await.unwrap();
    assert!(is_silent(&mut events));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_loses_events_without_a_word() {
    let sim = engine(1);
    let mut events = subscribe(&sim).await;
    sim.suffer(EngineAct::Noise { events: 2000 });
    create(&sim, &config("a")).await;
    assert!(is_silent(&mut events));
    create(&sim, &config("b")).await;
    assert_eq!(next(&mut events).await.as_deref(), Some("create"));
}

#[tokio::test(start_paused = true)]
async fn stamps_are_slightly_out_of_order() {
    let sim = engine(1);
    sim.model(|model| model.create(&config("a"))).unwrap();
    for number in 0..200 {
        let to = format!("n{number}");
        let container = if number == 0 { "a".to_owned() } else { format!("n{}", number - 1) };
        sim.act(HumanAct::Rename { container, to }).unwrap();
    }
    let stamps: Vec<_> = sim.model(|model| model.events().map(|event| event.at).collect());
    let inversions = stamps.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!((1..20).contains(&inversions), "{inversions}");
}

#[tokio::test(start_paused = true)]
async fn events_are_lost_doubled_reordered_and_unreadable_as_told() {
    let sim = engine(1);
    let mut events = subscribe(&sim).await;
    sim.faults(|faults| {
        faults.next_event(StreamFault::Lose);
        faults.next_event(StreamFault::Duplicate);
        faults.next_event(StreamFault::Unreadable);
        faults.next_event(StreamFault::Reorder);
    });
    let id = create(&sim, &config("a")).await;
    start(&sim, &id).await.unwrap();
    assert_eq!(next(&mut events).await.as_deref(), Some("start"));
    assert_eq!(next(&mut events).await.as_deref(), Some("start"));
    kill(&sim);
    assert_eq!(next(&mut events).await.as_deref(), Some("unreadable"));
    start(&sim, &id).await.unwrap();
    kill(&sim);
    assert_eq!(next(&mut events).await.as_deref(), Some("die"));
    assert_eq!(next(&mut events).await.as_deref(), Some("start"));
}

#[tokio::test(start_paused = true)]
async fn an_event_out_of_order_that_nothing_follows_comes_late() {
    let sim = engine(1);
    let mut events = subscribe(&sim).await;
    sim.faults(|faults| faults.next_event(StreamFault::Reorder));
    create(&sim, &config("a")).await;
    assert!(is_silent(&mut events));
    assert_eq!(next(&mut events).await.as_deref(), Some("create"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_cut_or_silent_as_told() {
    let sim = engine(1);
    let (mut cut, mut silent) = (subscribe(&sim).await, subscribe(&sim).await);
    sim.faults(|faults| {
        faults.next_event(StreamFault::Silence(secs(30)));
        faults.next_event(StreamFault::Cut);
    });
    let id = create(&sim, &config("a")).await;
    assert!(is_silent(&mut silent));
    assert_eq!(next(&mut cut).await, None);
    start(&sim, &id).await.unwrap();
    assert!(is_silent(&mut silent));
    tokio::time::sleep(secs(31)).await;
    kill(&sim);
    assert_eq!(next(&mut silent).await.as_deref(), Some("die"));
    sim.suffer(EngineAct::CutStreams);
    assert_eq!(next(&mut silent).await, None);
}
