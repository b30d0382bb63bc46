//! What is on the engine without a workspace, and which workspaces are without what is theirs.
//!
//! Passes repair one workspace each and see only what carries its label. What lost its workspace, or
//! came to be beside what a workspace has, is seen only from here: by holding all that the engine has
//! against all that is stored.
//!
//! # Guarantees
//! - What is young is never deletable: a pass may be just making it.
//! - A volume holds data and is deletable only when volumes were named.
//! - What a pass will look after by itself (the container that is being replaced, the volumes of a
//!   workspace that exists) is none of these.
//!
//! # Assumptions
//! The engine was looked at *before* the store was. Whatever a workspace that exists had made by then
//! finds its workspace; one that was declared later can have made nothing that is in the stock.

mod house;

use crate::{
    id::WorkspaceId,
    name::WorkspaceKey,
    policy::Policy,
    port::{Object, ObjectKind, Stock},
    status::Phase,
    workspace::Workspace,
};
use house::House;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// What was made less than this long ago may belong to a pass that is not over.
pub const YOUNG: SignedDuration = SignedDuration::from_secs(60);

/// Both ways in which engine and store can fail to match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What is on the engine and belongs to nothing: containers, then networks, then volumes.
    pub orphans: Vec<Orphan>,
    /// What workspaces should have and the engine does not.
    pub missing: Vec<Missing>,
}

/// Something on the engine that belongs to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// What it is.
    #[serde(flatten)]
    pub object: Object,
    /// Why it is one.
    pub reason: OrphanReason,
    /// What a deletion of orphans does with it.
    pub fate: Fate,
}

/// Why something is an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrphanReason {
    /// The workspace that it names is not stored.
    NoWorkspace,
    /// It names no workspace, and should.
    NamesNoWorkspace,
    /// Its workspace has another container.
    SecondContainer,
    /// Its workspace does not declare it any more.
    Undeclared,
    /// A network that no container uses and no workspace wants.
    Unwanted,
}

impl fmt::Display for OrphanReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoWorkspace => "its workspace does not exist",
            Self::NamesNoWorkspace => "it names no workspace",
            Self::SecondContainer => "its workspace has another container",
            Self::Undeclared => "its workspace does not declare it",
            Self::Unwanted => "no container uses it, no workspace wants it",
        })
    }
}

/// What a deletion of orphans does with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// It goes.
    Deletable,
    /// It goes when volumes were named.
    OnlyWithVolumes,
    /// It is too young: a pass may be just making it.
    TooYoung,
    /// It goes when its workspace is deleted with its volumes.
    WithItsWorkspace,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deletable => "goes with --delete",
            Self::OnlyWithVolumes => "goes with --delete --volumes",
            Self::TooYoung => "is too young to be told from what is being made",
            Self::WithItsWorkspace => "goes when its workspace is deleted with its volumes",
        })
    }
}

impl Orphan {
    /// Whether a deletion takes it along; `volumes` says whether it takes volumes.
    pub const fn is_deletable(&self, volumes: bool) -> bool {
        match self.fate {
            Fate::Deletable => true,
            Fate::OnlyWithVolumes => volumes,
            Fate::TooYoung | Fate::WithItsWorkspace => false,
        }
    }
}

/// Something that a workspace should have and the engine does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// Whose it would be.
    pub workspace: WorkspaceKey,
    /// Its identity.
    pub workspace_id: WorkspaceId,
    /// What the workspace says of itself: one that is `Creating` is no news.
    pub phase: Phase,
    /// What is missing.
    pub kind: ObjectKind,
    /// What it was called, or would be.
    pub name: String,
}

/// Holds an engine's stock against what is stored.
pub fn orphans(stock: &Stock, workspaces: &[Arc<Workspace>], policy: &Policy) -> Report {
    let house = House::new(stock, workspaces, policy);
    let mut orphans: Vec<_> = stock
        .objects
        .iter()
        .filter_map(|object| {
            let reason = house.reason(object)?;
            let fate = fate(object, reason, stock.at);
            Some(Orphan { object: object.clone(), reason, fate })
        })
        .collect();
    orphans.sort_by(|a, b| {
        let (a, b) = (&a.object, &b.object);
        (a.kind, &a.name, &a.id).cmp(&(b.kind, &b.name, &b.id))
    });
    Report { orphans, missing: house.missing() }
}

fn fate(object: &Object, reason: OrphanReason, now: Timestamp) -> Fate {
    // Of unknown age: nothing says that it is old.
    let is_young = object.created_at.is_none_or(|made| now.duration_since(made) < YOUNG);
    match (object.kind, reason) {
        (_, OrphanReason::Undeclared) => Fate::WithItsWorkspace,
        _ if is_young => Fate::TooYoung,
        (ObjectKind::Volume, _) => Fate::OnlyWithVolumes,
        (ObjectKind::Container | ObjectKind::Network, _) => Fate::Deletable,
    }
}

#[cfg(test)]
mod tests;
