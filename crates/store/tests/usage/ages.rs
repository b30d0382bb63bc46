//! How long rows are kept, and how many there are at most.

use crate::{
    DAY, HOUR, MINUTE, append, ask, at, connect, counts, id, keep_house, later, number, open,
    open_with, options, row, run, samples,
};
use std::time::Duration;
use trueup_domain::{
    port::UsageLog,
    usage::{Range, UsageRow},
};
use trueup_store::UsageOptions;

#[tokio::test]
async fn each_level_is_kept_for_its_time_and_no_longer() {
    let (log, _folder) = open().await;
    append(&log, &[row(0, 1), row(10, 1)]).await;
    keep_house(&log, HOUR + 2 * MINUTE).await;
    assert_eq!(counts(&log).await, [2, 1, 1]);
    keep_house(&log, HOUR + 3 * MINUTE).await;
    assert_eq!(counts(&log).await, [0, 1, 1]);
    keep_house(&log, DAY + 44 * MINUTE).await;
    assert_eq!(counts(&log).await, [0, 1, 1]);
    keep_house(&log, DAY + 45 * MINUTE).await;
    assert_eq!(counts(&log).await, [0, 0, 1]);
    keep_house(&log, 30 * DAY + 8 * HOUR).await;
    assert_eq!(counts(&log).await, [0, 0, 1]);
    keep_house(&log, 30 * DAY + 12 * HOUR).await;
    assert_eq!(counts(&log).await, [0, 0, 0]);
}

#[tokio::test]
async fn what_belongs_to_a_workspace_that_is_gone_ages_out_with_its_number() {
    let (log, _folder) = open().await;
    let workspaces = "SELECT count(*) FROM workspaces";
    append(&log, &[row(0, 1)]).await;
    keep_house(&log, 31 * DAY).await;
    assert_eq!(number(log.path(), workspaces).await, 1, "a little longer than its rows");
    keep_house(&log, 34 * DAY).await;
    assert_eq!(number(log.path(), workspaces).await, 0);

    let other = UsageRow { workspace: id(2), ..row(34 * DAY, 1) };
    append(&log, &[other, row(34 * DAY, 5)]).await;
    let range = Range { since: at(34 * DAY), until: at(35 * DAY), step: Duration::ZERO };
    for n in [1, 2] {
        let points = log.history(id(n), &range, at(34 * DAY)).await.unwrap();
        assert_eq!(samples(&points), 1, "of workspace {n}");
    }
    let lowest = number(log.path(), "SELECT min(key) FROM workspaces").await;
    assert!(lowest > 1, "a number was given twice");
}

#[tokio::test]
async fn a_month_of_a_workspace_takes_as_many_rows_as_it_may() {
    let (log, _folder) = open().await;
    // A reading every five minutes, in batches of an hour.
    for hour in 0..32 * 24 {
        let rows: Vec<_> = (0..12).map(|n| row(hour * HOUR + n * 5 * MINUTE, 1)).collect();
        append(&log, &rows).await;
        keep_house(&log, hour * HOUR + 59 * MINUTE).await;
    }
    let [raw, minutes, quarters] = counts(&log).await;
    assert!((12..=13).contains(&raw), "{raw}");
    assert!((288..=288 + 12).contains(&minutes), "{minutes}");
    assert!((2880..=2880 + 48).contains(&quarters), "{quarters}");
    let now = 32 * DAY - 1;
    let month = ask(&log, (2 * DAY, now), 0, now).await;
    assert_eq!(month.len(), 2880);
    assert_eq!(samples(&month), 12 * 24 * 30);
}

#[tokio::test]
async fn much_that_is_old_goes_in_small_steps() {
    let (log, _folder) = open().await;
    let rows: Vec<_> = (0..40_000_u64)
        .map(|n| UsageRow { workspace: id(n % 100), ..row((n / 100 % 60).cast_signed(), 1) })
        .zip(0..)
        .map(|(row, n)| {
            let ms = jiff::SignedDuration::from_millis(n / 6000);
            UsageRow { time: row.time + ms, ..row }
        })
        .collect();
    for rows in rows.chunks(10_000) {
        log.append(rows.to_vec(), at(59)).await.unwrap();
    }
    let mut before = counts(&log).await[0];
    assert_eq!(before, 40_000);
    // Counted by SQLite, in the one table that a trigger can watch for it.
    let mut other = connect(log.path()).await;
    run(&mut other, "CREATE TABLE gone (n INTEGER)").await;
    run(
        &mut other,
        "CREATE TRIGGER count_gone AFTER DELETE ON raw BEGIN INSERT INTO gone VALUES (1); END",
    )
    .await;
    let mut steps = 0;
    while before > 0 {
        log.append(Vec::new(), at(2 * HOUR)).await.unwrap();
        // The next is worked on when the house is kept.
        log.append(Vec::new(), at(2 * HOUR)).await.unwrap();
        let now = counts(&log).await[0];
        assert!(before - now <= 4 * 4700, "{} went at once", before - now);
        before = now;
        steps += 1;
        assert!(steps < 100, "it never ends");
    }
    assert!(steps >= 2, "all went at once");
    assert_eq!(number(log.path(), "SELECT count(*) FROM gone").await, 40_000);
}

#[tokio::test]
async fn a_file_that_is_too_large_loses_its_oldest_rows() {
    let largest_file = 1 << 20;
    let (log, _folder) = open_with(UsageOptions { largest_file, ..options() }).await;
    let mut now = at(0);
    for _ in 0..60 {
        let rows: Vec<_> =
            (0..1000).map(|n| UsageRow { workspace: id(n), time: now, ..row(0, 77) }).collect();
        log.append(rows, now).await.unwrap();
        now = later(now, 10);
    }
    keep_house(&log, 600).await;
    let size = log.path().metadata().unwrap().len();
    assert!(size <= largest_file * 5 / 4, "{size}");
    let [raw, ..] = counts(&log).await;
    assert!((5_000..60_000).contains(&raw), "{raw}");
    assert_eq!(samples(&ask(&log, (590, 600), 0, 600).await), 1, "the newest is there");
    assert_eq!(log.dropped(), 0);
}

#[tokio::test]
async fn a_row_takes_a_few_dozen_bytes() {
    let (log, _folder) = open().await;
    for tick in 0..60 {
        let rows = (0..1000).map(|n| UsageRow {
            workspace: id(n),
            memory: 50_000_000 + 4096 * n,
            received: n,
            ..row(tick * 10, 3)
        });
        log.append(rows.collect(), at(tick * 10)).await.unwrap();
    }
    log.close(crate::PATIENCE).await.unwrap();
    let size = log.path().metadata().unwrap().len();
    assert!(size < 60_000 * 48, "{} bytes a row", size / 60_000);
}
