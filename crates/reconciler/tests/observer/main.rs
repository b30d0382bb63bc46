//! The observer over an engine that does what a test says, on a paused clock; and what becomes of
//! containers that do not answer.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this is test code")]

mod engine;
mod events;
mod losses;
mod quarantine;
mod sessions;
mod support;
