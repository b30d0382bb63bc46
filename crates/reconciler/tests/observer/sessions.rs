//! When a session begins, from when on it asks for events, and when it ends.

use crate::{
    engine::{FakeEngine, Fault, Question},
    support::{Scene, event, settle},
};
use jiff::SignedDuration;
use std::{sync::Arc, time::Duration};
use trueup_domain::port::Unreadable;
use trueup_reconciler::workspace::ObserverOptions;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(start_paused = true)]
async fn everything_is_listed_at_once_and_every_interval_however_much_is_told() {
    let mut scene = Scene::new();
    let engine = Arc::clone(&scene.engine);
    let busy = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = i64::try_from(engine.elapsed()).unwrap();
            engine.tell(Ok(event(1, "die", now))).await;
        }
    });
    let told = scene.told_within(Duration::from_secs(95)).await;
    let lists: Vec<u128> =
        told.iter().filter(|(_, what)| what == "listed 0").map(|(at, _)| *at).collect();
    assert_eq!(lists, [0, 24_000, 48_000, 72_000], "four fifths of an interval apart");
    assert_eq!(scene.engine.asked(Question::Events), [0]);
    busy.abort();
}

#[tokio::test(start_paused = true)]
async fn the_first_session_asks_for_events_from_two_seconds_before_the_engines_time() {
    let scene = Scene::listed().await;
    assert_eq!(scene.engine.since(), [-2000]);
}

#[tokio::test(start_paused = true)]
async fn a_silence_leads_to_a_new_session_and_a_list() {
    let options = ObserverOptions { resync: HOUR, ..ObserverOptions::default() };
    let mut scene = Scene::with(options);
    let told = scene.told_within(Duration::from_secs(130)).await;
    assert_eq!(told, [(0, "listed 0".to_owned()), (120_100, "listed 0".to_owned())]);
    assert_eq!(scene.engine.asked(Question::Events), [0, 120_100]);
    // Nothing was ever seen: from before the engine's present.
    assert_eq!(scene.engine.since()[1], 118_100);
}

#[tokio::test(start_paused = true)]
async fn a_silence_counts_from_the_last_event_on() {
    let options = ObserverOptions { resync: HOUR, ..ObserverOptions::default() };
    let mut scene = Scene::with(options);
    assert_eq!(scene.told_within(Duration::from_secs(100)).await.len(), 1);
    scene.happen(event(1, "die", 100_000)).await;
    scene.told_within(Duration::from_secs(119)).await;
    assert_eq!(scene.engine.asked(Question::Events), [0]);
    scene.told_within(Duration::from_secs(2)).await;
    assert_eq!(scene.engine.asked(Question::Events), [0, 220_100]);
    assert_eq!(scene.engine.since()[1], 98_000);
}

#[tokio::test(start_paused = true)]
async fn an_end_leads_to_a_new_session_from_two_seconds_before_the_newest_event() {
    let mut scene = Scene::listed().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    for (action, millis) in [("start", 7500), ("die", 7000)] {
        scene.happen(event(1, action, millis)).await;
    }
    scene.engine.hang_up();
    assert_eq!(scene.next().await, "1 c1 die");
    assert_eq!(scene.next().await, "listed 0");
    assert_eq!(scene.engine.since(), [-2000, 5500]);
    assert_eq!(scene.engine.asked(Question::List), [0, 20_100]);
    // What is told again from the time before is no news.
    scene.happen(event(1, "die", 7000)).await;
    scene.happen(event(2, "die", 7100)).await;
    assert_eq!(scene.told(), ["2 c2 die"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_hides_nothing() {
    let mut scene = Scene::listed().await;
    scene.happen(event(1, "die", 0)).await;
    assert_eq!(scene.told(), ["1 c1 die"]);
    scene.engine.with(|state| state.offset = SignedDuration::from_hours(-1));
    scene.happen(event(1, "start", -3_600_000)).await;
    assert_eq!(scene.told(), ["1 c1 start"], "an event from the past is one");
    scene.engine.hang_up();
    assert_eq!(scene.next().await, "listed 0");
    assert_eq!(scene.engine.since()[1], -3_601_900);
    // From now on by the new time.
    scene.happen(event(1, "die", -3_590_000)).await;
    scene.engine.with(|state| state.offset += SignedDuration::from_mins(10));
    scene.engine.hang_up();
    scene.told_within(Duration::from_secs(5)).await;
    assert_eq!(scene.engine.since()[2], -3_592_000);
}

#[tokio::test(start_paused = true)]
async fn events_that_end_at_once_lead_to_lists_with_ever_longer_pauses() {
    let mut scene = Scene::new();
    scene.engine.with(|state| {
        state.ends_at_once = true;
        state.list_takes = Duration::from_millis(50);
    });
    let told = scene.told_within(Duration::from_secs(12)).await;
    let times: Vec<u128> = told.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [50, 200, 450, 900, 1750, 3400, 5450, 7500, 9550, 11_600]);
    assert!(told.iter().all(|(_, what)| what == "listed 0"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_watch_ends_its_reader_and_its_subscription() {
    let scene = Scene::listed().await;
    let Scene { engine, told } = scene;
    assert!(engine.is_heard());
    drop(told);
    settle().await;
    assert!(!engine.is_heard());
    assert_eq!(Arc::strong_count(&engine), 1, "the reader lives on");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_nobody_polls_asks_nothing() {
    let scene = Scene::new();
    tokio::time::sleep(HOUR).await;
    assert_eq!(scene.engine.with(|state| state.asked.len()), 0);
}

/// What is told and asked in a story with a bit of everything, and when.
fn story() -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut scene = Scene::new();
        scene.engine.with(|state| state.list_takes = Duration::from_millis(700));
        let engine = Arc::clone(&scene.engine);
        let telling = tokio::spawn(tell(engine));
        let told = scene.told_within(Duration::from_mins(5)).await;
        telling.await.unwrap();
        let told = told.iter().map(|told| format!("{told:?}"));
        told.chain(
            scene
                .engine
                .with(|state| state.asked.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>()),
        )
        .collect()
    })
}

async fn tell(engine: Arc<FakeEngine>) {
    for round in 0..200_u32 {
        tokio::time::sleep(Duration::from_millis(350)).await;
        if !engine.is_heard() {
            continue;
        }
        for of in 1..=u128::from(round % 7) {
            engine.tell(Ok(event(of, "die", i64::from(round)))).await;
        }
        match round % 50 {
            20 => engine.tell(Err(Unreadable)).await,
            30 => engine.hang_up(),
            35 => engine.fault(Question::List, Fault::Hangs),
            45 => engine.heal(),
            _ => {}
        }
    }
}

#[test]
fn the_same_story_comes_out_the_same_each_time() {
    let first = story();
    assert!(first.len() > 300, "{first:?}");
    for _ in 0..10 {
        assert_eq!(story(), first);
    }
}
