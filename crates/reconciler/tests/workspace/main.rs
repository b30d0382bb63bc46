//! The passes over workspaces, checked against the rules R1 to R9 of ARCHITECTURE.md.
//!
//! The ports are models in memory, the time stands still, and a pass is polled by hand: so it can
//! be cut off at every await.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this is test code")]

mod converging;
mod crashing;
mod ending;
mod generations;
mod news;
mod pretending;
mod source;
mod stale;
mod support;
mod unknown;
