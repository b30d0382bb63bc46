//! Without a collector nothing of tracing exists.
//!
//! Alone in its file: it installs the global subscriber and counts threads.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::{settings, sockets, threads};
use trueup_observability::{current_trace_id, current_traceparent, init, link};

#[test]
fn without_an_endpoint_no_thread_starts_and_nothing_connects() {
    let (threads_before, sockets_before) = (threads(), sockets());
    let guard = init(&settings()).unwrap();
    let pass = tracing::info_span!(target: "trueup", "reconcile");
    pass.in_scope(|| {
        assert_eq!(current_trace_id(), None);
        assert_eq!(current_traceparent(), None);
    });
    let cause = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    link(&pass, cause).unwrap();
    drop(pass);
    assert_eq!(threads(), threads_before);
    assert_eq!(sockets(), sockets_before);
    drop(guard);
    assert_eq!(threads(), threads_before);
}
