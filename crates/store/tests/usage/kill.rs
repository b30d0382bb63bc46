//! The end of a process, and failures, in the middle of adding up.
//!
//! The test starts itself a second time as the victim, which it knows by an environment variable.

use crate::{HOUR, append, ask, at, connect, counts, keep_house, open, options, row, run, samples};
use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};
use trueup_store::{Error, SqliteUsageLog};

const VICTIM: &str = "TRUEUP_USAGE_TEST_VICTIM";
const ACKNOWLEDGED: &str = "acknowledged: ";

/// What is asked at each level says the same of the last hour.
async fn same_at_all_levels(log: &SqliteUsageLog, range: (i64, i64), now: i64) -> u64 {
    let raw = ask(log, range, 1, now).await;
    for step in [120, 1800] {
        let coarse = ask(log, range, step, now).await;
        assert_eq!(samples(&coarse), samples(&raw), "in steps of {step} seconds");
        let sum = |points: &[trueup_domain::usage::Point]| {
            points.iter().map(|point| point.network_rx_bytes).sum::<u64>()
        };
        assert_eq!(sum(&coarse), sum(&raw), "in steps of {step} seconds");
    }
    samples(&raw)
}

#[tokio::test]
async fn a_kill_counts_nothing_twice_and_loses_nothing_that_was_acknowledged() {
    if let Some(path) = env::var_os(VICTIM) {
        return append_until_killed(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=3_usize {
        let path = folder.path().join(format!("{round}-usage.db"));
        let acknowledged = acknowledged_before_the_kill(&path, 40 * round);
        let log = SqliteUsageLog::open(&path, options(), at(0)).await.unwrap();
        // The hour before the last row, on whole half hours.
        let now = acknowledged + 60;
        let since = (now - HOUR + 1800).div_euclid(1800) * 1800;
        let (before, now) = (same_at_all_levels(&log, (since, now + 60), now).await, now);
        let expected = (acknowledged - since.max(0)) / 20 + 1;
        assert!((expected..=expected + 1).contains(&before.cast_signed()), "{before} {expected}");
        keep_house(&log, now).await;
        assert_eq!(same_at_all_levels(&log, (since, now + 60), now).await, before);
    }
}

/// Gives the second of the last row that was acknowledged.
fn acknowledged_before_the_kill(path: &Path, count: usize) -> i64 {
    let mut victim = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::a_kill_counts_nothing_twice_and_loses_nothing_that_was_acknowledged",
            "--nocapture",
        ])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map(Result::unwrap);
    let second = |line: String| {
        line.split_once(ACKNOWLEDGED).and_then(|(_, second)| second.trim().parse().ok())
    };
    let seconds: Vec<i64> = lines.by_ref().filter_map(second).take(count).collect();
    assert_eq!(seconds.len(), count, "the victim ended by itself");
    let runtime = tokio::runtime::Handle::current();
    let refused = std::thread::scope(|scope| {
        let opening = || runtime.block_on(SqliteUsageLog::open(path, options(), at(0)));
        scope.spawn(opening).join().unwrap()
    });
    assert!(matches!(refused, Err(Error::InUse { .. })), "the victim has it open");
    victim.kill().unwrap();
    victim.wait().unwrap();
    lines.filter_map(second).last().or(seconds.last().copied()).unwrap()
}

/// Appends a row for every twentieth second, so that a minute is over with every third.
async fn append_until_killed(path: &Path) {
    let log = SqliteUsageLog::open(path, options(), at(0)).await.unwrap();
    for n in 0..100_000 {
        append(&log, &[row(n * 20, 3)]).await;
        println!("\n{ACKNOWLEDGED}{}", n * 20);
    }
}

#[tokio::test]
async fn adding_up_that_fails_halfway_is_done_whole_the_next_time() {
    let (log, _folder) = open().await;
    let rows: Vec<_> = (0..180).map(|n| row(n * 20, 2)).collect();
    append(&log, &rows).await;
    let now = HOUR - 20;
    let mut other = connect(log.path()).await;
    run(
        &mut other,
        "DELETE FROM minutes; DELETE FROM quarters; \
         UPDATE added_up SET minute = -9223372036854775808, quarter = -9223372036854775808; \
         CREATE TRIGGER fail BEFORE UPDATE ON added_up BEGIN SELECT raise(ABORT, 'by the test'); END",
    )
    .await;
    keep_house(&log, now).await;
    assert_eq!(counts(&log).await, [180, 0, 0], "half of it was left behind");
    assert_eq!(same_at_all_levels(&log, (0, HOUR), now).await, 180);
    run(&mut other, "DROP TRIGGER fail").await;
    for _ in 0..4 {
        keep_house(&log, now).await;
        assert_eq!(same_at_all_levels(&log, (0, HOUR), now).await, 180);
    }
    let [raw, minutes, quarters] = counts(&log).await;
    assert_eq!((raw, minutes, quarters), (180, 59, 3));
}
