//! What is said in the log, and what is not.

use super::*;
use crate::stage::{Stage, declare};
use futures::stream;
use serde_json::{Value, json};
use std::{fs, time::Duration};
use tracing::dispatcher;
use trueup_observability::{LogFormat, Settings, build};
use trueup_reconciler::runtime::Next;

fn settings() -> Settings {
    Settings {
        log_format: LogFormat::Json,
        log_filter: "info".into(),
        log_to_stderr: true,
        otlp: None,
        service_name: "trueup".into(),
        service_version: "1.2.3".into(),
        instance_id: "here".into(),
    }
}

fn succeeded(key: WorkspaceId, hot_loop: Option<HotLoop>) -> Outcome<WorkspaceId, Cause, Error> {
    Outcome {
        key,
        causes: [].into_iter().collect(),
        omitted: 0,
        attempt: 0,
        result: PassResult::Ok(Next::await_change()),
        queue_duration: Duration::ZERO,
        work_duration: Duration::ZERO,
        next_retry: None,
        hot_loop: hot_loop.map(Arc::new),
    }
}

/// The log lines about these outcomes.
async fn told(
    outcomes: Vec<Outcome<WorkspaceId, Cause, Error>>,
    workspaces: Arc<dyn Workspaces>,
) -> Vec<Value> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let (dispatch, _guard) = build(&settings(), Arc::new(log.reopen().unwrap())).unwrap();
    let _installed = dispatcher::set_default(&dispatch);
    report(stream::iter(outcomes), workspaces).await;
    let text = fs::read_to_string(log.path()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_workspace_that_is_woken_again_and_again_is_told_by_its_name_with_what_wakes_it() {
    let stage = Stage::new();
    let store = stage.store().await;
    declare(&store, &[("alice", "web")]).await;
    let id = store.list().await.unwrap()[0].id;
    let hot = HotLoop {
        passes: 100,
        took: Duration::from_millis(3_456),
        by_event: 49,
        by_wake_up: 51,
        ..HotLoop::default()
    };
    let lines = told(vec![succeeded(id, None), succeeded(id, Some(hot))], store).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], json!("WARN"));
    assert_eq!(
        lines[0]["fields"],
        json!({
            "message": "a workspace is reconciled far too often; something wakes it again and again",
            "workspace": "alice/web",
            "passes": 100,
            "within": "3.5s",
            "woken_by": "an event 49×, its own wake-up 51×",
        })
    );
}

#[test]
fn every_kind_of_cause_has_a_word_of_its_own() {
    let hot = HotLoop {
        by_user: 1,
        by_event: 2,
        by_retry: 3,
        by_wake_up: 4,
        by_resync: 5,
        ..HotLoop::default()
    };
    let words = "a user 1×, an event 2×, a retry 3×, its own wake-up 4×, a resync 5×";
    assert_eq!(woken_by(&hot), words);
}
