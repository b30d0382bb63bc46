//! What users see, as text that a reviewer can read.

use super::{
    line::event_line,
    page::{Page, render},
    sample,
    table::{Columns, Table},
    with_condition,
};
use jiff::Timestamp;
use serde_json::json;
use trueup_api::{
    domain::{
        event::Event,
        pass::Pass,
        status::{Phase, WorkspaceStatus},
    },
    wire::{WorkspaceMetrics, WorkspaceView},
};

fn now() -> Timestamp {
    "2026-11-22T10:05:00Z".parse().unwrap()
}

fn failing() -> WorkspaceView {
    let mut view = sample("bob", "a-much-longer-name");
    let status = &mut view.workspace.status;
    status.phase = Phase::CrashLoop;
    status.status = WorkspaceStatus::Inactive;
    status.container = None;
    view.metrics = WorkspaceMetrics { error_count: Some(3), ..WorkspaceMetrics::default() };
    with_condition(&mut view, "Degraded", "True", "PortTaken", "port 18080 is in use");
    let status = &mut view.workspace.status;
    status.last_error = Some(
        serde_json::from_value(json!({
            "operation": "start container", "reason": "PortTaken",
            "message": "port 18080 is\nin use \u{1b}[2J", "at": "2026-11-22T10:04:00Z",
            "generation": 3,
        }))
        .unwrap(),
    );
    view
}

fn event() -> Event {
    serde_json::from_value(json!({
        "id": 42, "workspaceId": "0".repeat(32), "workspace": {"owner": "alice", "name": "web"},
        "time": "2026-11-22T10:04:00.123Z", "type": "status_changed", "actor": "alice",
        "reason": "status_changed_inactive_to_active", "message": "The container runs.",
    }))
    .unwrap()
}

fn pass() -> Pass {
    serde_json::from_value(json!({
        "generation": 3, "startedAt": "2026-11-22T10:04:00Z", "durationMs": 180,
        "causes": [{"kind": "spec_change"}, {"kind": "sync", "actor": "alice"}],
        "why": "the container is missing",
        "attempts": [
            {"action": "create container trueup-web", "outcome": {"result": "done"}},
            {"action": "start container trueup-web",
             "outcome": {"result": "failed", "reason": "PortTaken", "message": "in use"}},
        ],
    }))
    .unwrap()
}

#[test]
fn a_table_has_one_line_for_each_workspace() {
    let views = [sample("alice", "web"), failing()];
    insta::assert_snapshot!(Table::new(Columns::Short, false).render(&views, now()));
}

#[test]
fn a_wide_table_says_what_is_wrong_on_one_harmless_line() {
    let views = [sample("alice", "web"), failing()];
    insta::assert_snapshot!(Table::new(Columns::Wide, false).render(&views, now()));
}

#[test]
fn the_short_table_fits_80_characters_with_the_names_and_reasons_that_occur() {
    let mut gone = sample("default", "health-check");
    gone.workspace.status.phase = Phase::Unknown;
    with_condition(&mut gone, "Ready", "Unknown", "EngineUnreachable", "no answer");
    with_condition(&mut gone, "Synced", "Unknown", "EngineUnreachable", "no answer");
    let mut looping = sample("agents", "crash-loop");
    looping.workspace.status.phase = Phase::CrashLoop;
    looping.workspace.status.status = WorkspaceStatus::Inactive;
    with_condition(&mut looping, "Degraded", "True", "GaveUp", "it ended 10 times");
    let text = Table::new(Columns::Short, false).render(&[gone, looping], now());
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn rows_of_a_watch_stand_under_the_earlier_ones_without_a_second_header() {
    let mut table = Table::new(Columns::Short, false);
    let mut text = table.render(&[sample("alice", "web"), failing()], now());
    text.push_str(&table.render(&[sample("alice", "web")], now()));
    assert_eq!(text.matches("NAME").count(), 1);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[1], lines[3]);
}

#[test]
fn colour_is_used_only_when_it_is_wanted() {
    let views = [sample("alice", "web")];
    let coloured = Table::new(Columns::Short, true).render(&views, now());
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    let plain = Table::new(Columns::Short, false).render(&views, now());
    assert!(!plain.contains('\u{1b}'), "{plain}");
}

#[test]
fn a_page_describes_everything_but_the_values_of_the_environment() {
    let view = sample("alice", "web");
    let page = Page { view: &view, passes: &[pass()], events: &[event()], now: now() };
    let text = render(&page);
    assert!(!text.contains("hunter2"));
    insta::assert_snapshot!(text);
}

#[test]
fn a_page_of_a_failing_workspace_shows_the_error_and_what_is_empty() {
    let view = failing();
    let page = Page { view: &view, passes: &[], events: &[], now: now() };
    insta::assert_snapshot!(render(&page));
}

#[test]
fn an_event_is_one_line() {
    insta::assert_snapshot!(event_line(&event()));
}
