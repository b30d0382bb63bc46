//! The ports: what the core needs from the outside, implemented at the edges.

mod clock;
mod engine;
mod inventory;
mod project;
mod retries;
mod store;
mod usage;

pub use clock::Clock;
pub use engine::{Engine, EngineChange, EngineEvent, Unreadable, WatchEvent};
pub use inventory::{Inventory, Object, ObjectKind, Removal, Stock};
pub use project::Projects;
pub use retries::{Retries, RetryState};
pub use store::{
    Change, Changes, ErrorCount, EventLog, EventQuery, PassLog, PassRecord, Recorded, SpecWrite,
    Workspaces, Written,
};
pub use usage::{Gauge, Meter, UsageError, UsageLog, UsageSource};
