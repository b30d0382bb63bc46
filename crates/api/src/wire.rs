//! The shapes that travel: requests and answers of every route, in camelCase.
//!
//! Requests refuse unknown fields; answers may grow new ones.

mod change;
mod view;

pub use change::{Applied, ApplyRequest, ApplyResponse, Outcome, StateRequest, SyncResponse, Verb};
pub use view::{
    Check, EventPage, Health, LiveView, PassList, VersionInfo, WorkspaceList, WorkspaceView,
};
