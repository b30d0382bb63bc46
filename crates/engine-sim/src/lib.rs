//! A simulated Docker Engine, in process: as true as what was measured on real ones, deterministic, and
//! as unreliable as a test wants it.
//!
//! Three rooms. [`Model`] is the engine itself, a pure and synchronous state machine in the terms of
//! the engine's own interface: it never waits, and time is told to it. [`SimEngine`] is the domain's
//! [`Engine`](trueup_domain::port::Engine) over it, with latency, deadlines and lost answers, on
//! tokio's clock, which a test holds still. [`Faults`], [`EngineAct`] and [`HumanAct`] say what goes wrong
//! and what others do, as plain data, so that a history can be printed and replayed.
//!
//! Invariant: the same seed and the same calls in the same order give the same history, to the
//! nanosecond; no wall clock is read, and no map is walked whose order is left to chance. What a
//! caller gave up is carried out all the same, as by the real engine.
//!
//! Deliberately absent: processes, file systems and packets. A container's
//! [`Program`] says how its process fares; a volume has a marker for its content.

mod engine;
mod fault;
#[cfg(feature = "http")]
mod http;
mod human;
mod model;
mod options;
mod transcript;

pub use engine::SimEngine;
pub use fault::{CallFault, CallRule, EngineAct, Faults, Happening, Odds, RowFault, StreamFault};
pub use human::HumanAct;
pub(crate) use model::{Answer, Request};
pub use model::{
    By, CallKind, ContainerView, Counters, Ending, Event, EventKind, Image, Limits, Model, Network,
    NetworkRequest, Program, Programs, Pull, Refusal, Removal, Row, Snapshot, Subnet, Tempo, Thing,
    Verdicts, Volume, VolumeView, Why,
};
pub use options::{Deadlines, Latency, SimOptions};
pub use transcript::{Entry, Transcript};
