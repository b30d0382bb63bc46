//! A collector that refuses, or never answers, must not be felt.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::time::Duration;

use support::{DEADLINE, Lines, settings_with};
use tokio::time::Instant;
use tracing::dispatcher;
use trueup_observability::{Error, Guard, build};

const SPANS: usize = 20_000;

/// Ends many more spans than the queue holds and gives the time that took.
fn flood(endpoint: &str) -> (Guard, Duration) {
    let (dispatch, guard) = build(&settings_with(endpoint), Lines::default()).unwrap();
    let start = Instant::now();
    dispatcher::with_default(&dispatch, || {
        for turn in 0..SPANS {
            tracing::info_span!(target: "trueup", "reconcile", turn).in_scope(|| {});
        }
    });
    (guard, start.elapsed())
}

/// The system accepts connections to it, and nobody ever reads from them.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

/// Nobody listens at a port that was just given up.
fn refusing() -> String {
    silent().1
}

#[test]
fn thousands_of_spans_do_not_wait_for_a_collector_that_refuses() {
    let (guard, taken) = flood(&refusing());
    // One batch's timeout is 10 s, so that waiting for any would show.
    assert!(taken < Duration::from_secs(8), "{taken:?}");
    let start = Instant::now();
    drop(guard);
    let taken = start.elapsed();
    assert!(taken < Guard::DROP_DEADLINE + Duration::from_secs(2), "{taken:?}");
}

#[test]
fn thousands_of_spans_do_not_wait_for_a_collector_that_never_answers() {
    let (_listener, endpoint) = silent();
    let (guard, taken) = flood(&endpoint);
    assert!(taken < Duration::from_secs(8), "{taken:?}");
    let start = Instant::now();
    drop(guard);
    let taken = start.elapsed();
    assert!(taken < Guard::DROP_DEADLINE + Duration::from_secs(2), "{taken:?}");
}

#[tokio::test]
async fn shutting_down_gives_up_at_its_deadline_and_says_so() {
    let (_listener, endpoint) = silent();
    let (guard, _) = flood(&endpoint);
    let deadline = Duration::from_millis(200);
    let error = tokio::time::timeout(DEADLINE, guard.shutdown(deadline)).await.unwrap();
    assert!(matches!(error, Err(Error::Flush { .. })), "{error:?}");
}

#[test]
fn a_runtime_ends_although_an_export_hangs() {
    let (_listener, endpoint) = silent();
    let start = Instant::now();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (guard, _) = flood(&endpoint);
        guard.shutdown(Duration::from_millis(200)).await.unwrap_err();
    });
    drop(runtime);
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(9), "it waited for the 10 s timeout: {taken:?}");
}
