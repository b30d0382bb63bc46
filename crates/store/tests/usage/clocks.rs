//! Clocks that are wrong.

use crate::{
    DAY, HOUR, MINUTE, append, ask, at, counts, keep_house, open, open_with, options, row, samples,
};
use std::time::Duration;
use trueup_domain::port::UsageLog;
use trueup_store::UsageOptions;

#[tokio::test]
async fn rows_that_are_not_of_the_present_are_dropped_and_counted() {
    let (log, _folder) = open().await;
    let now = 10 * HOUR;
    let rows = [now - HOUR - 1, now - HOUR, now, now + 60, now + 61, 365 * DAY];
    log.append(rows.map(|second| row(second, 1)).to_vec(), at(now)).await.unwrap();
    assert_eq!(counts(&log).await[0], 3);
    assert_eq!(log.dropped(), 3);
}

#[tokio::test]
async fn a_clock_that_jumps_removes_nothing_before_it_has_proved_itself() {
    let steady_after = Duration::from_hours(1);
    let (log, _folder) = open_with(UsageOptions { steady_after, ..options() }).await;
    let rows: Vec<_> = (0..100).map(|n| row(n, 1)).collect();
    append(&log, &rows).await;
    for second in [400 * DAY, -400 * DAY, 100] {
        append(&log, &[row(second, 1)]).await;
        keep_house(&log, second).await;
        assert!(counts(&log).await[0] > 100);
    }
    assert_eq!(samples(&ask(&log, (0, 200), 10, 200).await), 101);
}

#[tokio::test]
async fn what_a_clock_left_ahead_is_hidden_and_then_removed() {
    let (log, _folder) = open().await;
    let ahead = 3 * HOUR;
    for minute in 0..30 {
        append(&log, &[row(minute * MINUTE, 1)]).await;
    }
    for minute in 0..60 {
        append(&log, &[row(ahead + minute * MINUTE, 1)]).await;
    }
    keep_house(&log, ahead + HOUR).await;
    // The clock is set right, and goes on.
    let right = 30 * MINUTE;
    for minute in 0..240 {
        append(&log, &[row(right + minute * MINUTE, 1)]).await;
        let now = right + minute * MINUTE;
        for step in [0, 120, 1800] {
            let points = ask(&log, (right, now + DAY), step, now).await;
            assert_eq!(samples(&points).cast_signed(), minute + 1, "steps of {step} at {minute}");
        }
        if minute == 1 {
            keep_house(&log, now).await;
        }
    }
    let [raw, minutes, _] = counts(&log).await;
    assert!(raw <= 64, "{raw}");
    assert!(minutes <= 270, "{minutes}");
}

#[tokio::test]
async fn a_clock_that_went_back_counts_what_it_sees_again() {
    let (log, _folder) = open().await;
    for minute in 0..120 {
        append(&log, &[row(minute * MINUTE, 1)]).await;
    }
    keep_house(&log, 2 * HOUR).await;
    for minute in 90..150 {
        append(&log, &[row(minute * MINUTE + 5, 1)]).await;
    }
    let now = 150 * MINUTE;
    // What was ahead of the clock when it went back is gone, but for a minute, and the rest is there.
    for (range, step, expected) in [
        ((60, 90), 120, 30),
        ((90, 150), 120, 62),
        ((90, 150), 1800, 62),
        ((92, 150), 120, 58),
        ((120, 150), 1800, 30),
    ] {
        let points = ask(&log, (range.0 * MINUTE, range.1 * MINUTE), step, now).await;
        assert_eq!(samples(&points), expected, "{range:?} in steps of {step}");
    }
}

#[tokio::test]
async fn readings_that_are_hours_apart_are_added_up_and_removed_as_well() {
    let (log, _folder) = open().await;
    for n in 0..2000 {
        append(&log, &[row(n * 40 * MINUTE, 1)]).await;
    }
    let [raw, minutes, quarters] = counts(&log).await;
    assert!(raw <= 3, "{raw}");
    assert!(minutes <= 38, "{minutes}");
    assert!((1080..=1098).contains(&quarters), "{quarters}");
}
