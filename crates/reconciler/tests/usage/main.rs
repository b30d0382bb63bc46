//! The sampler over containers that do what a test says, on a paused clock.

#![expect(clippy::unwrap_used, reason = "all of this is test code")]

mod conditions;
mod containers;
mod figures;
mod history;
mod stage;
