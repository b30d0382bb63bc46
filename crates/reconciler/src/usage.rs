//! The sampler: the usage of every running workspace, read in turns.
//!
//! # Flow
//! 1. It follows the store: a workspace whose container runs gets a seat, and loses it when that ends.
//! 2. Seats are spread evenly over the interval (the rota); when its turn comes, a seat lends its gauge
//!    out, and the reading comes back with it.
//! 3. A reading and the one before make figures: shown ([`Figures`]), kept as history, and held
//!    against the thresholds. Only when a condition has to say something new is a pass woken.
//!
//! # Guarantees
//! - No pass, no reader and no other workspace waits for a reading: all that waits is bounded in number
//!   and time, and a turn that comes while the last reading is still out is left out.
//! - Figures are made from two readings of one run of a container, never of two.
//! - History that cannot be written is dropped, and counted in the log.
//!
//! Deliberately absent: how a reading comes about, and any look at the engine's state; a run that ended
//! is learnt from its gauge or from the store, whichever is first.

mod figures;
mod journal;
mod rota;
mod sampler;
mod seat;

pub use figures::Figures;
pub use sampler::{Options, Parts, sample};
