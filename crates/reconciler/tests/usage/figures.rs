//! What is read when, and what is made of it.

use crate::{
    containers::{Load, Mood},
    stage::{Stage, container, id, workspace},
};
use futures::StreamExt;
use serde_json::json;
use std::time::Duration;
use trueup_domain::usage::Transfer;

fn busy(cpus: f64) -> Load {
    Load { cpus, ..Load::default() }
}

fn is_about(found: Option<f64>, wanted: f64) -> bool {
    found.is_some_and(|found| (found - wanted).abs() < 0.01)
}

#[tokio::test(start_paused = true)]
async fn a_workspace_that_runs_has_figures_after_one_interval_and_its_cpu_after_two() {
    let stage = Stage::new();
    stage.start(1, Load { rate: 1000, ..busy(1.5) });
    stage.pass(9).await;
    let usage = stage.figures.usage(id(1)).unwrap();
    assert_eq!((usage.cpu_percent, usage.memory_usage, usage.memory_limit), (None, 10, 100));
    stage.pass(10).await;
    assert!(is_about(stage.cpu(1), 150.0), "{:?}", stage.cpu(1));
    let usage = stage.figures.usage(id(1)).unwrap();
    assert!(usage.network.inward >= 9_000 && usage.network.inward.is_multiple_of(1000));
}

#[tokio::test(start_paused = true)]
async fn every_workspace_is_read_once_an_interval_and_no_more_than_a_few_together() {
    let stage = Stage::new();
    for number in 0..320 {
        stage.start(number, Load::default());
    }
    stage.pass(100).await;
    let reads = stage.containers.reads();
    for number in 0..320 {
        let of_it: Vec<_> = reads.iter().filter(|(read, _)| *read == container(number)).collect();
        let gaps = of_it.windows(2).map(|pair| pair[1].1.saturating_sub(pair[0].1));
        assert!(gaps.clone().all(|gap| gap.abs_diff(Duration::from_secs(10)).as_millis() < 200));
        assert!((9..=11).contains(&of_it.len()), "{}", of_it.len());
    }
    let turns: Vec<_> = reads.chunk_by(|before, after| before.1 == after.1).collect();
    assert!(turns.iter().all(|turn| turn.len() <= 64), "an even spread");
    // Eight in each of the rounds.
    assert!(turns.len() >= 72, "{}", turns.len());
}

#[tokio::test(start_paused = true)]
async fn where_there_are_too_many_for_a_slow_source_they_take_turns() {
    let stage = Stage::new();
    for number in 0..1000 {
        stage.start(number, Load { mood: Mood::Slow, ..Load::default() });
    }
    stage.pass(120).await;
    let reads = stage.containers.reads();
    let counts = (0..1000).map(|number| {
        let its = container(number);
        reads.iter().filter(|(read, _)| *read == its).count()
    });
    let counts: Vec<_> = counts.collect();
    // 256 at once of 4.9 s each are six thousand.
    assert!(counts.iter().all(|count| (4..=8).contains(count)), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_began_anew_is_held_against_nothing_before_it() {
    let stage = Stage::new();
    stage.start(1, busy(2.0));
    stage.pass(25).await;
    assert!(is_about(stage.cpu(1), 200.0));

    // The store does not know yet; the gauge does.
    stage.containers.start(&container(1), busy(0.5));
    stage.pass(10).await;
    assert_eq!(stage.cpu(1), None, "the old figures are gone");
    stage.pass(30).await;
    assert!(is_about(stage.cpu(1), 50.0), "{:?}", stage.cpu(1));
    let wrong = |row: &trueup_domain::usage::UsageRow| {
        ![50.0, 200.0].iter().any(|right| is_about(Some(row.cpu_percent), *right))
    };
    let rows = stage.end().await.rows();
    assert!(rows.len() >= 3 && !rows.iter().any(wrong), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_the_store_tells_of_takes_the_place_of_the_one_before() {
    let stage = Stage::new();
    stage.start(1, busy(2.0));
    stage.pass(25).await;
    let mut newer = workspace(1, &json!({}));
    let started = &mut newer.status.container.as_mut().unwrap().started_at;
    *started = Some("2026-03-02T09:05:00Z".parse().unwrap());
    stage.containers.start(&container(1), busy(0.25));
    stage.tell(&newer);
    stage.pass(1).await;
    assert_eq!(stage.figures.usage(id(1)), None);
    stage.pass(25).await;
    assert!(is_about(stage.cpu(1), 25.0), "{:?}", stage.cpu(1));
    assert_eq!(stage.containers.gauges(), 1, "the old gauge was dropped");
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_is_deleted_or_left_out_of_a_new_reading_has_neither_figures_nor_a_gauge() {
    let stage = Stage::new();
    for number in 1..=3 {
        stage.start(number, Load::default());
    }
    stage.pass(15).await;
    assert_eq!(stage.containers.gauges(), 3);
    let mut stopped = workspace(1, &json!({}));
    stopped.status.container.as_mut().unwrap().state = "exited".parse().unwrap();
    stage.tell(&stopped);
    stage.forget(2);
    stage.pass(1).await;
    assert_eq!(stage.figures.usage(id(1)), None);
    assert_eq!(stage.figures.usage(id(2)), None);
    assert!(stage.figures.usage(id(3)).is_some());
    assert_eq!(stage.containers.gauges(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_does_not_answer_holds_up_no_other() {
    let stage = Stage::new();
    for number in 0..200_u128 {
        let mood = if number.is_multiple_of(2) { Mood::Hangs } else { Mood::Well };
        stage.start(number, Load { mood, ..busy(1.0) });
    }
    stage.pass(31).await;
    for number in 0..200 {
        match stage.cpu(number) {
            None => assert!(number.is_multiple_of(2), "{number} has no figures"),
            Some(cpu) => assert!((cpu - 100.0).abs() < 0.01, "{number}: {cpu}"),
        }
    }
    let last = stage.figures.usage(id(1)).unwrap().time;
    stage.pass(10).await;
    let age = stage.figures.usage(id(1)).unwrap().time.duration_since(last);
    assert_eq!(age.as_secs(), 10, "it is read as often as ever");
}

#[tokio::test(start_paused = true)]
async fn activity_is_more_than_a_container_does_by_itself() {
    let stage = Stage::new();
    stage.start(1, busy(0.005));
    stage.start(2, busy(0.02));
    stage.start(3, Load { rate: 2000, ..Load::default() });
    stage.pass(25).await;
    let active = |number| stage.figures.usage(id(number)).unwrap().last_activity.is_some();
    assert_eq!([1, 2, 3].map(active), [false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_somebody_runs_is_activity_and_a_health_check_is_none() {
    let stage = Stage::new();
    stage.containers.start(&container(1), Load::default());
    let mut checked = workspace(1, &json!({}));
    checked.spec.health =
        serde_json::from_value(json!({"command": ["test", "-f", "/ok"]})).unwrap();
    stage.tell(&checked);
    stage.pass(15).await;
    let active = || stage.figures.usage(id(1)).unwrap().last_activity;
    stage.exec(1, "test -f /ok");
    stage.exec(2, "sh");
    stage.pass(10).await;
    assert_eq!(active(), None);
    stage.exec(1, "sh");
    stage.pass(10).await;
    assert!(active().is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_the_figures_gets_each_new_one() {
    let stage = Stage::new();
    let news = stage.figures.subscribe();
    let _asleep = stage.figures.subscribe();
    stage.start(1, busy(1.0));
    stage.pass(35).await;
    let figures: Vec<_> = news.take(3).collect().await;
    assert!(figures.iter().all(|(of, _)| *of == id(1)));
    assert!(is_about(figures[2].1.cpu_percent, 100.0));
    let moved = |before: Transfer, after: Transfer| after.since(before).unwrap().outward;
    let written = moved(figures[1].1.block, figures[2].1.block);
    assert!((63..=77).contains(&written), "{written}");
}
