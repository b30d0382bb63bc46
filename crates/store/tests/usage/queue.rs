//! Who waits, and for how long; what is told when rows are not kept.

use crate::{PATIENCE, append, ask, at, connect, open, open_with, options, row, run, samples};
use futures::future::join_all;
use sqlx::Connection;
use std::{error::Error as _, time::Duration};
use tokio::time::{Instant, timeout};
use trueup_domain::{
    error::StoreError,
    port::UsageLog,
    usage::{Range, UsageRow},
};
use trueup_store::{Error, UsageOptions, UsageRefused};

fn cause<E: std::error::Error + 'static>(error: &StoreError) -> Option<&E> {
    error.source().and_then(|source| source.downcast_ref())
}

#[tokio::test]
async fn rows_beyond_the_bound_are_dropped_and_counted_and_the_rest_is_kept() {
    let (log, _folder) = open_with(UsageOptions { queue: 100, ..options() }).await;
    let mut other = connect(log.path()).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    let rows = |from: i64| (from..from + 40).map(|second| row(second, 1)).collect::<Vec<_>>();
    let appends = join_all([0, 40, 80, 120].map(|from| log.append(rows(from), at(160))));
    let free = async {
        // The first two are queued when the last two are refused.
        crate::eventually("rows are dropped", || log.dropped() == 80).await;
        run(&mut other, "ROLLBACK").await;
    };
    let (answers, ()) = futures::join!(appends, free);
    assert!(answers[0].is_ok() && answers[1].is_ok(), "{answers:?}");
    for answer in &answers[2..] {
        let refused = cause::<UsageRefused>(answer.as_ref().unwrap_err());
        assert_eq!(refused, Some(&UsageRefused::Behind { rows: 40 }));
    }
    assert_eq!(samples(&ask(&log, (0, 200), 0, 200).await), 80);
    append(&log, &rows(120)).await;
    assert_eq!(log.dropped(), 80, "there is room again");
}

#[tokio::test]
async fn many_small_batches_are_bounded_too() {
    let (log, _folder) = open().await;
    let mut other = connect(log.path()).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    let appends = join_all((0..100).map(|second| log.append(vec![row(second, 1)], at(100))));
    let free = async {
        crate::eventually("rows are dropped", || log.dropped() > 30).await;
        run(&mut other, "ROLLBACK").await;
    };
    let (answers, ()) = futures::join!(appends, free);
    let kept = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((64..=65).contains(&kept), "{kept}");
    assert_eq!(samples(&ask(&log, (0, 200), 0, 200).await), kept as u64);
}

#[tokio::test]
async fn an_append_ends_with_its_deadline_and_is_not_tried_again() {
    let deadline = Duration::from_millis(50);
    let (log, _folder) = open_with(UsageOptions { deadline, ..options() }).await;
    let mut other = connect(log.path()).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    let begun = Instant::now();
    let appends = [0, 1, 2].map(|second| log.append(vec![row(second, 1)], at(2)));
    for answer in join_all(appends).await {
        let error = answer.unwrap_err();
        assert!(matches!(cause(&error), Some(Error::DeadlineExceeded(_))), "{error:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(log.dropped(), 3);
    run(&mut other, "ROLLBACK").await;
    // Only the one whose turn it was may be there.
    let written = async { while log.append(vec![row(10, 1)], at(10)).await.is_err() {} };
    timeout(PATIENCE, written).await.unwrap();
    let kept = samples(&ask(&log, (0, 9), 0, 10).await);
    assert!(kept <= 1, "{kept} rows were kept after they were given up");
}

#[tokio::test]
async fn a_failure_is_told_and_the_next_append_succeeds() {
    let busy_timeout = Duration::from_millis(20);
    let (log, _folder) = open_with(UsageOptions { busy_timeout, ..options() }).await;
    let mut other = connect(log.path()).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    let error = log.append(vec![row(0, 1), row(1, 1)], at(1)).await.unwrap_err();
    assert!(matches!(cause(&error), Some(Error::Statement(_))), "{error:?}");
    assert_eq!(log.dropped(), 2);
    run(&mut other, "ROLLBACK").await;
    append(&log, &[row(2, 1)]).await;
    assert_eq!(samples(&ask(&log, (0, 10), 0, 10).await), 1, "what failed is not tried again");
}

#[tokio::test]
async fn a_batch_that_does_not_fit_is_told_and_leaves_nothing_behind() {
    let (log, _folder) = open_with(UsageOptions { largest_file: 256 << 10, ..options() }).await;
    append(&log, &[row(0, 1)]).await;
    let rows: Vec<_> =
        (0..20_000).map(|n| UsageRow { workspace: crate::id(n), ..row(1, 1) }).collect();
    let error = log.append(rows, at(1)).await.unwrap_err();
    assert!(cause::<Error>(&error).unwrap().source().unwrap().to_string().contains("full"));
    append(&log, &[row(2, 1)]).await;
    assert_eq!(samples(&ask(&log, (0, 10), 0, 10).await), 2);
}

#[tokio::test]
async fn nobody_waits_for_a_query_nor_a_query_for_the_writer() {
    let (log, _folder) = open().await;
    append(&log, &[row(0, 1)]).await;
    let mut writing = connect(log.path()).await;
    run(&mut writing, "BEGIN IMMEDIATE").await;
    assert_eq!(samples(&ask(&log, (0, 10), 0, 10).await), 1);
    run(&mut writing, "ROLLBACK").await;
    let mut reading = connect(log.path()).await;
    run(&mut reading, "BEGIN; SELECT count(*) FROM raw").await;
    append(&log, &[row(1, 1)]).await;
    reading.close().await.unwrap();
}

#[tokio::test]
async fn a_query_ends_with_its_deadline() {
    let deadline = Duration::from_millis(500);
    let (log, _folder) = open_with(UsageOptions { deadline, ..options() }).await;
    append(&log, &[row(0, 1)]).await;
    // Something that takes seconds to read.
    let mut other = connect(log.path()).await;
    run(
        &mut other,
        "ALTER TABLE raw RENAME TO fast; CREATE VIEW raw AS \
         WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 50000000) \
         SELECT x AS period, fast.workspace, fast.slot, cpu, memory, received, sent, read, \
         written, pids FROM n CROSS JOIN fast",
    )
    .await;
    let begun = Instant::now();
    let range = Range { since: at(0), until: at(1), step: Duration::ZERO };
    let error = log.history(crate::id(1), &range, at(1)).await.unwrap_err();
    assert!(matches!(cause(&error), Some(Error::DeadlineExceeded(_))), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn closing_writes_what_is_queued_and_refuses_the_rest() {
    let (log, _folder) = open().await;
    let append = |second| log.append(vec![row(second, 1)], at(second));
    let close = async {
        log.close(PATIENCE).await.unwrap();
        log.close(PATIENCE).await.unwrap();
    };
    let (first, second, ()) = futures::join!(append(0), append(1), close);
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    let error = append(2).await.unwrap_err();
    assert!(matches!(cause(&error), Some(Error::Closed)), "{error:?}");
    let range = Range { since: at(0), until: at(9), step: Duration::ZERO };
    log.history(crate::id(1), &range, at(9)).await.unwrap_err();
    assert_eq!(crate::number(log.path(), "SELECT count(*) FROM raw").await, 2);
}
