//! The shapes that travel: requests and answers of every route, in camelCase; figures of usage in
//! snake_case, as the product's description names them.
//!
//! Requests refuse unknown fields; answers may grow new ones.

mod adoption;
mod change;
mod orphans;
mod shape;
mod usage;
mod view;

pub use adoption::{AdoptRequest, Adopted};
pub use change::{Applied, ApplyRequest, ApplyResponse, Outcome, StateRequest, SyncResponse, Verb};
pub use orphans::{DeleteOrphansRequest, DeleteOrphansResponse, NotDeleted, OrphanReport};
pub use usage::{
    SourceKind, UsageGroup, UsageGroups, UsageHistory, UsageList, UsageSource, WorkspaceMetrics,
    WorkspaceUsage,
};
pub use view::{
    Check, EventPage, Health, LiveView, PassList, VersionInfo, WorkspaceList, WorkspaceView,
};
