//! The contract of the engine port: the same tests over every engine that trueup is run against.
//!
//! Three engines pass all of them: the simulation in process, the simulation on a socket through the
//! adapter for real engines, and a Docker Engine through the same adapter. So whatever a test with
//! the simulation proves holds for the real one, as far as this goes; where the two differ, the
//! simulation is wrong.
//!
//! The Docker Engine is found through `DOCKER_HOST` or at the usual sockets; without one the tests fail
//! and say what to install. Every test works under an instance id of its own and removes what it made.
//! Deliberately absent: what one engine alone has, such as its bytes and sockets (the adapter's suite)
//! and its faults (the simulation's own).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of it is test code")]

mod bench;
mod containers;
mod convergence;
mod events;
mod limits;
mod lists;
mod names;
mod networks;
mod refusals;
mod served;
mod volumes;
