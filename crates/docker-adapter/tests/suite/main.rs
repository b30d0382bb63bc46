//! The adapter against a real engine, and against sockets that misbehave.
//!
//! What every engine does through the port is in the contract (`tests/contract`); here is what only a
//! Docker Engine has, and the bytes.
//!
//! The engine is found through `DOCKER_HOST` or at the usual sockets; without one the tests fail and
//! say what to install. Every test works under an instance id of its own and removes what it made,
//! also when it fails. The engine itself is never stopped: what is to break, breaks in a proxy.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of it is test code")]

mod down;
mod events;
mod host;
mod inventory;
mod limits;
mod networks;
mod proxy;
mod spans;
mod support;
mod usage;
