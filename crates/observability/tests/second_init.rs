//! A subscriber is installed once.
//!
//! Alone in its file: it installs the global subscriber and looks at threads.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use support::{settings, settings_with, threads};
use trueup_observability::{Error, init};

#[test]
fn a_second_init_is_refused_and_leaves_no_thread_behind() {
    let _guard = init(&settings()).unwrap();
    let before = threads();
    let error = init(&settings_with("http://127.0.0.1:9")).unwrap_err();
    assert!(matches!(error, Error::Install(_)), "{error:?}");
    let left: Vec<_> = threads().into_iter().filter(|name| !before.contains(name)).collect();
    // The thread that carried the answer may be on its last instructions.
    assert!(left.iter().all(|name| name == "trueup-flush"), "{left:?}");
}
