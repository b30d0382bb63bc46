//! What is answered: sums, averages and maxima, by step, whatever is added up already.

use crate::{
    DAY, HOUR, MINUTE, append, ask, at, id, keep_house, open, reopen, row, samples, seconds,
};
use std::{error::Error as _, time::Duration};
use trueup_domain::{
    error::StoreError,
    port::UsageLog,
    usage::{Point, Range, UsageRow},
};
use trueup_store::UsageRefused;

#[tokio::test]
async fn a_reading_comes_back_as_it_was() {
    let (log, _folder) = open().await;
    let reading = UsageRow { cpu_percent: 12.345, memory: 1 << 33, ..row(5, 7) };
    append(&log, &[reading]).await;
    let expected = Point {
        time: at(5),
        cpu_percent: 12.345,
        cpu_percent_max: 12.345,
        memory_usage: 1 << 33,
        memory_usage_max: 1 << 33,
        network_rx_bytes: 70,
        network_tx_bytes: 140,
        block_read_bytes: 210,
        block_write_bytes: 280,
        pids_max: 7,
        samples: 1,
    };
    assert_eq!(ask(&log, (0, 10), 0, 10).await, [expected]);
}

#[tokio::test]
async fn averages_are_weighted_by_readings_and_maxima_are_kept() {
    let (log, _folder) = open().await;
    // Three readings in one minute, one in the next, which weighs a quarter.
    append(&log, &[row(0, 10), row(20, 20), row(40, 30), row(60, 100)]).await;
    for house_is_kept in [false, true] {
        if house_is_kept {
            keep_house(&log, HOUR - 1).await;
        }
        let points = ask(&log, (0, HOUR), 1800, HOUR).await;
        assert_eq!(points.len(), 1);
        let point = points[0];
        assert!((point.cpu_percent - 40.0).abs() < 1e-9, "{point:?}");
        assert!((point.cpu_percent_max - 100.0).abs() < 1e-9, "{point:?}");
        assert_eq!((point.memory_usage, point.memory_usage_max), (40_000, 100_000));
        assert_eq!((point.network_rx_bytes, point.network_tx_bytes), (1600, 3200));
        assert_eq!((point.block_read_bytes, point.block_write_bytes), (4800, 6400));
        assert_eq!((point.pids_max, point.samples), (100, 4));
    }
    let path = log.path();
    assert_eq!(crate::number(path, "SELECT count(*) FROM quarters").await, 1, "it is added up");
}

#[tokio::test]
async fn the_newest_minute_is_in_every_answer() {
    let (log, _folder) = open().await;
    for minute in 0..40 {
        append(&log, &[row(minute * MINUTE, 10), row(minute * MINUTE + 30, 10)]).await;
    }
    let now = 39 * MINUTE + 31;
    keep_house(&log, now).await;
    for step in [0, 60, 120, 900, 1800] {
        let points = ask(&log, (0, now), step, now).await;
        assert_eq!(samples(&points), 80, "in steps of {step} seconds");
    }
    let [.., minutes, quarters] = crate::counts(&log).await;
    assert_eq!((minutes, quarters), (39, 2), "the rest is not over yet");
}

#[tokio::test]
async fn steps_lie_on_multiples_of_their_length_and_the_first_is_whole() {
    let (log, _folder) = open().await;
    let rows: Vec<_> = (0..12).map(|n| row(n * 10, 1)).collect();
    append(&log, &rows).await;
    let points = ask(&log, (75, 110), 30, 120).await;
    assert_eq!(seconds(&points), [60, 90]);
    assert_eq!(points.iter().map(|point| point.samples).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(seconds(&ask(&log, (75, 110), 0, 120).await), [80, 90, 100], "the end is not in it");
    assert_eq!(ask(&log, (75, 75), 0, 120).await, []);
    assert_eq!(ask(&log, (110, 75), 0, 120).await, []);
}

#[tokio::test]
async fn steps_without_a_reading_are_left_out() {
    let (log, _folder) = open().await;
    append(&log, &[row(0, 1)]).await;
    append(&log, &[row(300, 1)]).await;
    assert_eq!(seconds(&ask(&log, (0, 400), 60, 400).await), [0, 300]);
    let other = Range { since: at(0), until: at(400), step: Duration::ZERO };
    assert_eq!(log.history(id(2), &other, at(400)).await.unwrap(), []);
}

#[tokio::test]
async fn as_kept_means_minutes_after_an_hour_and_quarters_after_a_day() {
    let (log, _folder) = open().await;
    append(&log, &[row(0, 1), row(30, 1), row(60, 1), row(900, 1), row(1000, 1)]).await;
    keep_house(&log, HOUR).await;
    assert_eq!(seconds(&ask(&log, (0, HOUR), 0, HOUR).await), [0, 30, 60, 900, 1000]);
    assert_eq!(seconds(&ask(&log, (0, HOUR), 0, 2 * HOUR).await), [0, 60, 900, 960]);
    assert_eq!(seconds(&ask(&log, (0, HOUR), 0, 2 * DAY).await), [0, 900]);
}

#[tokio::test]
async fn late_rows_are_counted_once_at_every_level() {
    let (log, _folder) = open().await;
    append(&log, &[row(0, 10), row(30, 10)]).await;
    let now = 50 * MINUTE;
    keep_house(&log, now).await;
    assert_eq!(crate::counts(&log).await, [2, 1, 1], "the quarter is added up");
    for _ in 0..2 {
        // The second of them was there before, the third is of a minute that had none, and the same
        // ones come twice.
        let rows = [row(20, 40), row(30, 99), row(300, 5), row(1000, 5)];
        log.append(rows.to_vec(), at(now)).await.unwrap();
    }
    keep_house(&log, now).await;
    for step in [1, 120, 1800] {
        let points = ask(&log, (0, 900), step, now).await;
        assert_eq!(samples(&points), 4, "in steps of {step} seconds");
        let received: u64 = points.iter().map(|point| point.network_rx_bytes).sum();
        assert_eq!(received, 650, "in steps of {step} seconds");
        assert_eq!(points.iter().map(|point| point.pids_max).max(), Some(40));
    }
}

#[tokio::test]
async fn workspaces_are_told_apart_also_after_a_restart() {
    let (mut log, _folder) = open().await;
    for (round, second) in (0..).zip([0, 10, 20]) {
        let rows: Vec<_> =
            (1..=300).map(|n| UsageRow { workspace: id(n), ..row(second, 7) }).collect();
        log.append(rows, at(second)).await.unwrap();
        let range = Range { since: at(0), until: at(60), step: Duration::ZERO };
        for n in [1, 128, 129, 300] {
            let points = log.history(id(n), &range, at(second)).await.unwrap();
            assert_eq!(points.len(), round + 1, "of workspace {n}");
        }
        log = reopen(log).await;
    }
}

#[tokio::test]
async fn an_answer_that_would_be_too_long_is_refused() {
    let (log, _folder) = open().await;
    let rows: Vec<_> = (0..10_001)
        .map(|ms| UsageRow { time: at(0) + jiff::SignedDuration::from_millis(ms), ..row(0, 1) })
        .collect();
    append(&log, &rows).await;
    let range = Range { since: at(0), until: at(60), step: Duration::ZERO };
    let error = log.history(id(1), &range, at(60)).await.unwrap_err();
    assert!(matches!(error, StoreError::Backend { .. }), "{error:?}");
    let refused = error.source().unwrap().downcast_ref();
    assert_eq!(refused, Some(&UsageRefused::TooManyPoints { most: 10_000 }));

    assert_eq!(ask(&log, (0, 10), 0, 60).await.len(), 10_000);
    assert_eq!(samples(&ask(&log, (0, 60), 1, 60).await), 10_001);
}

#[tokio::test]
async fn figures_that_make_no_sense_spoil_no_sum() {
    let (log, _folder) = open().await;
    let largest = UsageRow {
        cpu_percent: f64::INFINITY,
        memory: u64::MAX,
        received: u64::MAX,
        sent: u64::MAX,
        read: u64::MAX,
        written: u64::MAX,
        pids: u64::MAX,
        ..row(0, 0)
    };
    let rows: Vec<_> = (0..900).map(|n| UsageRow { time: at(n), ..largest }).collect();
    append(&log, &rows).await;
    append(&log, &[UsageRow { cpu_percent: f64::NAN, ..row(1000, 3) }]).await;
    append(&log, &[UsageRow { cpu_percent: -5.0, ..row(1100, 3) }]).await;
    keep_house(&log, HOUR - 1).await;
    assert_eq!(crate::number(log.path(), "SELECT count(*) FROM quarters").await, 2);
    let points = ask(&log, (0, HOUR), 1800, HOUR).await;
    assert_eq!(samples(&points), 902);
    let points = ask(&log, (950, HOUR), 1, HOUR).await;
    assert!(points.iter().all(|point| point.cpu_percent.abs() < 1e-9), "{points:?}");
}
