//! The queue on hand-made instants: the order of the line, merging, timers and limits, case by
//! case.
//!
//! What holds for every sequence of operations is in `runtime_queue_model`.

mod classes;
mod fairness;
mod hot_loops;
mod line;
mod pace;
mod support;
mod timers;
