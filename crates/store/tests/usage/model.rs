//! Any sequence of appends, clock jumps, restarts and queries, against a list of rows in memory.
//!
//! The list forgets nothing. So it is asked only about what must still be there: what is younger than
//! the level's age by the latest time that was ever seen, and was never ahead of the clock.

use crate::{at, id, keep_house, open, reopen, row};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use trueup_domain::{
    port::UsageLog,
    usage::{Point, Range, Resolution, UsageRow},
};
use trueup_store::SqliteUsageLog;

#[derive(Debug, Clone)]
enum Step {
    /// Rows of workspaces, so many milliseconds before the present.
    Append(Vec<(u64, i64, u32)>),
    /// The rows of the last append again.
    Repeat,
    /// The clock goes on, or is set, by so many seconds.
    Clock(i64),
    KeepHouse,
    Restart,
    /// A workspace, how many seconds ago the range begins and ends, and its step.
    Ask(u64, i64, i64, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let age = prop_oneof![4 => 0..60_000_i64, 2 => 0..900_000_i64, 1 => -70_000..3_700_000_i64];
    let rows = prop::collection::vec((1..4_u64, age, 0..1000_u32), 1..20);
    let clock = prop_oneof![
        8 => 1..90_i64,
        4 => 60..1800_i64,
        2 => 1800..20_000_i64,
        1 => 50_000..3_000_000_i64,
        1 => -4000..0_i64,
    ];
    let ago = prop_oneof![3 => 0..3600_i64, 2 => 0..90_000_i64, 1 => 0..3_000_000_i64];
    let length = prop_oneof![1 => Just(0_u64), 2 => 1..200_u64, 2 => 200..8000_u64];
    let step = prop_oneof![
        6 => rows.prop_map(Step::Append),
        1 => Just(Step::Repeat),
        5 => clock.prop_map(Step::Clock),
        2 => Just(Step::KeepHouse),
        1 => Just(Step::Restart),
        6 => (1..4_u64, ago, -100..3600_i64, length).prop_map(|(n, a, b, c)| Step::Ask(n, a, b, c)),
    ];
    prop::collection::vec(step, 1..50)
}

#[derive(Default)]
struct Model {
    rows: BTreeMap<(u64, i64), UsageRow>,
    /// Those that may be gone, or counted again.
    doubtful: BTreeSet<(u64, i64)>,
    latest: Option<Timestamp>,
    compared: usize,
}

impl Model {
    fn append(&mut self, rows: &[(u64, UsageRow)], now: Timestamp) {
        let latest = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(latest);
        let ahead = (now + SignedDuration::from_secs(60)).as_millisecond();
        let raw_age = Resolution::Raw.kept();
        for (n, row) in rows {
            if row.time < now - raw_age || row.time > now + SignedDuration::from_secs(60) {
                continue;
            }
            let key = (*n, row.time.as_millisecond());
            if self.rows.contains_key(&key) && row.time < latest - raw_age {
                self.doubtful.insert(key);
            }
            self.rows.entry(key).or_insert(*row);
        }
        self.doubtful.extend(self.rows.keys().filter(|(_, ms)| *ms > ahead));
    }

    /// Checks an answer.
    fn check(&mut self, n: u64, range: &Range, now: Timestamp, answer: &[Point]) {
        let level = Resolution::for_range(range.since, range.step, now);
        let level_ms = i64::try_from(level.step().as_millis()).unwrap().max(1);
        let step = i64::try_from(range.step.as_millis()).unwrap().max(level_ms);
        let first = range.since.as_millisecond().div_euclid(step) * step;
        let until = range.until.min(now + SignedDuration::from_secs(60)).as_millisecond();
        let latest = self.latest.unwrap_or(now);
        let certain = (latest - level.kept()).as_millisecond();
        let mut expected: BTreeMap<i64, (Vec<&UsageRow>, bool)> = BTreeMap::new();
        for ((_, ms), row) in self.rows.range((n, i64::MIN)..=(n, i64::MAX)) {
            let begin = ms.div_euclid(level_ms) * level_ms;
            if begin < first || begin >= until || range.until <= range.since {
                continue;
            }
            let (rows, is_certain) =
                expected.entry(begin.div_euclid(step) * step).or_insert((Vec::new(), true));
            rows.push(row);
            *is_certain &= begin >= certain && !self.doubtful.contains(&(n, *ms));
        }
        let mut answered: BTreeMap<i64, &Point> =
            answer.iter().map(|point| (point.time.as_millisecond(), point)).collect();
        assert!(answer.is_sorted_by_key(|point| point.time), "{answer:?}");
        assert_eq!(answered.len(), answer.len(), "two points of one step: {answer:?}");
        for (begin, (rows, is_certain)) in expected {
            let point = answered.remove(&begin);
            if is_certain {
                same(point.unwrap_or_else(|| panic!("no point at {begin}: {answer:?}")), &rows);
                self.compared += 1;
            }
        }
        assert!(answered.is_empty(), "points from nowhere: {answered:?}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "the figures are small")]
fn same(point: &Point, rows: &[&UsageRow]) {
    let count = rows.len() as u64;
    let sum = |of: fn(&UsageRow) -> u64| rows.iter().map(|row| of(row)).sum::<u64>();
    let cpu = rows.iter().map(|row| row.cpu_percent).sum::<f64>() / count as f64;
    let cpu_max = rows.iter().map(|row| row.cpu_percent).fold(0.0, f64::max);
    assert_eq!(point.samples, count, "{point:?} {rows:?}");
    assert!((point.cpu_percent - cpu).abs() < 1e-6, "{point:?} {rows:?}");
    assert!((point.cpu_percent_max - cpu_max).abs() < 1e-6, "{point:?} {rows:?}");
    assert_eq!(point.memory_usage, (sum(|row| row.memory) + count / 2) / count, "{rows:?}");
    assert_eq!(point.memory_usage_max, rows.iter().map(|row| row.memory).max().unwrap());
    assert_eq!(point.network_rx_bytes, sum(|row| row.received));
    assert_eq!(point.network_tx_bytes, sum(|row| row.sent));
    assert_eq!(point.block_read_bytes, sum(|row| row.read));
    assert_eq!(point.block_write_bytes, sum(|row| row.written));
    assert_eq!(point.pids_max, rows.iter().map(|row| row.pids).max().unwrap());
}

async fn check(steps: Vec<Step>) -> usize {
    let (mut log, _folder): (SqliteUsageLog, _) = open().await;
    let (mut model, mut now, mut last) = (Model::default(), at(0), Vec::new());
    for step in steps {
        match step {
            Step::Append(new) => {
                let rows = new.into_iter().map(|(n, age, cpu)| {
                    let time = now - SignedDuration::from_millis(age);
                    (n, UsageRow { workspace: id(n), time, ..row(0, cpu) })
                });
                last = rows.collect();
                append(&log, &mut model, &last, now).await;
            }
            Step::Repeat => append(&log, &mut model, &last, now).await,
            Step::Clock(seconds) => now += SignedDuration::from_secs(seconds),
            Step::KeepHouse => {
                keep_house(&log, now.as_second() - crate::START).await;
                model.append(&[], now);
            }
            Step::Restart => log = reopen(log).await,
            Step::Ask(n, since, length, step) => {
                let since = now - SignedDuration::from_secs(since);
                let until = since + SignedDuration::from_secs(length * 7);
                let range = Range { since, until, step: Duration::from_secs(step) };
                let answer = log.history(id(n), &range, now).await.unwrap();
                model.check(n, &range, now, &answer);
            }
        }
    }
    model.compared
}

async fn append(log: &SqliteUsageLog, model: &mut Model, rows: &[(u64, UsageRow)], now: Timestamp) {
    log.append(rows.iter().map(|(_, row)| *row).collect(), now).await.unwrap();
    model.append(rows, now);
}

#[test]
fn any_sequence_of_calls_does_what_the_model_says() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 96,
        ..ProptestConfig::default()
    });
    let compared = std::cell::Cell::new(0);
    runner
        .run(&steps(), |steps| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            compared.set(compared.get() + runtime.block_on(check(steps)));
            Ok(())
        })
        .unwrap();
    assert!(compared.get() > 100, "only {} points were compared", compared.get());
}
