//! The server on a real unix socket, asked by the real client, over ports in memory.

#![expect(clippy::unwrap_used, reason = "all of this is test code, helpers included")]

mod adopting;
mod changing;
mod events;
mod fake;
mod guarding;
mod harness;
mod lifecycle;
mod orphans;
mod reading;
mod usage;
mod usage_stream;
