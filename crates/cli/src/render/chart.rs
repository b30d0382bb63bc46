//! What a workspace used over time: a line for each figure, with a bar for each piece of time.
//!
//! A bar is the average over its piece of time, and begins at zero. Where nothing was read there is a gap:
//! neither a bar nor a guess. Fits 80 columns.

mod series;

use super::{
    figure::{memory, or_unknown, percent, volume},
    one_line,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use series::{Series, series};
use std::time::Duration;
use trueup_api::wire::UsageHistory;

/// How many bars a line has.
pub(crate) const BARS: u32 = 36;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const GAP: char = ' ';
const TITLE: usize = 9;
const FIGURE: usize = 7;

/// The lines, under a header that says whose figures they are, of when, and where they come from.
pub(crate) fn render(title: &str, history: &UsageHistory) -> String {
    let UsageHistory { since, until, source, .. } = history;
    let source = source.as_ref().map_or_else(
        || "none now, as it does not run".to_owned(),
        |source| one_line(&source.to_string()),
    );
    let bar = match bar(history) {
        short if short < Duration::from_mins(1) => format!("{:.1}s", short.as_secs_f64()),
        long => crate::age::length(long.as_secs()),
    };
    let mut text = format!("{title}, {since:.0} to {until:.0}\nSource: {source}\nA bar: {bar}\n\n");
    text.push_str(&header(*since, *until));
    text.extend(series(history, BARS).iter().map(line));
    text
}

/// How long a bar speaks for.
fn bar(history: &UsageHistory) -> Duration {
    let length = history.until.duration_since(history.since);
    Duration::try_from(length).unwrap_or_default() / BARS
}

/// The times at both ends of the bars, in UTC as all times are here.
fn header(since: Timestamp, until: Timestamp) -> String {
    let format = match until.duration_since(since) {
        short if short < SignedDuration::from_hours(24) => "%H:%M:%S",
        _ => "%m-%d %H:%M",
    };
    let show = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime(format).to_string();
    let (left, right) = (show(since), show(until));
    let width = BARS as usize - left.len();
    let titles = ["MIN", "AVG", "MAX", "LAST"].map(|title| format!(" {title:>FIGURE$}")).concat();
    format!("{:TITLE$} {left}{right:>width$}{titles}\n", "")
}

fn line(series: &Series) -> String {
    let show = match series.title {
        "Memory" => |value: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "bytes, never negative"
            )]
            memory(value as u64)
        },
        "CPU%" => percent,
        "Processes" => |value: f64| format!("{value:.0}"),
        _ => volume,
    };
    let figures = [series.min, series.average, series.max, series.last]
        .map(|value| format!(" {:>FIGURE$}", or_unknown(value, show)))
        .concat();
    format!("{:TITLE$} {}{figures}\n", series.title, bars(&series.bars))
}

/// The bars, the highest of them as high as can be.
fn bars(values: &[Option<f64>]) -> String {
    let highest = values.iter().flatten().copied().fold(0.0, f64::max);
    let bar = |value: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 7, and saturating"
        )]
        let level = if highest > 0.0 { (value / highest * 7.0).round() as usize } else { 0 };
        BLOCKS[level.min(7)]
    };
    values.iter().map(|value| value.map_or(GAP, bar)).collect()
}
