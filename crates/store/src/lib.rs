//! The store: workspaces, statuses, events, passes and retries on disk, in an embedded SQLite
//! database.
//!
//! [`SqliteStore`] implements the store ports of `trueup-domain`: the four of what is desired and
//! observed, and [`Retries`](trueup_domain::port::Retries). Three promises hold all over:
//!
//! - **Durable before announced.** A caller is answered and a `Change` is sent only after the
//!   transaction is on the disk; a kill at any instruction loses nothing that was acknowledged.
//! - **All or nothing.** A call is carried out whole or not at all, also when it shares its commit
//!   with others and one of those fails.
//! - **Nobody waits for a reader or a subscriber.** Reads have connections of their own, and a
//!   subscriber that is slow, fails or panics is told what it missed.
//!
//! [`SqliteUsageLog`] keeps the history of usage, in a file of its own and with promises of its own: it
//! is less precious, and much more of it is written.
//!
//! `decision` is the pure middle, which a second backend shares; `sqlite` is the thin edge around it.
//! Absent on purpose: a clock and a source of ids. Times and ids come in with the calls.

mod callback;
mod decision;
mod error;
mod options;
mod private;
mod sqlite;
mod usage;

pub use callback::Callback;
pub use error::Error;
pub use options::Options;
pub use sqlite::SqliteStore;
pub use usage::{SqliteUsageLog, UsageOptions, UsageRefused};
