//! Deterministic simulation of the whole controller: the real passes, observer, queue and SQLite store
//! over a simulated engine, on a clock that stands still while anything can happen and jumps when
//! nothing can.
//!
//! # Flow
//! A [`Course`] is drawn from a seed: what users, people and the engine do, what goes wrong, and where
//! the controller dies. It is played; then everything is well and rests, and after a while the world is
//! judged by the rules R1 to R9. A course that ends badly is made shorter for as long as it still does.
//!
//! # Guarantees
//! The same seed gives the same run, to the nanosecond of the simulated clocks.
//!
//! # Assumptions
//! The store answers in no time and one call after the other. What a database does when its process
//! dies is the business of the store's own tests.

mod bug;
mod clock;
mod course;
mod court;
mod fuse;
mod hands;
mod judge;
mod library;
mod life;
mod meddle;
mod play;
mod shrink;
mod store;
mod witness;

pub use bug::Bug;
pub use course::{Course, Deed, Guise, Meddling, Step};
pub use court::{Finding, Rule};
pub use play::{Played, play};
pub use shrink::shrink;

/// The instance whose objects are ours.
pub(crate) const INSTANCE: &str = "sim";
