//! The history of usage, through its port and past it, as another process sees its file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a child process talks to its test that way")]

mod ages;
mod answers;
mod clocks;
mod file;
mod kill;
mod model;
mod queue;

use jiff::{SignedDuration, Timestamp};
use sqlx::{ConnectOptions, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use trueup_domain::{
    id::WorkspaceId,
    port::UsageLog,
    usage::{Point, Range, UsageRow},
};
use trueup_store::{SqliteUsageLog, UsageOptions};

/// How long a test waits for something before it fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// The beginning of four hours, and of all that is shorter.
const START: i64 = 1_800_000_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A history whose clock is trusted at once.
fn options() -> UsageOptions {
    UsageOptions { steady_after: Duration::ZERO, ..UsageOptions::default() }
}

async fn open() -> (SqliteUsageLog, TempDir) {
    open_with(options()).await
}

async fn open_with(options: UsageOptions) -> (SqliteUsageLog, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup-usage.db");
    (SqliteUsageLog::open(path, options, at(0)).await.unwrap(), folder)
}

async fn reopen(log: SqliteUsageLog) -> SqliteUsageLog {
    log.close(PATIENCE).await.unwrap();
    SqliteUsageLog::open(log.path(), options(), at(0)).await.unwrap()
}

/// So many seconds after the start.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

fn id(number: u64) -> WorkspaceId {
    format!("{number:032x}").parse().unwrap()
}

/// A reading of workspace 1 with that CPU; the other figures follow from it.
fn row(second: i64, cpu: u32) -> UsageRow {
    let cpu_count = u64::from(cpu);
    UsageRow {
        workspace: id(1),
        time: at(second),
        cpu_percent: cpu.into(),
        memory: 1000 * cpu_count,
        received: 10 * cpu_count,
        sent: 20 * cpu_count,
        read: 30 * cpu_count,
        written: 40 * cpu_count,
        pids: cpu_count,
    }
}

/// Appends rows at the time of the last one, in the order given.
async fn append(log: &SqliteUsageLog, rows: &[UsageRow]) {
    log.append(rows.to_vec(), rows.last().unwrap().time).await.unwrap();
}

/// Has the house kept at a time. When it returns, that is done: batches are worked on in turn.
async fn keep_house(log: &SqliteUsageLog, second: i64) {
    for _ in 0..8 {
        log.append(Vec::new(), at(second)).await.unwrap();
    }
}

/// The usage of workspace 1 between two seconds.
async fn ask(log: &SqliteUsageLog, range: (i64, i64), step: u64, now: i64) -> Vec<Point> {
    let range = Range { since: at(range.0), until: at(range.1), step: Duration::from_secs(step) };
    log.history(id(1), &range, at(now)).await.unwrap()
}

fn samples(points: &[Point]) -> u64 {
    points.iter().map(|point| point.samples).sum()
}

/// When the points are, in seconds after the start.
fn seconds(points: &[Point]) -> Vec<i64> {
    points.iter().map(|point| point.time.as_second() - START).collect()
}

/// A connection past the log, as another process has it.
async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

async fn number(path: &Path, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(&mut connect(path).await).await.unwrap().get(0)
}

/// How many rows there are in the three tables, the finest first.
async fn counts(log: &SqliteUsageLog) -> [i64; 3] {
    let path = log.path();
    [
        number(path, "SELECT count(*) FROM raw").await,
        number(path, "SELECT count(*) FROM minutes").await,
        number(path, "SELECT count(*) FROM quarters").await,
    ]
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time + SignedDuration::from_secs(seconds)
}

/// Waits until something is so, looking again every few milliseconds.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never so: {what}"));
}
