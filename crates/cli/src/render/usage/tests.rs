//! Usage as users see it.

use crate::render::{chart, sample_metrics, usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use trueup_api::wire::{UsageGroups, UsageHistory, UsageList};

fn now() -> Timestamp {
    "2026-11-22T10:05:00Z".parse().unwrap()
}

fn summary() -> Value {
    json!({
        "total_workspaces": 3, "active_containers": 2, "total_cpu_usage": 112.5,
        "total_memory_usage": 200 << 20, "total_network_io_mb": 1234.5,
        "last_updated": "2026-11-22T10:04:57Z",
    })
}

fn list() -> UsageList {
    let item = |name: &str, status: &str, metrics: Value| {
        json!({
            "workspaceId": "0".repeat(32), "workspace": {"owner": "alice", "name": name},
            "status": status, "phase": "Running", "metrics": metrics,
        })
    };
    serde_json::from_value(json!({
        "items": [
            item("web", "active", sample_metrics(112.34)),
            item("off", "inactive", json!({"error_count": 0})),
        ],
        "summary": summary(),
        "source": {"kind": "engine_stats", "why": "the engine is on\nanother host"},
    }))
    .unwrap()
}

/// Points a step apart, each from a number; `None` leaves it out.
fn history(step: i64, numbers: &[Option<u64>]) -> UsageHistory {
    let since: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
    let point = |(index, number): (i64, u64)| {
        json!({
            "time": since + SignedDuration::from_secs(index * step),
            "cpu_percent": number, "cpu_percent_max": number + 1,
            "memory_usage": number << 20, "memory_usage_max": number << 20,
            "network_rx_bytes": number * 1000 * step.unsigned_abs(), "network_tx_bytes": 0,
            "block_read_bytes": 0, "block_write_bytes": 0,
            "pids_max": number, "samples": 10,
        })
    };
    let numbers = (0..).zip(numbers).filter_map(|(index, number)| Some((index, (*number)?)));
    let points: Vec<_> = numbers.map(point).collect();
    serde_json::from_value(json!({
        "points": points, "step": format!("{step}s"), "since": since,
        "until": since + SignedDuration::from_hours(1), "source": {"kind": "control_group"},
    }))
    .unwrap()
}

/// The bars of a chart's lines: CPU, memory, received, sent, processes.
fn bars(history: &UsageHistory) -> Vec<String> {
    let text = chart::render("alice/web", history);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    text.lines().skip(5).map(|line| line.chars().skip(10).take(36).collect()).collect()
}

#[test]
fn a_table_has_a_line_for_each_and_says_what_is_not_known() {
    let list = list();
    let items: Vec<_> = list.items.iter().collect();
    insta::assert_snapshot!(usage::table(&items, false));
}

#[test]
fn a_summary_says_what_all_use_and_where_that_comes_from() {
    insta::assert_snapshot!(usage::summary(&list(), now()));
}

#[test]
fn groups_are_lines_and_those_without_the_label_have_one_too() {
    let empty = json!({"total_workspaces": 1, "active_containers": 0, "total_cpu_usage": 0.0,
                       "total_memory_usage": 0, "total_network_io_mb": 0.0});
    let groups: UsageGroups = serde_json::from_value(json!({
        "groups": [{"summary": empty}, {"group": "payments", "summary": summary()}],
        "summary": summary(), "source": {"kind": "control_group"},
    }))
    .unwrap();
    insta::assert_snapshot!(usage::groups(&groups, "team", now(), false));
}

#[test]
fn a_chart_has_bars_and_figures_and_shows_gaps_as_gaps() {
    // A rise, ten minutes of nothing, a fall.
    let mut numbers: Vec<_> = (0..18).map(Some).collect();
    numbers.extend([None; 6]);
    numbers.extend((0..12).rev().map(Some));
    let history = history(100, &numbers);
    let bars = bars(&history);
    let gaps: Vec<_> = bars[0].chars().map(|bar| bar == ' ').collect();
    let expected: Vec<_> = numbers.iter().map(Option::is_none).collect();
    assert_eq!(gaps, expected);
    insta::assert_snapshot!(chart::render("alice/web", &history));
}

#[test]
fn a_chart_of_nothing_is_empty_and_makes_nothing_up() {
    let mut history = history(100, &[]);
    history.source = None;
    assert_eq!(bars(&history), vec![" ".repeat(36); 5]);
    insta::assert_snapshot!(chart::render("alice/web", &history));
}

#[test]
fn a_point_that_speaks_for_several_bars_fills_them() {
    let bars = bars(&history(900, &[Some(7), None, Some(7), Some(0)]));
    let expected = ["█".repeat(9), " ".repeat(9), "█".repeat(9), "▁".repeat(9)].concat();
    assert_eq!(bars[0], expected);
}

#[test]
fn readings_that_are_further_apart_than_a_bar_leave_no_gaps_between() {
    let mut history = history(300, &[Some(5); 12]);
    // Asked for with a step of ten seconds, of which only one in thirty has a reading.
    history.step = std::time::Duration::from_secs(10).into();
    assert_eq!(bars(&history)[0], "█".repeat(36));
}

#[test]
fn many_points_of_one_bar_are_its_average() {
    // Ten to a bar: alternately 0 and 10, and 20 in the last one.
    let numbers: Vec<_> =
        (0..360).map(|index| Some(if index >= 350 { 20 } else { (index % 2) * 10 })).collect();
    let bars = bars(&history(10, &numbers));
    // 5 of 20 is a quarter of seven steps.
    assert_eq!(bars[0], format!("{}█", "▃".repeat(35)));
}

/// The four figures of what was received, from the last to the lowest.
fn received(history: &UsageHistory) -> Vec<String> {
    let text = chart::render("alice/web", history);
    let line = text.lines().find(|line| line.starts_with("RX/s")).unwrap();
    line.split_whitespace().rev().take(4).map(str::to_owned).collect()
}

#[test]
fn the_step_that_is_under_way_is_not_taken_for_a_slow_one() {
    let mut history = history(100, &[Some(3); 36]);
    history.points.iter_mut().for_each(|point| point.samples = 10);
    history.until = history.since + SignedDuration::from_secs(3550);
    let last = history.points.last_mut().unwrap();
    last.network_rx_bytes /= 2;
    last.samples = 5;
    assert_eq!(received(&history), ["3.0kB"; 4]);
}

#[test]
fn a_reading_s_bytes_are_of_the_time_before_it_however_short_the_step() {
    // A step of one second, a reading every ten, and one just now.
    let mut history = history(10, &[Some(3); 12]);
    history.step = std::time::Duration::from_secs(1).into();
    history.until = history.points[11].time + SignedDuration::from_secs(1);
    assert_eq!(received(&history), ["3.0kB"; 4]);
}

#[test]
fn a_step_that_does_not_fit_the_interval_makes_no_waves() {
    // A reading every two seconds, of two thousand bytes, in steps of three: one and two in turn.
    let mut history = history(3, &[Some(3); 12]);
    for (point, samples) in history.points.iter_mut().zip([1, 2].into_iter().cycle()) {
        point.samples = samples;
        point.network_rx_bytes = samples * 2000;
    }
    assert_eq!(received(&history), ["1.0kB"; 4]);
}
