//! What is said about a collector that is too slow, and that the count is right.
//!
//! Alone in its file: the export thread speaks to the global subscriber.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use serde_json::json;
use support::{DEADLINE, Lines, settings_with};
use tracing_subscriber::util::SubscriberInitExt;
use trueup_observability::build;
use trueup_tests::otlp_receiver::OtlpReceiver;

const SPANS: usize = 10_000;

#[tokio::test]
async fn every_span_either_arrives_or_is_counted_as_lost() {
    let receiver = OtlpReceiver::start().unwrap();
    let lines = Lines::default();
    let mut settings = settings_with(receiver.endpoint());
    settings.otlp.as_mut().unwrap().timeout = DEADLINE;
    let (dispatch, guard) = build(&settings, lines.clone()).unwrap();
    dispatch.try_init().unwrap();

    receiver.hold();
    for turn in 0..SPANS {
        tracing::info_span!(target: "trueup", "reconcile", turn).in_scope(|| {});
    }
    receiver.release();
    // The queue was full. Twice its size passes through, given time to drain.
    for turn in 0..4 {
        receiver.wait_for(|spans| spans.len() >= 2_048 + turn * 1_024, DEADLINE).await.unwrap();
        for _ in 0..1_024 {
            tracing::info_span!(target: "trueup", "later").in_scope(|| {});
        }
    }
    guard.shutdown(DEADLINE).await.unwrap();

    let spans = receiver.spans();
    let later = spans.iter().filter(|span| span.name == "later").count();
    assert_eq!(later, 4 * 1_024);
    let arrived = spans.len() - later;
    let lines = lines.objects();
    let lost: u64 = lines.iter().filter_map(|line| line["fields"]["lost_spans"].as_u64()).sum();
    assert_eq!(arrived as u64 + lost, SPANS as u64, "{lines:#?}");
    assert!(arrived >= 2_048, "the queue held {arrived}");
    assert!(lost > 0);
    let levels: Vec<_> = lines.iter().map(|line| &line["level"]).collect();
    assert_eq!(levels, [&json!("WARN"), &json!("INFO")]);
}
