//! The API of trueup: HTTP and JSON under `/v1`, over a unix socket or loopback TCP.
//!
//! - [`wire`]: the shapes that travel; what they are made of is re-exported in [`domain`].
//! - [`Problem`]: every refusal, as RFC 9457 has it.
//! - [`Client`]: what the command line uses, for any program in Rust.
//! - `server` (feature `server`): the other end; it knows the ports of the domain and no more.
//!
//! # Routes
//!
//! | method and path | does |
//! | --- | --- |
//! | `POST /v1/workspaces` | applies manifests, all or none; `dryRun` only says what it would do |
//! | `GET /v1/workspaces?owner=&label=k=v&phase=` | lists; `label` may be repeated, all must match |
//! | `GET /v1/workspaces/{owner}/{name}` | one |
//! | `DELETE /v1/workspaces/{owner}/{name}?volumes=&resourceVersion=` | asks for its end |
//! | `POST /v1/workspaces/{owner}/{name}/{verb}` | `start`, `stop`, `pause`, `resume`, `archive` |
//! | `POST /v1/workspaces/{owner}/{name}/sync` | has one reconciled now |
//! | `POST /v1/sync` | has all reconciled now |
//! | `GET /v1/workspaces/{owner}/{name}/passes?limit=` | its newest passes, newest first |
//! | `GET /v1/workspaces/{owner}/{name}/usage?since=&until=&step=` | what it used, in steps; times are RFC 3339, or a period back from now |
//! | `GET /v1/usage?owner=&label=k=v&phase=` | what the selected workspaces use now, each and together |
//! | `GET /v1/usage?by=owner`, `by=label:KEY` | the same, together by group |
//! | `GET /v1/usage/stream?owner=&name=` | each new figure as a server-sent event |
//! | `GET /v1/events?after=&owner=&name=&limit=&wait=` | events in order; waits for one up to `wait` seconds |
//! | `GET /v1/events?last=&owner=&name=` | the newest events, in order |
//! | `POST /v1/adopt` | takes over a running container that somebody else made; `dryRun` only says what it would do |
//! | `GET /v1/orphans?owner=` | what is on the engine and belongs to nothing, and what workspaces are without |
//! | `POST /v1/orphans/delete` | deletes it; volumes only with `volumes: true` |
//! | `GET /v1/version`, `GET /healthz`, `GET /readyz` | about the controller itself |
//! | `GET /metrics` | what the controller counts and measures, in the OpenMetrics text format |
//!
//! Unknown parameters and unknown fields are refused, so that a misspelt one never passes for "not
//! given". Deliberately absent: authentication. The unix socket is its owner's alone, and the TCP
//! listener takes loopback only.

mod address;
mod client;
mod error;
mod problem;
#[cfg(feature = "server")]
pub mod server;
pub mod wire;

pub use address::{Address, default_socket};
pub use client::{Client, EventFilter, UsageRange, UsageStream, WorkspaceFilter};
pub use error::Error;
pub use problem::{ItemProblem, Problem, ProblemKind};

/// The types of the domain that appear in the API, for clients that depend on this crate alone.
pub mod domain {
    pub use trueup_domain::{
        adoption, condition, container,
        desired::volume_name,
        error, event, id, manifest, name, orphan, pass,
        port::{Clock, Object, ObjectKind},
        quantity, spec, status, usage, workspace,
    };
}
