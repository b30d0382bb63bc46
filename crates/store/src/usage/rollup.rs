//! Adding up: a minute of readings into one row of each workspace, and a quarter of an hour of those.
//!
//! What is added up is known by two marks, which move in the transaction that adds; so nothing is
//! counted twice or never, wherever a process ends. Rows behind a mark are the answer to a query; those
//! from it on are added up by the query itself.

use super::level::Level;
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection, SqliteExecutor};

/// How long after its end a period is added up. Rows that come later are counted one by one, which
/// costs more.
const GRACE_MS: i64 = 30_000;

/// The marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AddedUp {
    /// The first minute of `raw` that may hold rows which are not added up.
    pub(super) minute: i64,
    /// The first quarter of `minutes` that may. It begins at or before the minute.
    pub(super) quarter: i64,
}

pub(super) async fn added_up(executor: impl SqliteExecutor<'_>) -> Result<AddedUp, sqlx::Error> {
    let row = sqlx::query("SELECT minute, quarter FROM added_up").fetch_one(executor).await?;
    Ok(AddedUp { minute: row.try_get("minute")?, quarter: row.try_get("quarter")? })
}

/// Moves the marks, inside a transaction.
pub(super) async fn mark(
    connection: &mut SqliteConnection,
    marks: AddedUp,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE added_up SET minute = ?1, quarter = ?2")
        .bind(marks.minute)
        .bind(marks.quarter)
        .execute(connection)
        .await?;
    Ok(())
}

macro_rules! counting {
    ($table:literal, $rows:literal) => {
        concat!(
            "INSERT INTO ",
            $table,
            " (period, workspace, slot, samples, cpu_sum, cpu_max, memory_sum, memory_max, \
             received, sent, read, written, pids_max) ",
            $rows,
            " ON CONFLICT DO UPDATE SET samples = samples + excluded.samples, \
             cpu_sum = cpu_sum + excluded.cpu_sum, cpu_max = max(cpu_max, excluded.cpu_max), \
             memory_sum = memory_sum + excluded.memory_sum, \
             memory_max = max(memory_max, excluded.memory_max), \
             received = received + excluded.received, sent = sent + excluded.sent, \
             read = read + excluded.read, written = written + excluded.written, \
             pids_max = max(pids_max, excluded.pids_max)"
        )
    };
}

/// Counts one reading in a row that may be there already. Takes period, workspace, slot, samples, CPU,
/// memory, received, sent, read, written and processes.
pub(super) const fn count_one(level: Level) -> &'static str {
    const MINUTES: &str =
        counting!("minutes", "VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11)");
    const QUARTERS: &str =
        counting!("quarters", "VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11)");
    if level.slot_length == Level::QUARTERS.slot_length { QUARTERS } else { MINUTES }
}

/// Adds up the oldest period that is over and not added up yet, inside a transaction. `false`: there
/// is none.
pub(super) async fn add_up(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let marks = added_up(&mut *connection).await?;
    Ok(add_up_minute(connection, marks, now).await?
        || add_up_quarter(connection, marks, now).await?)
}

async fn add_up_minute(
    connection: &mut SqliteConnection,
    marks: AddedUp,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let over = over(Level::RAW, now);
    let oldest = "SELECT min(period) FROM raw WHERE period >= ?1 AND period < ?2";
    let Some(minute) = period(connection, oldest, marks.minute, over).await? else {
        return Ok(false);
    };
    let cell = Level::MINUTES.cell_of_finer(minute);
    sqlx::query(counting!(
        "minutes",
        "SELECT ?2, workspace, ?3, count(*), sum(cpu), max(cpu), sum(memory), max(memory), \
         sum(received), sum(sent), sum(read), sum(written), max(pids) \
         FROM raw WHERE period = ?1 GROUP BY workspace"
    ))
    .bind(minute)
    .bind(cell.period)
    .bind(cell.slot)
    .execute(&mut *connection)
    .await?;
    mark(connection, AddedUp { minute: minute + 1, ..marks }).await?;
    Ok(true)
}

/// Only to be called when each minute that is over is added up.
async fn add_up_quarter(
    connection: &mut SqliteConnection,
    marks: AddedUp,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let over = over(Level::MINUTES, now);
    let oldest = "SELECT min(period) FROM minutes WHERE period >= ?1 AND period < ?2";
    let Some(quarter) = period(connection, oldest, marks.quarter, over).await? else {
        return Ok(false);
    };
    let cell = Level::QUARTERS.cell_of_finer(quarter);
    sqlx::query(counting!(
        "quarters",
        "SELECT ?2, workspace, ?3, sum(samples), sum(cpu_sum), max(cpu_max), sum(memory_sum), \
         max(memory_max), sum(received), sum(sent), sum(read), sum(written), max(pids_max) \
         FROM minutes WHERE period = ?1 GROUP BY workspace"
    ))
    .bind(quarter)
    .bind(cell.period)
    .bind(cell.slot)
    .execute(&mut *connection)
    .await?;
    // There are no rows in its minutes that are not added up, and from now on they would be missed.
    let next_minute = first_minute(quarter + 1);
    let minute = marks.minute.max(next_minute);
    mark(connection, AddedUp { minute, quarter: quarter + 1 }).await?;
    Ok(true)
}

/// The first minute of a quarter.
const fn first_minute(quarter: i64) -> i64 {
    quarter.saturating_mul(Level::MINUTES.period_length() / Level::RAW.period_length())
}

/// The first period that is not over, or not for long enough.
fn over(level: Level, now: Timestamp) -> i64 {
    level.period(now.as_millisecond().saturating_sub(GRACE_MS))
}

async fn period(
    connection: &mut SqliteConnection,
    sql: &'static str,
    from: i64,
    before: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query(sql).bind(from).bind(before).fetch_one(connection).await?.try_get(0)
}
