//! The transaction of an append: which rows are kept, and where they are counted.
//!
//! A row of a minute that is not added up yet only goes into `raw`. One that comes later than that is
//! counted in the coarser rows at once. So each row is counted everywhere exactly once, whenever it
//! comes.

use super::{
    level::Level,
    rollup::{self, AddedUp},
};
use jiff::{SignedDuration, Timestamp};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use std::collections::HashMap;
use trueup_domain::{
    id::WorkspaceId,
    usage::{Resolution, UsageRow},
};

/// A row may be ahead of the time at which it is written by so much.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_secs(60);
/// How many rows one statement inserts.
const ROWS_AT_ONCE: usize = 128;
const DAY: i64 = 24 * 60 * 60 * 1000;
/// The largest figure that is kept, so that no sum of them overflows: a pebibyte.
const LARGEST: i64 = 1 << 50;

/// A row as it is stored.
#[derive(Debug, Clone, Copy)]
struct Stored {
    time: i64,
    workspace: i64,
    /// CPU, memory, received, sent, read, written, processes.
    figures: [i64; 7],
}

impl Stored {
    fn new(row: &UsageRow, workspace: i64) -> Self {
        let figure = |figure: u64| i64::try_from(figure).unwrap_or(LARGEST).min(LARGEST);
        // No number is kept as none, and what is too large as the largest.
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        let cpu = ((row.cpu_percent * 1000.0).round() as i64).clamp(0, LARGEST);
        let figures = [
            cpu,
            figure(row.memory),
            figure(row.received),
            figure(row.sent),
            figure(row.read),
            figure(row.written),
            figure(row.pids),
        ];
        Self { time: row.time.as_millisecond(), workspace, figures }
    }
}

/// Whether a row is of the time that raw rows are kept for.
pub(super) fn is_of_now(row: &UsageRow, now: Timestamp) -> bool {
    let oldest = now.checked_sub(Resolution::Raw.kept()).unwrap_or(Timestamp::MIN);
    let newest = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    (oldest..=newest).contains(&row.time)
}

/// The short numbers of workspaces.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<WorkspaceId, Key>);

#[derive(Debug, Clone, Copy)]
struct Key {
    key: i64,
    /// The day for which the table knows that it is in use.
    seen: i64,
}

impl Keys {
    /// To be called when what they were learned from may have been taken back.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    async fn key(
        &mut self,
        connection: &mut SqliteConnection,
        row: &UsageRow,
    ) -> Result<i64, sqlx::Error> {
        let day = day(row.time.as_millisecond());
        if let Some(known) = self.0.get(&row.workspace)
            && known.seen == day
        {
            return Ok(known.key);
        }
        let answer = sqlx::query(
            "INSERT INTO workspaces (id, seen) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET seen = excluded.seen RETURNING key",
        )
        .bind(row.workspace.to_string())
        .bind(day)
        .fetch_one(connection)
        .await?;
        let key = answer.try_get("key")?;
        self.0.insert(row.workspace, Key { key, seen: day });
        Ok(key)
    }
}

/// The day of a moment, counted from 1970.
pub(super) const fn day(ms: i64) -> i64 {
    ms.div_euclid(DAY)
}

/// Stores rows, inside a transaction.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    keys: &mut Keys,
    rows: &[UsageRow],
) -> Result<(), sqlx::Error> {
    let added_up = rollup::added_up(&mut *connection).await?;
    let mut stored = Vec::with_capacity(rows.len());
    for row in rows {
        stored.push(Stored::new(row, keys.key(connection, row).await?));
    }
    // In the order of the table.
    stored.sort_unstable_by_key(|row| (Level::RAW.period(row.time), row.workspace, row.time));
    let late = stored.partition_point(|row| Level::RAW.period(row.time) < added_up.minute);
    for row in &stored[..late] {
        count_late(connection, row, added_up).await?;
    }
    for chunk in stored[late..].chunks(ROWS_AT_ONCE) {
        insert(connection, chunk).await?;
    }
    Ok(())
}

/// Stores rows, and says how many of them were not there already.
async fn insert(connection: &mut SqliteConnection, rows: &[Stored]) -> Result<u64, sqlx::Error> {
    let mut sql = QueryBuilder::<Sqlite>::new(
        "INSERT OR IGNORE INTO raw \
         (period, workspace, slot, cpu, memory, received, sent, read, written, pids) ",
    );
    sql.push_values(rows, |mut values, row| {
        let cell = Level::RAW.cell(row.time);
        values.push_bind(cell.period).push_bind(row.workspace).push_bind(cell.slot);
        for figure in row.figures {
            values.push_bind(figure);
        }
    });
    // Statements of odd lengths are not worth keeping.
    let is_usual = matches!(rows.len(), 1 | ROWS_AT_ONCE);
    Ok(sql.build().persistent(is_usual).execute(connection).await?.rows_affected())
}

/// Stores a row whose minute is added up already.
async fn count_late(
    connection: &mut SqliteConnection,
    row: &Stored,
    added_up: AddedUp,
) -> Result<(), sqlx::Error> {
    if insert(connection, &[*row]).await? == 0 {
        return Ok(());
    }
    count_in(connection, row, Level::MINUTES).await?;
    if Level::MINUTES.period(row.time) < added_up.quarter {
        count_in(connection, row, Level::QUARTERS).await?;
    }
    Ok(())
}

async fn count_in(
    connection: &mut SqliteConnection,
    row: &Stored,
    level: Level,
) -> Result<(), sqlx::Error> {
    let cell = level.cell(row.time);
    let [cpu, memory, received, sent, read, written, pids] = row.figures;
    let mut query = sqlx::query(rollup::count_one(level));
    for value in [cell.period, row.workspace, cell.slot, 1, cpu, memory] {
        query = query.bind(value);
    }
    for value in [received, sent, read, written, pids] {
        query = query.bind(value);
    }
    query.execute(connection).await?;
    Ok(())
}
