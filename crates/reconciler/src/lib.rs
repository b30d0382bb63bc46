//! The reconciler: a generic controller [`runtime`], and the passes of our [`workspace`]s upon it.
//!
//! It never sees Docker or SQL; both stand behind the ports of `trueup-domain`.

pub mod runtime;
pub mod usage;
pub mod workspace;
