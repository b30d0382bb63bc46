//! The decision tested from outside: tables, properties and golden scenarios over one model world.
//!
//! Nothing here knows how `plan` comes to its answer; everything goes through the public interface.

#![expect(clippy::unwrap_used, reason = "all of this is test code")]

mod adopting;
mod build;
mod drifting;
mod ending;
mod generate;
mod keeping;
mod measured;
mod news;
mod properties;
mod restarting;
mod scenarios;
mod script;
mod world;
