//! The answer to a query: the rows of one workspace at the level that fits, and those of the finer
//! levels that are not added up into it yet.
//!
//! A row counts for the step in which it begins. Steps lie on multiples of their length since 1970, and
//! the first one is whole, also when the range begins in the middle of it.

use super::{
    UsageRefused,
    append::AHEAD,
    level::{Cell, Level},
    rollup,
};
use crate::Error;
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use std::{collections::BTreeMap, time::Duration};
use trueup_domain::{
    error::StoreError,
    id::WorkspaceId,
    usage::{Point, Range, Resolution},
};

/// How many points an answer has at most.
const MOST_POINTS: usize = 10_000;
/// How many rows are read for it at most.
const MOST_ROWS: i64 = 100_000;
const OPERATION: &str = "read usage";

/// What is asked for, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Question {
    level: Level,
    /// The length of the steps.
    step: i64,
    /// The first moment, and the last.
    first: i64,
    last: i64,
}

impl Question {
    fn new(range: &Range, now: Timestamp) -> Self {
        let level = Level::of(Resolution::for_range(range.since, range.step, now));
        let step = whole_milliseconds(range.step).max(level.slot_length);
        let since = range.since.as_millisecond();
        // What a wrong clock has left in the future is not shown.
        let until = range.until.min(now.checked_add(AHEAD).unwrap_or(Timestamp::MAX));
        // The end is not included, and may be between two milliseconds.
        let last = until.as_nanosecond().saturating_sub(1).div_euclid(1_000_000);
        Self {
            level,
            step,
            first: since.saturating_sub(since.rem_euclid(step)),
            last: i64::try_from(last).unwrap_or(i64::MAX),
        }
    }
}

/// Rounded up, so that a step of less than one is one.
fn whole_milliseconds(step: Duration) -> i64 {
    i64::try_from(step.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// What was counted in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    samples: u64,
    cpu_sum: u128,
    cpu_max: u64,
    memory_sum: u128,
    memory_max: u64,
    received: u64,
    sent: u64,
    read: u64,
    written: u64,
    pids_max: u64,
}

impl Sums {
    fn of(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let figure =
            |column| row.try_get::<i64, _>(column).map(|figure| figure.max(0).cast_unsigned());
        Ok(Self {
            samples: figure("samples")?,
            cpu_sum: figure("cpu_sum")?.into(),
            cpu_max: figure("cpu_max")?,
            memory_sum: figure("memory_sum")?.into(),
            memory_max: figure("memory_max")?,
            received: figure("received")?,
            sent: figure("sent")?,
            read: figure("read")?,
            written: figure("written")?,
            pids_max: figure("pids_max")?,
        })
    }

    fn add(&mut self, other: &Self) {
        self.samples = self.samples.saturating_add(other.samples);
        self.cpu_sum = self.cpu_sum.saturating_add(other.cpu_sum);
        self.cpu_max = self.cpu_max.max(other.cpu_max);
        self.memory_sum = self.memory_sum.saturating_add(other.memory_sum);
        self.memory_max = self.memory_max.max(other.memory_max);
        self.received = self.received.saturating_add(other.received);
        self.sent = self.sent.saturating_add(other.sent);
        self.read = self.read.saturating_add(other.read);
        self.written = self.written.saturating_add(other.written);
        self.pids_max = self.pids_max.max(other.pids_max);
    }

    fn point(&self, begin: i64) -> Point {
        let samples = self.samples.max(1);
        #[expect(clippy::cast_precision_loss, reason = "thousandths of a percent, for people")]
        let percent =
            |thousandths: u128, samples: u64| thousandths as f64 / samples as f64 / 1000.0;
        let memory = (self.memory_sum + u128::from(samples) / 2) / u128::from(samples);
        Point {
            time: Timestamp::from_millisecond(begin).unwrap_or(Timestamp::MIN),
            cpu_percent: percent(self.cpu_sum, samples),
            cpu_percent_max: percent(self.cpu_max.into(), 1),
            memory_usage: u64::try_from(memory).unwrap_or(u64::MAX),
            memory_usage_max: self.memory_max,
            network_rx_bytes: self.received,
            network_tx_bytes: self.sent,
            block_read_bytes: self.read,
            block_write_bytes: self.written,
            pids_max: self.pids_max,
            samples: self.samples,
        }
    }
}

macro_rules! rows_of {
    ($table:literal, $figures:literal) => {
        concat!(
            // From period to period, as there are few of them, and the workspace is looked up in each.
            "WITH RECURSIVE periods (period) AS (\
             SELECT min(t.period) FROM ",
            $table,
            " AS t WHERE t.period BETWEEN ?2 AND ?3 UNION ALL \
             SELECT (SELECT min(t.period) FROM ",
            $table,
            " AS t WHERE t.period > periods.period AND t.period <= ?3) \
             FROM periods WHERE periods.period IS NOT NULL) \
             SELECT t.period, t.slot, ",
            $figures,
            " FROM periods CROSS JOIN ",
            $table,
            " AS t WHERE t.period = periods.period AND t.workspace = ?1 LIMIT ?4"
        )
    };
}

const READINGS: &str = rows_of!(
    "raw",
    "1 AS samples, t.cpu AS cpu_sum, t.cpu AS cpu_max, t.memory AS memory_sum, \
     t.memory AS memory_max, t.received, t.sent, t.read, t.written, t.pids AS pids_max"
);
const MINUTES: &str = rows_of!(
    "minutes",
    "t.samples, t.cpu_sum, t.cpu_max, t.memory_sum, t.memory_max, t.received, t.sent, t.read, \
     t.written, t.pids_max"
);
const QUARTERS: &str = rows_of!(
    "quarters",
    "t.samples, t.cpu_sum, t.cpu_max, t.memory_sum, t.memory_max, t.received, t.sent, t.read, \
     t.written, t.pids_max"
);

/// The usage of a workspace over a range, by step.
pub(super) async fn history(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    range: &Range,
    now: Timestamp,
) -> Result<Vec<Point>, StoreError> {
    if range.until <= range.since {
        return Ok(Vec::new());
    }
    let question = Question::new(range, now);
    let steps = steps(readers, workspace, question).await;
    let steps = steps.map_err(|error| Error::from(error).during(OPERATION))?;
    match steps {
        Some(steps) if steps.len() <= MOST_POINTS => {
            Ok(steps.iter().map(|(begin, sums)| sums.point(*begin)).collect())
        }
        _ => Err(UsageRefused::TooManyPoints { most: MOST_POINTS }.during(OPERATION)),
    }
}

/// What was counted, by the beginnings of the steps; `None`: it is more than can be read.
async fn steps(
    readers: &SqlitePool,
    workspace: WorkspaceId,
    question: Question,
) -> Result<Option<BTreeMap<i64, Sums>>, sqlx::Error> {
    // One transaction, so that nothing is added up between the looks.
    let mut reading = readers.begin().await?;
    let key = sqlx::query("SELECT key FROM workspaces WHERE id = ?1")
        .bind(workspace.to_string())
        .fetch_optional(&mut *reading)
        .await?;
    let Some(key) = key else { return Ok(Some(BTreeMap::new())) };
    let mut gathering =
        Gathering { key: key.try_get("key")?, question, steps: BTreeMap::new(), left: MOST_ROWS };
    let marks = rollup::added_up(&mut *reading).await?;
    if question.level == Level::QUARTERS {
        gathering.gather(&mut reading, Level::QUARTERS, i64::MIN).await?;
    }
    if question.level != Level::RAW {
        let from = if question.level == Level::MINUTES { i64::MIN } else { marks.quarter };
        gathering.gather(&mut reading, Level::MINUTES, from).await?;
    }
    let from = if question.level == Level::RAW { i64::MIN } else { marks.minute };
    gathering.gather(&mut reading, Level::RAW, from).await?;
    Ok((gathering.left > 0).then_some(gathering.steps))
}

struct Gathering {
    key: i64,
    question: Question,
    steps: BTreeMap<i64, Sums>,
    /// How many more rows may be read.
    left: i64,
}

impl Gathering {
    /// Adds the rows of one level, from a period on.
    async fn gather(
        &mut self,
        connection: &mut SqliteConnection,
        level: Level,
        from: i64,
    ) -> Result<(), sqlx::Error> {
        let Question { level: asked, step, first, last } = self.question;
        let sql = match level {
            Level::QUARTERS => QUARTERS,
            Level::MINUTES => MINUTES,
            _ => READINGS,
        };
        // The last row that is asked for, to its end.
        let end = asked.begin(asked.cell(last)).saturating_add(asked.slot_length - 1);
        let rows = sqlx::query(sql)
            .bind(self.key)
            .bind(level.period(first).max(from))
            .bind(level.period(end))
            .bind(self.left)
            .fetch_all(connection)
            .await?;
        self.left -= i64::try_from(rows.len()).unwrap_or(i64::MAX);
        for row in &rows {
            let cell = Cell { period: row.try_get("period")?, slot: row.try_get("slot")? };
            // As if it were added up already.
            let begin = asked.begin(asked.cell(level.begin(cell)));
            if (first..=last).contains(&begin) {
                let step_begin = begin - begin.rem_euclid(step);
                self.steps.entry(step_begin).or_default().add(&Sums::of(row)?);
            }
        }
        Ok(())
    }
}
