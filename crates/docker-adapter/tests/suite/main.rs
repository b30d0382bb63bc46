//! The adapter against a real engine, and against sockets that misbehave.
//!
//! The engine is found through `DOCKER_HOST` or at the usual sockets; without one the tests fail and
//! say what to install. Every test works under an instance id of its own and removes what it made,
//! also when it fails. The engine itself is never stopped: what is to break, breaks in a proxy.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of it is test code")]

mod actions;
mod convergence;
mod down;
mod events;
mod inventory;
mod networks;
mod proxy;
mod refusals;
mod spans;
mod support;
mod volumes;
