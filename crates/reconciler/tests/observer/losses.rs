//! Engines that do not do what they are asked.

use crate::{
    engine::{Fault, Question},
    support::{Scene, settle},
};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_is_lost_once_per_interval_and_listed_as_soon_as_it_answers() {
    for (question, operation) in [
        (Question::Time, "read the engine's clock"),
        (Question::Events, "watch events"),
        (Question::List, "list containers"),
    ] {
        let mut scene = Scene::new();
        scene.engine.fault(question, Fault::Hangs);
        let told = scene.told_within(Duration::from_secs(100)).await;
        // After the call's deadline, and then with the first failure after each interval.
        let expected = format!("lost: {operation}: no answer within 15s");
        assert!(told.iter().all(|(_, what)| *what == expected), "{question:?}: {told:?}");
        let times: Vec<u128> = told.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [15_000, 45_300, 76_500], "{question:?}");
        // The call under way hangs for good; the one after it is answered.
        scene.engine.heal();
        let healed = scene.engine.elapsed();
        let told = scene.told_within(Duration::from_secs(20)).await;
        let (back, what) = told.last().unwrap();
        assert_eq!(what, "listed 0", "{question:?}");
        assert!(back - healed <= 17_000, "{question:?}: {told:?}");
        settle().await;
        assert!(scene.engine.is_heard());
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_later_is_lost_with_the_next_list() {
    let mut scene = Scene::listed().await;
    scene.engine.fault(Question::List, Fault::Hangs);
    assert_eq!(scene.next().await, "lost: list containers: no answer within 15s");
    assert_eq!(scene.engine.elapsed(), 24_000 + 15_000);
    scene.engine.heal();
    assert_eq!(scene.next().await, "listed 0");
    assert_eq!(scene.engine.elapsed(), 39_100);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_is_tried_every_two_seconds_and_told_once_per_interval() {
    let mut scene = Scene::new();
    scene.engine.fault(Question::Time, Fault::Fails);
    let told = scene.told_within(Duration::from_secs(65)).await;
    assert!(told.iter().all(|(_, what)| what == "lost: ask: nobody answers"), "{told:?}");
    let times: Vec<u128> = told.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 31_100, 61_100]);
    scene.engine.heal();
    let healed = scene.engine.elapsed();
    assert_eq!(scene.next().await, "listed 0");
    assert!(scene.engine.elapsed() - healed <= 2000);
}

#[tokio::test(start_paused = true)]
async fn a_new_loss_after_a_recovery_is_told_at_once() {
    let mut scene = Scene::listed().await;
    for _ in 0..3 {
        scene.engine.fault(Question::Time, Fault::Fails);
        scene.engine.hang_up();
        assert_eq!(scene.next().await, "lost: ask: nobody answers");
        scene.engine.heal();
        assert_eq!(scene.next().await, "listed 0");
    }
    assert!(scene.engine.elapsed() < 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_dies_is_told_and_replaced() {
    let mut scene = Scene::new();
    scene.engine.fault(Question::List, Fault::Panics);
    let lost = scene.next().await;
    assert!(lost.contains("the reader of the engine's events died"), "{lost}");
    scene.engine.heal();
    assert_eq!(scene.next().await, "listed 0");
    assert_eq!(scene.engine.elapsed(), 2000);
}
