//! The controller on a paused clock: its invariants, one or more tests each.
//!
//! Time only moves when everything waits, so that "at 20 s" is exact. A test that would wait for
//! ever fails at a deadline of virtual time instead. What holds for every course of events is in
//! `runtime_controller_model`.

mod cancelling;
mod classes;
mod fairness;
mod metrics;
mod q10_and_q11;
mod q1_to_q3;
mod q4_timers;
mod q5_and_q7;
mod q6_backoff;
mod q8_and_q9;
mod remembering;
mod sources;
mod store;
mod support;
