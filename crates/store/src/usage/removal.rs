//! Removal: of what is too old, of what a wrong clock has left ahead of the present, and of the oldest
//! when the file is too large.
//!
//! In steps, each a transaction of its own, and no more of them after one append than it takes to keep
//! up. Nothing goes before it is added up, but for the bound of the file.

use super::{
    append::{AHEAD, day},
    file::PAGE_SIZE,
    level::Level,
    rollup::{self, AddedUp},
};
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};
use trueup_domain::usage::Resolution;

/// About so many rows go in one step.
const STEP: i64 = 4096;
/// A row is kept for some periods longer than it must be, so that the first step of an answer is whole.
const PERIODS_LONGER: i64 = 2;
/// A workspace's number is kept for some days longer than its rows.
const DAYS_LONGER: i64 = 2;

/// The statements for one table.
struct Table {
    level: Level,
    resolution: Resolution,
    oldest: &'static str,
    newest: &'static str,
    /// Takes a period and how many rows of it stay out.
    remove_some: &'static str,
    /// Takes a period and the last slot that stays.
    remove_after: &'static str,
}

macro_rules! table {
    ($name:literal, $level:expr, $resolution:expr) => {
        Table {
            level: $level,
            resolution: $resolution,
            oldest: concat!("SELECT min(period) FROM ", $name),
            newest: concat!("SELECT max(period) FROM ", $name),
            // All of one workspace at once, as the bound is looked up by it.
            remove_some: concat!(
                "DELETE FROM ",
                $name,
                " WHERE period = ?1 AND workspace <= coalesce((SELECT workspace FROM ",
                $name,
                " WHERE period = ?1 ORDER BY workspace LIMIT 1 OFFSET ?2), 9223372036854775807)"
            ),
            remove_after: concat!("DELETE FROM ", $name, " WHERE period = ?1 AND slot > ?2"),
        }
    };
}

const TABLES: [Table; 3] = [
    table!("quarters", Level::QUARTERS, Resolution::Quarter),
    table!("minutes", Level::MINUTES, Resolution::Minute),
    table!("raw", Level::RAW, Resolution::Raw),
];

impl Table {
    /// The first period that stays.
    fn horizon(&self, marks: AddedUp, now: Timestamp) -> i64 {
        let oldest = now.checked_sub(self.resolution.kept()).unwrap_or(Timestamp::MIN);
        let by_age = self.level.period(oldest.as_millisecond()) - PERIODS_LONGER;
        match self.resolution {
            Resolution::Raw => by_age.min(marks.minute),
            Resolution::Minute => by_age.min(marks.quarter),
            Resolution::Quarter => by_age,
        }
    }
}

/// Removes what is too old, after an append of so many rows.
pub(super) async fn remove_old(
    connection: &mut SqliteConnection,
    appended: usize,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let marks = rollup::added_up(&mut *connection).await?;
    for table in &TABLES {
        let horizon = table.horizon(marks, now);
        let mut left = at_most(appended);
        while left > 0
            && let Some(period) = number(connection, table.oldest).await?
            && period < horizon
        {
            left = left.saturating_sub(remove_some(connection, table, period).await?);
        }
    }
    Ok(())
}

/// Removes the oldest rows of all as long as the file is too large.
pub(super) async fn keep_within(
    connection: &mut SqliteConnection,
    largest_file: u64,
    appended: usize,
) -> Result<(), sqlx::Error> {
    let largest = i64::try_from(largest_file / u64::from(PAGE_SIZE)).unwrap_or(i64::MAX);
    let used = "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count";
    let mut left = at_most(appended);
    while left > 0 && number(connection, used).await?.is_some_and(|used| used > largest) {
        let mut oldest: Option<(i64, i64, &Table)> = None;
        for table in &TABLES {
            let Some(period) = number(connection, table.oldest).await? else { continue };
            let begin = period.saturating_mul(table.level.period_length());
            if oldest.is_none_or(|(other, ..)| begin < other) {
                oldest = Some((begin, period, table));
            }
        }
        let Some((_, period, table)) = oldest else { break };
        left = left.saturating_sub(remove_some(connection, table, period).await?);
    }
    Ok(())
}

/// Removes the periods ahead of the present. `false`: there is more of it.
pub(super) async fn remove_periods_ahead(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let newest = newest(now);
    for table in &TABLES {
        let mut left = at_most(0);
        while let Some(period) = number(connection, table.newest).await?
            && period > table.level.period(newest)
        {
            if left == 0 {
                return Ok(false);
            }
            left = left.saturating_sub(remove_some(connection, table, period).await?);
        }
    }
    Ok(true)
}

/// Removes the rest of what is ahead, inside a transaction, and takes the marks back, so that what comes
/// now is added up as usual. It is at most one period, and only after a clock was set back.
pub(super) async fn begin_again_at(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let newest = newest(now);
    for table in &TABLES {
        let last = table.level.cell(newest);
        // The present minute and quarter may hold what was ahead; they are added up again.
        let stays = if table.level == Level::RAW { last.slot } else { last.slot - 1 };
        sqlx::query(table.remove_after)
            .bind(last.period)
            .bind(stays)
            .execute(&mut *connection)
            .await?;
    }
    let marks = rollup::added_up(&mut *connection).await?;
    let minute = marks.minute.min(Level::RAW.period(newest));
    let quarter = marks.quarter.min(Level::MINUTES.period(newest));
    rollup::mark(connection, AddedUp { minute, quarter }).await?;
    sqlx::query("UPDATE workspaces SET seen = ?1 WHERE seen > ?1")
        .bind(day(newest))
        .execute(connection)
        .await?;
    Ok(())
}

/// The last moment that is not ahead, in milliseconds.
fn newest(now: Timestamp) -> i64 {
    now.checked_add(AHEAD).unwrap_or(Timestamp::MAX).as_millisecond()
}

/// Removes the numbers of workspaces that have no rows any more. Whether there were any.
pub(super) async fn remove_workspaces(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let oldest = now.checked_sub(Resolution::Quarter.kept()).unwrap_or(Timestamp::MIN);
    let removed = sqlx::query(
        "DELETE FROM workspaces WHERE key IN (SELECT key FROM workspaces WHERE seen < ?1 LIMIT ?2)",
    )
    .bind(day(oldest.as_millisecond()) - DAYS_LONGER)
    .bind(STEP)
    .execute(connection)
    .await?;
    Ok(removed.rows_affected() > 0)
}

/// How many rows may be removed after an append of so many.
fn at_most(appended: usize) -> u64 {
    STEP.unsigned_abs() + 2 * appended as u64
}

/// A statement of its own is a transaction of its own.
async fn remove_some(
    connection: &mut SqliteConnection,
    table: &Table,
    period: i64,
) -> Result<u64, sqlx::Error> {
    let removed =
        sqlx::query(table.remove_some).bind(period).bind(STEP).execute(connection).await?;
    Ok(removed.rows_affected().max(1))
}

async fn number(
    connection: &mut SqliteConnection,
    sql: &'static str,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query(sql).fetch_one(connection).await?.try_get(0)
}
