//! Taking over a container that somebody else made: what is asked, and what came of it.

use super::Applied;
use serde::{Deserialize, Serialize};
use trueup_domain::{
    adoption::LeftAlone,
    id::ContainerId,
    name::{Name, Owner},
    spec::Spec,
};

/// The body of `POST /v1/adopt`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdoptRequest {
    /// The container: its name, its id, or the beginning of one.
    pub container: String,
    /// What the workspace is called; not given: as the container is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Whose it is; not given: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// Only say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
}

/// The answer to an adoption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adopted {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Which workspace, and what came of it.
    #[serde(flatten)]
    pub applied: Applied,
    /// The id of the container.
    pub container: ContainerId,
    /// What the container declares.
    pub spec: Spec,
    /// What it has that a declaration does not say. It keeps that until its declaration changes so that
    /// it needs another container.
    pub left_alone: Vec<LeftAlone>,
}
