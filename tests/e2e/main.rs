//! End to end: the real binary, a real Docker Engine, a real client.
//!
//! Each test has a controller, a store and an instance id of its own, and removes whatever the
//! engine holds of it at its end, also when it fails.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "a test fails aloud")]

mod adopt;
mod crash;
mod drift;
mod engine_down;
mod faults;
mod instances;
mod lifecycle;
mod manifests;
mod orphans;
mod recovery;
mod scene;
mod support;
mod traces;
mod troubles;
mod usage;
