//! From the points of a history to the bars and figures of a line.

use jiff::Timestamp;
use std::time::Duration;
use trueup_api::{domain::usage::Point, wire::UsageHistory};

/// One figure over time.
pub(super) struct Series {
    pub(super) title: &'static str,
    /// The average in each piece of time; `None`: nothing was read.
    pub(super) bars: Vec<Option<f64>>,
    pub(super) min: Option<f64>,
    /// Over all readings.
    pub(super) average: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) last: Option<f64>,
}

/// One figure in one step.
#[derive(Clone, Copy)]
struct Value {
    average: f64,
    highest: f64,
}

/// How a figure is taken from a point.
type Take<'a> = &'a dyn Fn(&Point) -> Value;

/// All figures of a history, with so many bars each.
pub(super) fn series(history: &UsageHistory, bars: u32) -> Vec<Series> {
    let span = span(history);
    let interval = interval(history, span);
    let seconds = |point: &Point| seconds(point, history, interval);
    let figures: [(&str, Take<'_>); 5] = [
        ("CPU%", &|point| Value { average: point.cpu_percent, highest: point.cpu_percent_max }),
        ("Memory", &|point| Value {
            average: number(point.memory_usage),
            highest: number(point.memory_usage_max),
        }),
        ("RX/s", &|point| flat(number(point.network_rx_bytes) / seconds(point))),
        ("TX/s", &|point| flat(number(point.network_tx_bytes) / seconds(point))),
        ("Processes", &|point| flat(number(point.pids_max))),
    ];
    let places: Vec<_> =
        history.points.iter().map(|point| place(point.time, history, span, bars)).collect();
    figures.into_iter().map(|(title, value)| one(title, history, &places, value, bars)).collect()
}

fn one(
    title: &'static str,
    history: &UsageHistory,
    places: &[(f64, f64)],
    value: Take<'_>,
    bars: u32,
) -> Series {
    let mut sums = vec![(0.0, 0.0); bars as usize];
    let (mut sum, mut weights) = (0.0, 0.0);
    let (mut min, mut max, mut last) = (None, None, None);
    for (point, place) in history.points.iter().zip(places) {
        let Value { average, highest } = value(point);
        let weight = number(point.samples.max(1));
        for (bar, number) in sums.iter_mut().zip(0..) {
            let part = weight * overlap(number, *place);
            *bar = (bar.0 + average * part, bar.1 + part);
        }
        (sum, weights) = (sum + average * weight, weights + weight);
        min = Some(min.map_or(average, |min: f64| min.min(average)));
        max = Some(max.map_or(highest, |max: f64| max.max(highest)));
        last = Some(average);
    }
    let mean = |(sum, weight): (f64, f64)| (weight > 0.0).then(|| sum / weight);
    let bars = sums.into_iter().map(mean).collect();
    Series { title, bars, min, average: mean((sum, weights)), max, last }
}

/// How long a point speaks for: a step, or, where readings are further apart than that, as long as it
/// is to the next as a rule.
fn span(history: &UsageHistory) -> Duration {
    let times = history.points.iter().map(|point| point.time);
    let mut gaps: Vec<_> = times
        .clone()
        .zip(times.skip(1))
        .filter_map(|(one, next)| Duration::try_from(next.duration_since(one)).ok())
        .collect();
    gaps.sort_unstable();
    let usual = gaps.get(gaps.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    history.step.duration().max(usual).max(Duration::from_secs(1))
}

/// Where a point begins and ends, counted in bars.
fn place(time: Timestamp, history: &UsageHistory, span: Duration, bars: u32) -> (f64, f64) {
    let whole = history.until.duration_since(history.since).as_secs_f64();
    let at = time.duration_since(history.since).as_secs_f64();
    let bar = whole / f64::from(bars);
    (at / bar, (at + span.as_secs_f64()) / bar)
}

/// How much of a bar a point takes, from 0 to 1. What is less than a thousandth comes from rounding.
fn overlap(bar: u32, (from, to): (f64, f64)) -> f64 {
    let bar = f64::from(bar);
    let both = to.min(bar + 1.0) - from.max(bar);
    if both < 1e-3 { 0.0 } else { both }
}

/// How far readings are apart as a rule, in seconds; `None`: there are too few to tell. What is at either
/// end is left out, as it may be a part of a step.
fn interval(history: &UsageHistory, span: Duration) -> Option<f64> {
    let points = history.points.get(1..history.points.len().checked_sub(1)?)?;
    let samples: u64 = points.iter().map(|point| point.samples).sum();
    (samples > 0).then(|| span.as_secs_f64() * number(points.len() as u64) / number(samples))
}

/// The seconds that the bytes of a point are of: those before each of its readings, however long the step
/// is in which they were made.
fn seconds(point: &Point, history: &UsageHistory, interval: Option<f64>) -> f64 {
    let step = history.step.duration().as_secs_f64().max(1.0);
    interval.map_or(step, |interval| interval * number(point.samples.max(1)))
}

const fn flat(value: f64) -> Value {
    Value { average: value, highest: value }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
const fn number(count: u64) -> f64 {
    count as f64
}
