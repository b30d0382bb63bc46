//! When a pass is to say something new, and when not.

use crate::{
    containers::{Load, Mood},
    stage::{Stage, container, id, saying, workspace},
};
use serde_json::json;
use trueup_domain::{
    port::Meter,
    usage::{Resource, Source},
};

fn filled(memory: u64) -> Load {
    Load { memory, ..Load::default() }
}

#[tokio::test(start_paused = true)]
async fn a_workspace_that_is_well_wakes_nobody() {
    let stage = Stage::new();
    stage.start(1, filled(50));
    stage.pass(300).await;
    assert_eq!(stage.words(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_pass_is_woken_once_when_a_threshold_is_crossed_for_long_and_once_when_it_is_left() {
    let stage = Stage::new();
    stage.start(1, filled(95));
    stage.pass(45).await;
    assert_eq!(stage.words(), [""; 0], "not before the hold time");
    stage.pass(300).await;
    assert_eq!(stage.words(), ["usage:memory at 90% or more of its limit"]);
    let pressures = stage.figures.measured(id(1)).unwrap().pressures;
    assert_eq!(
        pressures.iter().map(|found| found.resource).collect::<Vec<_>>(),
        [Resource::Memory]
    );

    stage.tell(&saying(1, "Degraded", "True", "MemoryHigh"));
    stage.containers.change(&container(1), |load| load.memory = 85);
    stage.pass(300).await;
    assert_eq!(stage.words().len(), 1, "between the marks nothing is said");
    stage.containers.change(&container(1), |load| load.memory = 50);
    stage.pass(300).await;
    assert_eq!(stage.words()[1..], ["usage"]);
}

#[tokio::test(start_paused = true)]
async fn time_without_figures_does_not_count_and_another_source_s_clock_does_not_either() {
    let stage = Stage::new();
    stage.start(1, filled(95));
    let mood = |mood| stage.containers.change(&container(1), |load| load.mood = mood);
    let is_said = || stage.words().iter().any(|word| word.contains("memory at 90%"));
    stage.pass(5).await;
    for (there, seconds) in [(Mood::Garbled, 300), (Mood::Remote, 50), (Mood::Garbled, 10)] {
        mood(there);
        stage.pass(seconds).await;
        assert!(!is_said(), "{:?}", stage.words());
    }
    mood(Mood::Well);
    stage.pass(300).await;
    assert!(is_said(), "{:?}", stage.words());
}

#[tokio::test(start_paused = true)]
async fn a_sampler_that_starts_takes_nothing_back_that_is_still_so() {
    let stage = Stage::new();
    stage.containers.start(&container(1), filled(95));
    stage.tell(&saying(1, "Degraded", "True", "MemoryHigh"));
    stage.pass(300).await;
    assert_eq!(stage.words(), [""; 0]);
    assert_eq!(stage.figures.measured(id(1)).unwrap().pressures.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_another_trouble_covers_wakes_nobody() {
    let stage = Stage::new();
    stage.containers.start(&container(1), filled(95));
    stage.tell(&saying(1, "Degraded", "True", "ImageMissing"));
    stage.pass(300).await;
    assert_eq!(stage.words(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn figures_from_elsewhere_are_told_once() {
    let stage = Stage::new();
    stage.start(1, Load { mood: Mood::Remote, ..Load::default() });
    stage.pass(100).await;
    assert_eq!(stage.words(), ["usage:measured by the engine's statistics, as it is far away"]);
    // And that they come from the files again, once the status says otherwise.
    stage.tell(&saying(1, "Measured", "True", "EngineStats"));
    stage.containers.change(&container(1), |load| load.mood = Mood::Well);
    stage.pass(100).await;
    assert_eq!(stage.words()[1..], ["usage"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_has_no_figures_and_a_reason() {
    let stage = Stage::new();
    stage.start(1, Load::default());
    stage.pass(15).await;
    stage.containers.change(&container(1), |load| load.mood = Mood::Garbled);
    stage.pass(100).await;
    assert_eq!(stage.figures.usage(id(1)), None);
    let source = stage.figures.measured(id(1)).unwrap().source;
    assert_eq!(source, Source::None { why: "there is garbage".to_owned() });
    assert_eq!(stage.words(), ["usage:measured by nowhere, as there is garbage"]);
    stage.tell(&saying(1, "Measured", "False", "Unreadable"));
    stage.containers.change(&container(1), |load| load.mood = Mood::Well);
    stage.pass(100).await;
    assert!(stage.figures.usage(id(1)).is_some());
    assert_eq!(stage.words().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_ended_says_nothing_until_the_store_does() {
    let stage = Stage::new();
    stage.start(1, Load::default());
    stage.pass(15).await;
    stage.containers.change(&container(1), |load| load.mood = Mood::Gone);
    stage.pass(100).await;
    assert_eq!(stage.figures.measured(id(1)), None);
    assert_eq!(stage.words(), [""; 0]);
    stage.containers.change(&container(1), |load| load.mood = Mood::Well);
    stage.tell(&workspace(1, &json!({})));
    stage.pass(20).await;
    assert!(stage.figures.usage(id(1)).is_some(), "it is tried in each of its turns");
}
