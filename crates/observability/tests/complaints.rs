//! What is said about a collector that fails and recovers.
//!
//! Alone in its file: the export thread speaks to the global subscriber.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use serde_json::json;
use support::{DEADLINE, Lines, settings_with};
use tracing_subscriber::util::SubscriberInitExt;
use trueup_observability::build;
use trueup_tests::otlp_receiver::OtlpReceiver;

#[tokio::test]
async fn a_failing_collector_is_one_complaint_and_its_recovery_one_line() {
    let receiver = OtlpReceiver::start().unwrap();
    let lines = Lines::default();
    let (dispatch, guard) = build(&settings_with(receiver.endpoint()), lines.clone()).unwrap();
    dispatch.try_init().unwrap();

    receiver.answer_with(400);
    for batch in 1..=3 {
        tracing::info_span!(target: "trueup", "lost").in_scope(|| {});
        receiver.wait_for_requests(batch, DEADLINE).await.unwrap();
    }
    receiver.answer_with(200);
    tracing::info_span!(target: "trueup", "arrives").in_scope(|| {});
    receiver.wait_for(|spans| spans.len() == 1, DEADLINE).await.unwrap();
    guard.shutdown(DEADLINE).await.unwrap();

    let lines = lines.objects();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_eq!(lines[0]["level"], json!("WARN"));
    let complaint = &lines[0]["fields"];
    assert_eq!(complaint["lost_spans"], json!(1));
    assert_eq!(complaint["endpoint"], json!(format!("{}/v1/traces", receiver.endpoint())));
    assert!(complaint["error"].as_str().unwrap().contains("400"), "{complaint}");
    assert_eq!(lines[1]["level"], json!("INFO"));
    assert_eq!(lines[1]["fields"]["lost_spans"], json!(2));
}
