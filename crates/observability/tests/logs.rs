//! Log lines as they are written.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use serde_json::json;
use support::{Lines, settings};
use tracing::dispatcher;
use trueup_observability::{LogFormat, Settings, build, init};

fn written(settings: &Settings, act: impl FnOnce()) -> Lines {
    let lines = Lines::default();
    let (dispatch, _guard) = build(settings, lines.clone()).unwrap();
    dispatcher::with_default(&dispatch, act);
    lines
}

#[test]
fn a_json_line_is_one_object_with_its_fields_and_spans() {
    let lines = written(&settings(), || {
        let pass = tracing::info_span!(target: "trueup", "reconcile", trueup.workspace.id = "w-1");
        let _pass = pass.entered();
        tracing::warn!(attempt = 3, quote = "a \"b\"\nc", "the engine\nis slow");
        tracing::info!("next");
        tracing::debug!("below the filter");
    });
    let lines = lines.objects();
    assert_eq!(lines.len(), 2);
    let line = &lines[0];
    assert_eq!(line["level"], json!("WARN"));
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    assert_eq!(line["fields"]["message"], json!("the engine\nis slow"));
    assert_eq!(line["fields"]["attempt"], json!(3));
    assert_eq!(line["fields"]["quote"], json!("a \"b\"\nc"));
    assert_eq!(line["spans"][0]["name"], json!("reconcile"));
    assert_eq!(line["spans"][0]["trueup.workspace.id"], json!("w-1"));
}

#[test]
fn a_human_line_has_no_colour_where_there_is_no_terminal() {
    let settings = Settings { log_format: LogFormat::Human, ..settings() };
    let text = written(&settings, || tracing::info!(workspace = "w-1", "ready")).text();
    assert!(text.contains("ready") && text.contains("w-1"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn the_filter_chooses_by_target_and_level() {
    let filter = "warn,trueup=debug".into();
    let text = written(&Settings { log_filter: filter, ..settings() }, || {
        tracing::debug!(target: "trueup_store", "ours");
        tracing::info!(target: "sqlx", "theirs");
        tracing::error!(target: "opentelemetry_sdk", "the exporter's");
    });
    let messages: Vec<_> =
        text.objects().iter().map(|line| line["fields"]["message"].clone()).collect();
    assert_eq!(messages, [json!("ours")]);
}

#[test]
fn a_bad_filter_is_refused() {
    let settings = Settings { log_filter: "trueup=loud".into(), ..settings() };
    let error = build(&settings, Lines::default()).map(drop).unwrap_err();
    assert!(error.to_string().contains("trueup=loud"), "{error}");
}

/// Standard error may be a pipe whose reader has gone. The test runs itself once
/// more with such a pipe, and does the writing there.
#[test]
fn a_line_that_cannot_be_written_is_lost_without_a_panic() {
    const CHILD: &str = "TRUEUP_TEST_WRITES_INTO_A_CLOSED_PIPE";
    if std::env::var_os(CHILD).is_some() {
        let _guard = init(&settings()).unwrap();
        tracing::info!("into the void");
        return;
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_line_that_cannot_be_written_is_lost_without_a_panic", "--nocapture"])
        .env(CHILD, "1")
        .stderr(writer)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}
