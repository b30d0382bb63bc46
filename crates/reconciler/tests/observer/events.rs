//! From the engine's events to what is told.

use crate::{
    engine::Question,
    support::{Scene, event, settle},
};
use jiff::SignedDuration;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use trueup_domain::port::{EngineEvent, Unreadable};

#[tokio::test(start_paused = true)]
async fn an_event_is_told_in_the_moment_in_which_it_comes() {
    let mut scene = Scene::listed().await;
    scene.happen(event(1, "die", 0)).await;
    assert_eq!(scene.told(), ["1 c1 die"]);
    assert_eq!(scene.engine.elapsed(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_names_no_workspace_is_not_told() {
    let mut scene = Scene::listed().await;
    scene.happen(EngineEvent { workspace: None, ..event(1, "die", 0) }).await;
    assert_eq!(scene.told(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_twice_is_told_once_and_one_that_comes_late_is_told_all_the_same() {
    let mut scene = Scene::listed().await;
    for (action, millis) in [("start", 5), ("die", 4), ("start", 5), ("die", 4)] {
        scene.happen(event(1, action, millis)).await;
    }
    // Merged: only the latest is told.
    assert_eq!(scene.told(), ["1 c1 die"]);
    scene.happen(event(1, "start", 5)).await;
    assert_eq!(scene.told(), [""; 0]);
    let again = event(1, "start", 5);
    scene.happen(EngineEvent { at: again.at + SignedDuration::from_nanos(1), ..again }).await;
    assert_eq!(scene.told(), ["1 c1 start"]);
}

#[tokio::test(start_paused = true)]
async fn events_are_told_while_a_list_is_under_way() {
    let mut scene = Scene::new();
    scene.engine.with(|state| state.list_takes = Duration::from_secs(10));
    assert_eq!(scene.told(), [""; 0]);
    settle().await;
    scene.happen(event(1, "die", 0)).await;
    assert_eq!(scene.told(), ["1 c1 die"]);
    assert_eq!(scene.engine.elapsed(), 0);
    assert_eq!(scene.next().await, "listed 0");
    assert_eq!(scene.engine.elapsed(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_does_not_look_holds_nothing_back_and_finds_changes_merged() {
    let mut scene = Scene::listed().await;
    let engine = Arc::clone(&scene.engine);
    let telling = async {
        for number in 0..3000_u32 {
            let of = u128::from(number % 3) + 1;
            engine.tell(Ok(event(of, &format!("a{number}"), i64::from(number)))).await;
        }
    };
    // A reader that waits for the consumer would never read the second one.
    timeout(Duration::from_secs(1), telling).await.expect("the engine is held back");
    settle().await;
    assert_eq!(scene.told(), ["1 c1 a2997", "2 c2 a2998", "3 c3 a2999"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_consumer_has_a_bound_and_lists_make_up_for_the_rest() {
    const BOUND: usize = 65_536;
    let mut scene = Scene::listed().await;
    for number in 1..=BOUND as u128 + 1000 {
        scene.engine.tell(Ok(event(number, "die", 0))).await;
    }
    settle().await;
    assert_eq!(scene.told().len(), BOUND);
    assert_eq!(scene.next().await, "listed 0");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_leads_to_a_list_and_the_events_go_on() {
    let mut scene = Scene::listed().await;
    scene.babble().await;
    scene.happen(event(1, "die", 0)).await;
    assert_eq!(scene.told(), ["1 c1 die"]);
    assert_eq!(scene.next().await, "listed 0");
    // A second after the list before.
    assert_eq!(scene.engine.asked(Question::List), [0, 1000]);
    assert_eq!(scene.engine.asked(Question::Events), [0]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_while_a_list_is_under_way_leads_to_another_one() {
    let mut scene = Scene::new();
    scene.engine.with(|state| state.list_takes = Duration::from_secs(5));
    assert_eq!(scene.told(), [""; 0]);
    settle().await;
    // The list was asked for before whatever this was.
    scene.babble().await;
    for _ in 0..2 {
        assert_eq!(scene.next().await, "listed 0");
    }
    assert_eq!(scene.engine.asked(Question::List), [0, 5000]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_only_babbles_is_listed_once_a_second() {
    let mut scene = Scene::listed().await;
    let engine = Arc::clone(&scene.engine);
    let babbling = tokio::spawn(async move {
        loop {
            engine.tell(Err(Unreadable)).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let told = scene.told_within(Duration::from_millis(10_500)).await;
    assert_eq!(told.len(), 10, "{told:?}");
    babbling.abort();
}

#[tokio::test(start_paused = true)]
async fn words_without_end_count_as_unreadable() {
    let mut scene = Scene::listed().await;
    scene.happen(event(1, &"x".repeat(257), 0)).await;
    assert_eq!(scene.next().await, "listed 0");
    assert_eq!(scene.engine.elapsed(), 1000);
}
