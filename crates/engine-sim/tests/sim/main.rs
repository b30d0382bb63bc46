//! The simulated engine held to what was measured on real ones.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of it is test code")]

mod behind_our_back;
mod calls;
mod determinism;
mod ending;
mod events;
mod making;
mod outages;
mod support;
mod surroundings;
mod wholeness;
