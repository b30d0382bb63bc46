//! The [`Engine`](trueup_domain::port::Engine), [`Inventory`](trueup_domain::port::Inventory) and
//! [`UsageSource`](trueup_domain::port::UsageSource) ports over the Docker Engine's API.
//!
//! Everything that the rest of the project knows about Docker ends here: requests are made from
//! domain values, and answers are turned into domain values or into an
//! [`EngineError`](trueup_domain::error::EngineError) that keeps the engine's own words.
//!
//! Invariants: every call has a deadline, a span and a bounded place in a lane; an action that finds
//! things as they should be succeeds; what is not known to have failed is of class `Unknown`.
//!
//! # API versions
//! bollard 0.21.1 negotiates a version and then sends every path without one: it joins an absolute
//! path to its versioned base, which drops the base's `/v1.x`. An engine answers such a request with
//! its newest version, so that an engine newer than the models could answer what they cannot read.
//! The `transport` therefore asks the engine for its range before the first call and after
//! every loss of the connection, and puts the newest version that both sides know in front of every
//! path. Versions from 1.41 (Docker 20.10) to 1.52 (Docker 29) are spoken.
//!
//! # Secrets
//! Commands and environments may hold them. They are in no span, no log line and no error of this
//! crate, but for a program's name where the engine says that it cannot be executed. bollard writes whole requests to the `log` facade at `debug` and `trace`: whoever
//! forwards that facade has to keep the target `bollard` at `info`.
//!
//! # Files
//! - [`options`]: where the engine is, and all limits.
//! - `transport`: bytes to and from the engine, versions. `call`: deadline, lane, span.
//! - `operation`: the kinds of calls by name.
//! - `classify`: an engine's refusal → reason and class.
//! - `engine`: the port. `perform`: one arm per action. `create`, `network`, `subnet`, `volume`,
//!   `pull`: what an arm needs more words for.
//! - `convert`: inspect answers → domain. `init_words`: why an init could not run a command.
//!   `inherited`: containers whose labels come from their image. `list`: rows of a list → domain.
//! - `inventory`: all that the engine holds of ours, removal by id, and what may be adopted.
//! - `events`: the engine's events, line by line, and its clock.
//! - `usage`: what a container uses, from the kernel's files or from the engine.
//!
//! Deliberately absent: TLS and ssh, retries (the queue has them), resubscription and relists (the
//! reconciler's observer has them), samples of usage (the reconciler's sampler has them).

mod call;
mod classify;
mod convert;
mod create;
mod engine;
mod error;
mod events;
mod inherited;
mod init_words;
mod inventory;
mod list;
mod network;
mod operation;
pub mod options;
mod perform;
mod pull;
mod subnet;
mod transport;
mod usage;
mod volume;
mod window;

pub use engine::DockerEngine;
pub use error::Error;
pub use options::{Concurrency, Deadlines, Options};
pub use subnet::check_range;
pub use usage::{EngineUsage, HostFiles};
