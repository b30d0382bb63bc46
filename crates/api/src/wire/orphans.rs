//! What belongs to nothing: what is found, and what comes of deleting it.

use serde::{Deserialize, Serialize};
use trueup_domain::{
    name::Owner,
    orphan::{Orphan, Report},
};

/// The answer to `GET /v1/orphans`.
pub type OrphanReport = Report;

/// The body of `POST /v1/orphans/delete`; it may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeleteOrphansRequest {
    /// Whether volumes go too, with the data in them.
    pub volumes: bool,
    /// Only what is labelled as this owner's; what several share is nobody's then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// The answer to `POST /v1/orphans/delete`: each orphan once, in one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteOrphansResponse {
    /// What is gone now.
    pub deleted: Vec<Orphan>,
    /// What was left as it is.
    pub kept: Vec<NotDeleted>,
    /// What could not be deleted; it may be gone all the same where the engine did not answer in time.
    pub failed: Vec<NotDeleted>,
}

/// An orphan that was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotDeleted {
    /// Which.
    #[serde(flatten)]
    pub orphan: Orphan,
    /// Why not, as the end of a sentence that begins with "it" for what was kept, and in the engine's
    /// words for what failed.
    pub why: String,
}
