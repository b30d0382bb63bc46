//! Logs and traces of the trueup controller: what is said, where it goes, and
//! what it may cost.
//!
//! [`init`] installs one subscriber for the process. It writes log lines, and,
//! only if an OTLP endpoint is configured, sends spans to it as HTTP/protobuf.
//!
//! ```no_run
//! # fn main() -> Result<(), trueup_observability::Error> {
//! use std::time::Duration;
//! use trueup_observability::{LogFormat, Otlp, Settings, init};
//!
//! let guard = init(&Settings {
//!     log_format: LogFormat::Human,
//!     log_filter: "info,trueup=debug".into(),
//!     log_to_stderr: true,
//!     otlp: Some(Otlp {
//!         endpoint: "http://localhost:4318".into(),
//!         timeout: Duration::from_secs(10),
//!         sample_ratio: 1.0,
//!         headers: Default::default(),
//!     }),
//!     service_name: "trueup".into(),
//!     service_version: "0.1.0".into(),
//!     instance_id: "default".into(),
//! })?;
//! // … run …
//! drop(guard); // flushes, within `Guard::DROP_DEADLINE`
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - **No endpoint, no cost.** Without one there is no exporter, no thread and
//!   no span bookkeeping beyond what the log lines need.
//! - **A pass never waits for the collector.** Spans enter a bounded queue; at
//!   the bound they are dropped and counted. One thread sends them in batches.
//! - **A dead collector is one log line a minute,** not one a batch, and one
//!   more line when it is back.
//! - **Exporting does not trace itself:** spans and events of the HTTP stack and
//!   of OpenTelemetry never reach the exporter.
//! - **Ending ends.** [`Guard`] flushes within a deadline and then lets go.
//!
//! # Names
//!
//! The crates that open spans use plain `tracing` and do not depend on this one,
//! so the names are kept here as text.
//!
//! | span | one for each | opened by |
//! | --- | --- | --- |
//! | `reconcile` | pass over one workspace; its causes are span links | reconciler |
//! | `engine.<call>` | call to the container engine, such as `engine.inspect` | engine adapter |
//! | `store.<write>` | write to the store, such as `store.record` | store |
//!
//! | attribute | on | meaning |
//! | --- | --- | --- |
//! | `trueup.workspace.id`, `trueup.workspace.name`, `trueup.owner` | `reconcile` | whose pass it is |
//! | `trueup.generation` | `reconcile` | the generation of the spec that was read |
//! | `trueup.causes` | `reconcile` | why the pass ran |
//! | `trueup.plan` | `reconcile` | the actions that were decided |
//! | `trueup.outcome` | `reconcile` | how it ended |
//! | `error.type` | any that failed | a short, stable name of the error |
//! | `server.address` | `engine.<call>` | the engine's address |
//! | `db.system.name`, `db.operation.name` | `store.<write>` | as OpenTelemetry defines them |
//!
//! Three field names are instructions to the exporter and not attributes:
//! `otel.name` (a span name known only at run time), `otel.kind` (`client` for a
//! call to another process) and `otel.status_code` (`ERROR` for a failure).
//! Whole numbers are recorded as `i64`; a `u64` arrives as text.
//!
//! # Deliberately absent
//!
//! Metrics, OTLP over gRPC, HTTPS to the collector (a local collector or agent
//! forwards over TLS), and exporting log lines.

mod complaint;
mod endpoint;
mod error;
mod export;
mod guard;
mod logs;
mod queue;
mod settings;
mod span;
mod subscriber;

pub use error::Error;
pub use guard::Guard;
pub use settings::{LogFormat, Otlp, Settings};
pub use span::{current_trace_id, current_traceparent, link};
pub use subscriber::{build, init};
